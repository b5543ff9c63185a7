/* While the view moves: slices as codes of a byte a cell, from the page's frames or the server, painted onto the canvas.

   A target is painted in the task that set it when its frame is there, at most one in each animation frame, and none
   waits in a queue: the next animation frame paints what is the target then. */

import { createFrameCache, FRAME_CACHE_BYTES } from '../data/frame-cache.mjs';
import { createPrefetcher } from '../data/prefetcher.mjs';
import { quantize } from '../model/quantize.mjs';
import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';

// How far ahead of the movement is fetched (s), and at least how many frames.
const AHEAD_S = 2;
const FEWEST = 6;
const MOST = 120;

// Around a slice at rest, in steps of the last direction.
const AROUND = [1, 2, -1, 3, 4, -2];

// How long a demand waits for a prefetch of the same frame (ms).
const LATE_MS = 60;

// A demand younger than this is not aborted for a newer target; one whose bytes are arriving has longer.
const PATIENCE_MS = 250;
const COMING_MS = 3000;

// A frame that the link carries for longer than this shares it with no other.
const SLOW_MS = 100;

// Requests further apart than this are not one movement.
const PAUSE_MS = 600;
const PANEL_MS = 200;

/* `player` knows which slice is played next, `pipeline` and `panels` show what a slice took. `on` has what is called:
   painted(view) for the slice that is the target, seen(view) for one on the way there, failed(error, scene). */
