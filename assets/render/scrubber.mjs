/* While the view moves: slices as codes of a byte a cell, from the page's frames or the server, painted onto the canvas.

   A target is painted in the task that set it when its frame is there, at most one in each animation frame, and none
   waits in a queue: the next animation frame paints what is the target then. */

import { createPrefetcher } from '../data/prefetcher.mjs';
import { afterStep, AT_REST, indicesAhead, indicesAround } from '../model/motion.mjs';
import { overlayQuery } from '../model/overlay.mjs';
import { codedCells } from './codes.mjs';
import { describeFrames, frameOf, frameQuery } from './frame-request.mjs';
/** @import { Failure } from '../data/api.mjs' */
/** @import { Bandwidth } from '../data/bandwidth.mjs' */
/** @import { Frame, FrameCache } from '../data/frame-cache.mjs' */
/** @import { Origin } from '../data/slice-loader.mjs' */
/** @import { PaintedSlice } from '../data/telemetry.mjs' */
/** @import { Cells } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { Velocity } from '../model/motion.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { SliceQuery } from '../model/viewport.mjs' */
/** @import { Canvas } from './canvas.mjs' */
/** @import { FrameScene } from './frame-request.mjs' */
/** @import { PictureParts } from './heatmap.mjs' */
/** @import { Painted } from './state-machine.mjs' */

/**
 * @typedef {{scene: FrameScene, control: AbortController, since: number, coming: boolean}} Demand
 * @typedef {ReturnType<typeof createScrubber>} Scrubber
 */

/**
 * @typedef {object} OwnParts
 * @property {FrameCache} frames
 * @property {Bandwidth} bandwidth
 * @property {Canvas} canvas
 * @property {{onPainted: () => void}} panels
 * @property {string} viewerId
 * @property {() => boolean} [isAwaitedBeside] Whether pictures beside this one are awaited.
 * @property {{painted: (view: View) => void, seen: (view: View) => void,
 *   failed: (error: Failure, scene: FrameScene) => void}} on
 */

/** @typedef {OwnParts & Omit<PictureParts, 'scrubber' | 'store' | 'patch' | 'readout' | 'status' | 'early'>} ScrubberParts */

// How long a demand waits for a prefetch of the same frame (ms).
const LATE_MS = 60;

// A demand younger than this is not aborted for a newer target; one whose bytes are arriving has longer.
const PATIENCE_MS = 250;
const COMING_MS = 3000;

// A frame that the link carries for longer than this shares it with no other.
const SLOW_MS = 100;

// The panel follows at a rate that can be read.
const PANEL_MS = 200;

/** `frames` are the cached ones, `player` knows which slice is played next, `pipeline` and `panels` show what a slice
 * took. `on` has what is called: painted(view) for the slice that is the target, seen(view) for one on the way there,
 * failed(error, scene). @param {ScrubberParts} parts */