export function createScrubber(
  { clock, machine, loader, bandwidth, telemetry, plot, canvas, colors, player, pipeline, panels, viewerId, on },
) {
  const { state, send } = machine;
  const frames = createFrameCache(FRAME_CACHE_BYTES, clock);
  const prefetcher = createPrefetcher(ahead, onPrefetched, isCached, () => bandwidth.maxConcurrent(frameBytes), clock);
  let target = null;
  let frameInFlight = false;
  let demand = null;
  let next = 0;
  let late = 0;
  let frameBytes = 250000;
  let velocity = { direction: 1, stride: 1, speed: 0, at: -Infinity };
  const panel = { due: 0, last: null };

  /* What decides the bytes of all frames of a movement but their index. */
  function describeFrames(view) {
    const mapping = colors.current();
    const frameSet = {
      generation: view.generation,
      file: view.file,
      dataset: view.dataset,
      part: view.part,
      // As at rest, so that nothing changes but the number of cells when the heatmap takes over.
      pool: poolOf(view),
      norm: mapping.norm,
      window: view.window === 'slice' ? 'slice' : mapping.lo + ',' + mapping.hi,
      shape: view.shape,
      rows: view.rows,
      cols: view.cols,
      axis: view.axis,
      x: view.x,
      y: view.y,
    };
    const fixed = view.position.filter((_, d) => d !== view.axis && d !== view.rows && d !== view.cols);
    const scene = Object.assign(frameSet, {
      frameSetKey: JSON.stringify([frameSet, fixed]),
      view,
      position: view.position,
      index: view.position[view.axis],
    });
    scene.viewport = viewportOf(scene, cellsFor());
    frameBytes = Math.ceil((scene.viewport.row1 - scene.viewport.row0) / scene.viewport.rowStep) *
      Math.ceil((scene.viewport.col1 - scene.viewport.col0) / scene.viewport.colStep);
    return scene;
  }

  /* As many cells as there are pixels; fewer where the link would not carry them at this speed. */
  function cellsFor() {
    const area = plot.area();
    const density = globalThis.devicePixelRatio || 1;
    const pixels = area.width * area.height * density * density;
    return Math.floor(Math.min(pixels, bandwidth.maxCells(velocity.speed)));
  }

  /* Another slice of the plane on the screen is requested. */
  function request(view) {
    const before = target;
    updateVelocity(view);
    target = describeFrames(view);
    if (before && before.frameSetKey !== target.frameSetKey) prefetcher.stop();
    frames.setCursor(target.frameSetKey, target.index, velocity.direction);
    tryPaint();
  }

  function updateVelocity(view) {
    const now = clock.now();
    const index = view.position[view.axis];
    const delta = target && target.axis === view.axis ? index - target.index : 0;
    if (!delta) return;
    const apart = now - velocity.at;
    const speed = apart > PAUSE_MS ? 0 : 1000 / Math.max(apart, 4);
    velocity = {
      direction: Math.sign(delta),
      stride: Math.abs(delta) === velocity.last ? velocity.last : 1,
      last: Math.abs(delta),
      speed: apart > PAUSE_MS ? 0 : velocity.speed + (speed - velocity.speed) * 0.2,
      at: now,
    };
  }

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
    if (isShown(target) && state().painted.step <= frame.step) return;
    // One a frame: what is painted twice between two frames is never seen.
    if (frameInFlight) return;
    paint(frame, target, frame.fresh ? frame.answer : { source: 'ring', version: frame.answer.version, server: {} });
  }

  function paint(frame, scene, answer) {
    frame.fresh = false;
    const again = isShown(scene);
    const spent = canvas.paint(frame, colors.current());
    const drawn = clock.now();
    cover({ frameSetKey: scene.frameSetKey, index: scene.index, step: frame.step });
    if (again) return;
    frameInFlight = true;
    const displayed = {
      axis: scene.axis,
      index: scene.index,
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

  /* The panel follows at a rate that can be read. */
  function showStages(stages) {
    panel.last = stages;
    if (panel.due) return;
    pipeline.show(stages);
    panel.due = clock.later(() => {
      panel.due = 0;
      if (panel.last !== stages) showStages(panel.last);
    }, PANEL_MS);
  }

  /* Indices that will be requested, the nearest first, and the one behind. When no frame ahead is cached, a request made
     now arrives too late for the next ones: then the plan begins where the view will be by then. */
  function plan() {
    const end = target.shape[target.axis] - 1;
    const capacity = Math.floor(FRAME_CACHE_BYTES / 2 / frameBytes);
    const count = Math.min(Math.max(Math.ceil(velocity.speed * AHEAD_S), FEWEST), MOST, capacity);
    const at = (k) => {
      if (player.isPlaying()) return player.indexAfter(target.index, k * velocity.stride, end + 1);
      return target.index + k * velocity.stride * velocity.direction;
    };
    const delay = (velocity.speed * (bandwidth.latencyMs() + bandwidth.transferMs(frameBytes))) / 1000;
    const lead = isCached(at(1)) || player.isPlaying() ? 1 : Math.max(Math.ceil(delay), 1);
    const list = [];
    for (let k = lead; k < lead + count; k += 1) list.push(at(k));
    list.push(at(-1));
    return list.filter((index) => index !== null && index >= 0 && index <= end);
  }

  /* Fetching */

  function query(scene, index) {
    const position = scene.position.slice();
    position[scene.axis] = index;
    const slice = { shape: scene.shape, rows: scene.rows, cols: scene.cols, position };
    return {
      file: scene.file,
      dataset: scene.dataset,
      selection: selectionOf(slice, scene.viewport),
      format: 'u8',
      window: scene.window,
      norm: scene.norm,
      pool: scene.pool,
      part: scene.part,
      viewer: viewerId,
    };
  }

  async function fetchFrame(scene, index, more, options, coming) {
    const parameters = Object.assign(query(scene, index), more);
    const answer = await loader.load(parameters, options, scene.generation, coming);
    const codes = new Uint8Array(answer.bytes);
    const [rows, cols] = answer.shape;
    if (codes.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
    const { step, rowStep, colStep, row0, col0 } = scene.viewport;
    return {
      frameSetKey: scene.frameSetKey,
      codes,
      rows,
      cols,
      step,
      rowStep,
      colStep,
      row0,
      col0,
      selection: parameters.selection,
      answer: Object.assign(answer, { bytes: null }),
    };
  }

  function ahead(index, signal) {
    return fetchFrame(target, index, { ahead: 1 }, { signal, priority: 'low' });
  }

  function isCached(index) {
    return Boolean(target && frames.get(target.frameSetKey, index, target.viewport.step));
  }

  function onPrefetched(index, frame) {
    frames.put(frame.frameSetKey, index, frame);
    if (target && target.frameSetKey === frame.frameSetKey && target.index === index) tryPaint();
  }

  /* The target is not cached. */
  function load() {
    if (demand && demand.scene.frameSetKey === target.frameSetKey && demand.scene.index === target.index) return;
    clock.cancel(late);
    if (prefetcher.isRunning(target.index)) {
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
    const mine = { scene: target, control: new AbortController(), since: clock.now(), coming: false };
    demand = mine;
    const slow = bandwidth.transferMs(frameBytes) > SLOW_MS;
    if (slow) prefetcher.pause(true);
    const coming = () => {
      mine.coming = true;
    };
    fetchFrame(target, target.index, {}, { signal: mine.control.signal }, coming).then(
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

  /* Whether a slice is closer to the target than the one on the screen. */
  function isCloser(scene) {
    if (scene.frameSetKey !== target.frameSetKey || isShown(target)) return false;
    const off = (index) => Math.abs(index - target.index);
    const { painted } = state();
    return !painted || painted.frameSetKey !== target.frameSetKey || off(scene.index) < off(painted.index);
  }

  /* Rest */

  /* The heatmap is drawn: nothing moves. Frames around it are prefetched, so that the first key finds one. */
  function settle(view) {
    end();
    if (view.axis === null) return;
    velocity = Object.assign(velocity, { speed: 0 });
    target = describeFrames(view);
    frames.setCursor(target.frameSetKey, target.index, velocity.direction);
    const last = view.shape[view.axis] - 1;
    prefetcher.setQueue(
      AROUND.map((k) => target.index + k * velocity.direction).filter((index) => index >= 0 && index <= last),
    );
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

  /* Other colours: a code is a position on the colour scale, so that another scale needs no other bytes. */
  function recolor(view) {
    if (!state().covered || !target) return;
    canvas.repaint(colors.current());
    const before = target.frameSetKey;
    target = describeFrames(view);
    if (target.frameSetKey === before) return;
    frames.clear();
    prefetcher.stop();
    send('outdated');
    tryPaint();
  }

  /* Values in memory under a colour mapping, until the heatmap has them. */
  function paintStatic(cells, mapping) {
    canvas.paint({
      codes: quantize(cells, mapping),
      rows: cells.rows,
      cols: cells.cols,
      step: cells.step,
      rowStep: cells.rowStep,
      colStep: cells.colStep,
      row0: cells.row0,
      col0: cells.col0,
    }, mapping);
    cover(null);
  }

  /* The canvas shows `painted`, null for values without a frame. */
  function cover(painted) {
    const { covered } = state();
    send('painted', { painted });
    if (!covered) plot.cover(true);
  }

  return {
    request,
    settle,
    cancel,
    end,
    recolor,
    paintStatic,
    dropFrames: () => frames.clear(),
    isActive: () => state().covered,
    isDone: () => isShown(target),
    index: () => (state().painted ? state().painted.index : null),
    step: () => (state().painted ? state().painted.step : null),
    isCached,
    inFlight: () => prefetcher.size() + (demand ? 1 : 0),
    bytes: () => frames.bytes(),
  };
}