export function createScrubber(
  {
    clock,
    machine,
    frames,
    loader,
    bandwidth,
    telemetry,
    plot,
    display,
    canvas,
    colors,
    player,
    pipeline,
    panels,
    viewerId,
    isAwaitedBeside = () => false,
    on,
  },
) {
  const { state, send } = machine;
  // What is asked for goes before what is fetched ahead, also where it is beside this picture.
  const most = () => isAwaitedBeside() ? 0 : bandwidth.maxConcurrent(frameBytes);
  const prefetcher = createPrefetcher(ahead, onPrefetched, isCached, most, clock);
  /** @type {FrameScene | null} */
  let target = null;
  let frameInFlight = false;
  /** @type {Demand | null} */
  let demand = null;
  let next = 0;
  let late = 0;
  let frameBytes = 250000;
  /** @type {Readonly<Velocity>} */
  let velocity = AT_REST;
  let fetchesAhead = true;
  /** @type {{due: number, last: PaintedSlice | null}} */
  const panel = { due: 0, last: null };

  /** @param {View} view @returns {FrameScene} */
  function describe(view) {
    const cells = display.cellsInMotion(view, velocity.speed);
    const scene = describeFrames(view, /** @type {ColorMapping} */ (colors.current()), cells);
    frameBytes = scene.bytes;
    return scene;
  }

  /** Another slice of the plane on the screen is requested, at the time `at` (ms) of a key or click.
   * @param {View} view @param {number} [at] */
  function request(view, at) {
    const before = target;
    updateVelocity(view);
    target = Object.assign(describe(view), { requestedAt: at });
    if (before && before.requestedAt !== undefined && before.index !== target.index && !isShown(before)) {
      telemetry.skipped();
    }
    if (before && before.frameSetKey !== target.frameSetKey) prefetcher.stop();
    frames.setCursor(target.frameSetKey, target.index, velocity.direction);
    tryPaint();
  }

  /** @param {View} view */
  function updateVelocity(view) {
    const delta = target && target.axis === view.axis ? view.position[view.axis] - target.index : 0;
    if (delta) velocity = afterStep(velocity, delta, clock.now());
  }

  /** @param {FrameScene | null} scene @returns {boolean} */
  function isShown(scene) {
    const { painted } = state();
    return Boolean(painted && scene && painted.frameSetKey === scene.frameSetKey && painted.index === scene.index);
  }

  function tryPaint() {
    if (!target) return;
    const frame = frames.get(target.frameSetKey, target.index, target.viewport.step);
    if (!frame) {
      if (!isShown(target)) load();
      return;
    }
    clock.cancel(late);
    if (isShown(target) && /** @type {Painted} */ (state().painted).step <= frame.step) return;
    // One a frame: what is painted twice between two frames is never seen.
    if (frameInFlight) return;
    paint(frame, target, frame.fresh ? frame.answer : { source: 'ring', version: frame.answer.version, server: {} });
  }

  /** @param {Frame} frame @param {FrameScene} scene @param {Origin} answer */
  function paint(frame, scene, answer) {
    frame.fresh = false;
    const again = isShown(scene);
    const spent = canvas.paint(frame, colors.ofFrame(frame.answer.window));
    const drawn = clock.now();
    display.addFrame(frame.rows * frame.cols, spent.convert + spent.draw);
    cover({ frameSetKey: scene.frameSetKey, index: scene.index, step: frame.step });
    if (again) return;
    frameInFlight = true;
    const displayed = {
      axis: scene.axis,
      index: scene.index,
      requestedAt: scene.requestedAt,
      query: { file: scene.file, dataset: scene.dataset, selection: frame.selection },
    };
    telemetry.painted(displayed, answer, spent, drawn).then((stages) => {
      showStages(stages);
      panels.onPainted();
    });
    clock.nextFrame(() => {
      frameInFlight = false;
      tryPaint();
    });
    if (scene === target) {
      prefetcher.setQueue(plan());
      on.painted(scene.view);
    } else on.seen(scene.view);
  }

  /** @param {PaintedSlice} stages */
  function showStages(stages) {
    panel.last = stages;
    if (panel.due) return;
    pipeline.show(stages);
    panel.due = clock.later(() => {
      panel.due = 0;
      if (panel.last !== stages) showStages(/** @type {PaintedSlice} */ (panel.last));
    }, PANEL_MS);
  }

  /** Indices to prefetch. When no frame ahead is cached, a request made now arrives too late for the next ones.
   * @returns {number[]} */
  function plan() {
    if (!fetchesAhead) return [];
    const { index, shape, axis } = /** @type {FrameScene} */ (target);
    const length = shape[axis];
    const playing = player.isPlaying();
    /** @param {number} k @returns {number | null} */
    const at = (k) =>
      playing ? player.indexAfter(index, k * velocity.stride) : index + k * velocity.stride * velocity.direction;
    const inTime = playing || isCached(at(1));
    return indicesAhead(velocity, {
      length,
      at,
      delayMs: inTime ? 0 : bandwidth.latencyMs() + bandwidth.transferMs(frameBytes),
      capacity: Math.floor(frames.limit / 2 / frameBytes),
    });
  }

  /* Fetching */

  /** @param {FrameScene} scene @param {number} index @param {Pick<SliceQuery, 'ahead'>} more
   * @param {RequestInit & {signal: AbortSignal}} options @param {() => void} [onHeaders] @returns {Promise<Frame>} */
  async function fetchFrame(scene, index, more, options, onHeaders) {
    const query = Object.assign(frameQuery(scene, index, viewerId), more);
    const over = overlayQuery(scene.view, query);
    return frameOf(scene, query.selection, await loader.load(query, options, scene.generation, onHeaders, over));
  }

  /** @param {number} index @param {AbortSignal} signal */
  function ahead(index, signal) {
    return fetchFrame(/** @type {FrameScene} */ (target), index, { ahead: 1 }, { signal, priority: 'low' });
  }

  /** @param {number | null} index @returns {boolean} */
  function isCached(index) {
    return Boolean(target && frames.get(target.frameSetKey, /** @type {number} */ (index), target.viewport.step));
  }

  /** @param {number} index @param {Frame} frame */
  function onPrefetched(index, frame) {
    telemetry.fetchedAhead(frame.answer);
    frames.put(frame.frameSetKey, index, frame);
    if (target && target.frameSetKey === frame.frameSetKey && target.index === index) tryPaint();
  }

  /* The target is not cached. */
  function load() {
    const { frameSetKey, index } = /** @type {FrameScene} */ (target);
    if (demand && demand.scene.frameSetKey === frameSetKey && demand.scene.index === index) return;
    clock.cancel(late);
    if (prefetcher.isRunning(index)) {
      late = clock.later(() => target && !isCached(target.index) && ask(), LATE_MS);
    } else ask();
  }

  function ask() {
    clock.cancel(next);
    if (demand) {
      const left = demand.since + (demand.coming ? COMING_MS : PATIENCE_MS) - clock.now();
      if (left > 0) {
        next = clock.later(() => target && !isCached(target.index) && ask(), Math.min(left, PATIENCE_MS));
        return;
      }
      demand.control.abort();
    }
    const scene = /** @type {FrameScene} */ (target);
    const mine = { scene, control: new AbortController(), since: clock.now(), coming: false };
    demand = mine;
    const slow = bandwidth.transferMs(frameBytes) > SLOW_MS;
    if (slow) prefetcher.pause(true);
    const coming = () => {
      mine.coming = true;
    };
    fetchFrame(scene, scene.index, {}, { signal: mine.control.signal }, coming).then(
      (frame) => mine === demand && onFrame(mine.scene, frame),
      (error) => {
        if (mine !== demand) return;
        demand = null;
        prefetcher.pause(false);
        if (error.name !== 'AbortError') on.failed(error, mine.scene);
      },
    );
    // The first step may lead anywhere: until it is answered, the server has nothing else to do for this page.
    if (!slow && velocity.speed > 0) prefetcher.setQueue(plan());
  }

  /** @param {FrameScene} scene @param {Frame} frame */
  function onFrame(scene, frame) {
    demand = null;
    prefetcher.pause(false);
    if (!target) return;
    frame.fresh = true;
    frames.put(scene.frameSetKey, scene.index, frame);
    const mine = target.frameSetKey === scene.frameSetKey && target.index === scene.index;
    if (!mine && isCloser(scene) && !frameInFlight) paint(frame, scene, frame.answer);
    tryPaint();
  }

  /** Whether a slice is closer to the target than the one on the screen.
   * @param {FrameScene} scene @returns {boolean} */
  function isCloser(scene) {
    const { frameSetKey, index: end } = /** @type {FrameScene} */ (target);
    if (scene.frameSetKey !== frameSetKey || isShown(target)) return false;
    /** @param {number} index */
    const off = (index) => Math.abs(index - end);
    const { painted } = state();
    return !painted || painted.frameSetKey !== frameSetKey || off(scene.index) < off(painted.index);
  }

  /* Rest */

  /** The heatmap is drawn: nothing moves. Frames around it are prefetched, so that the first key finds one.
   * @param {View} view */
  function settle(view) {
    end();
    if (view.axis === null) return;
    velocity = Object.assign({}, velocity, { speed: 0 });
    target = describe(view);
    frames.setCursor(target.frameSetKey, target.index, velocity.direction);
    prefetcher.setQueue(fetchesAhead ? indicesAround(velocity, target.index, view.shape[view.axis]) : []);
  }

  /* Drop the target; what is on the canvas stays. */
  function cancel() {
    clock.cancel(next);
    clock.cancel(late);
    if (demand) demand.control.abort();
    demand = null;
    target = null;
    prefetcher.pause(false);
    prefetcher.stop();
  }

  function end() {
    cancel();
    const { covered } = state();
    send('uncovered');
    if (!covered) return;
    plot.cover(false);
    canvas.clear();
  }

  /** Other colours: a code is a position on the colour scale, so that another scale needs no other bytes.
   * @param {View} view */
  function recolor(view) {
    if (!state().covered || !target) return;
    canvas.repaint(/** @type {ColorMapping} */ (colors.current()));
    const before = target.frameSetKey;
    target = describe(view);
    if (target.frameSetKey === before) return;
    frames.clear();
    prefetcher.stop();
    send('outdated');
    tryPaint();
  }

  /** Values in memory under a colour mapping, until the heatmap has them.
   * @param {Cells} cells @param {ColorMapping} mapping */
  function paintStatic(cells, mapping) {
    canvas.paint(codedCells(cells, mapping), mapping);
    cover(null);
  }

  /** The canvas shows `painted`, null for values without a frame. @param {Painted | null} painted */
  function cover(painted) {
    const { covered } = state();
    send('painted', { painted });
    if (!covered) plot.cover(true);
  }

  /** Whether frames are fetched before they are requested. @param {boolean} on */
  function setFetchingAhead(on) {
    fetchesAhead = on;
    if (!on) prefetcher.stop();
  }

  return {
    request,
    settle,
    setFetchingAhead,
    fetchesAhead: () => fetchesAhead,
    /* No picture beside this one is awaited any more. */
    onAnsweredBeside: prefetcher.resume,
    cancel,
    end,
    recolor,
    paintStatic,
    dropFrames: () => frames.clear(),
    isDone: () => isShown(target),
    // For tests.
    isCached,
    inFlight: () => prefetcher.size() + (demand ? 1 : 0),
  };
}
