/* The heatmap of true values, drawn in short tasks (plotly-patch.mjs), each of which begins only when no key waits. */

import { measureStage } from '../data/network-timing.mjs';
import { remarkOn } from '../model/cells.mjs';
import { datesOf } from '../model/dates.mjs';
import { isSamePlane } from '../model/view.mjs';
import { poolOf } from '../model/viewport.mjs';
import { setText, setVisible } from './dom.mjs';
import { answeredValues, sceneOf, withViewport } from './values-request.mjs';
/** @import { Failure } from '../data/api.mjs' */
/** @import { Clock } from '../data/clock.mjs' */
/** @import { SliceAnswer, SliceLoader } from '../data/slice-loader.mjs' */
/** @import { PaintedSlice, Telemetry } from '../data/telemetry.mjs' */
/** @import { Cells, ValuesRequest } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { ColorMappings } from './color-mapping.mjs' */
/** @import { Display } from './display.mjs' */
/** @import { Plot } from './plot.mjs' */
/** @import { PlotlyPatch } from './plotly-patch.mjs' */
/** @import { Readout } from './readout.mjs' */
/** @import { Scrubber } from './scrubber.mjs' */
/** @import { Drawn, PictureMachine } from './state-machine.mjs' */

/**
 * @typedef {object} Notices What the user is notified of.
 * @property {(on: boolean, what?: string, view?: View) => void} busy
 * @property {() => boolean} isBusy
 * @property {() => void} clearBusy
 * @property {() => void} clear
 * @property {(text: string, kind: string, label?: string, action?: () => void) => void} note
 * @property {(kind?: string) => boolean} clearNote
 */

/**
 * @typedef {object} Playback
 * @property {() => boolean} isPlaying
 * @property {() => void} onPainted
 * @property {(index: number, k: number) => number | null} indexAfter The slice `k` after `index`.
 */

/**
 * @typedef {object} Seen A slice that was on the screen before the page.
 * @property {string} address
 * @property {number} requestedAt In ms, as the other times.
 * @property {Pick<SliceAnswer, 'startedAt' | 'elapsed'>} times Of its answer.
 * @property {{convert: number, draw: number}} spent
 * @property {number} drawn
 * @property {number} shown
 */

/**
 * @typedef {object} EarlyPicture What is on the screen until this heatmap is.
 * @property {(address: string) => Seen | null} seen
 * @property {(view: View) => ValuesRequest | null} again
 * @property {() => void} leave
 */

/**
 * @typedef {object} PictureParts What a picture works with.
 * @property {Clock} clock
 * @property {PictureMachine} machine
 * @property {Pick<ViewStore, 'current'>} store
 * @property {SliceLoader} loader
 * @property {Scrubber} scrubber
 * @property {Plot} plot
 * @property {PlotlyPatch} patch
 * @property {Display} display
 * @property {ColorMappings} colors
 * @property {Readout} readout
 * @property {Notices} status
 * @property {Playback} player
 * @property {Telemetry} telemetry
 * @property {{show: (painted: PaintedSlice) => void}} pipeline
 * @property {EarlyPicture} early
 */

/**
 * @typedef {object} DrawingEvents
 * @property {(view: View) => void} shown
 * @property {(error: Failure) => void} drawError
 * @property {() => View} enumFound
 * @property {() => void} late
 */

/**
 * @typedef {{postponed: (ms?: number) => void, done: () => void, show: (view: View) => void}} HeatmapEvents
 * @typedef {PictureParts & {describe: (view: View, counted: boolean) => ValuesRequest,
 *   on: DrawingEvents & HeatmapEvents}} HeatmapParts
 */

// New colours are in the heatmap when they have not changed again for this long.
export const RECOLOR_MS = 80;

/** `describe(view, counted)` gives the request for the values of a view. `on` has what is called: postponed(ms) when
 * another drawing is due later, done() when nothing is left to be drawn, show(view) to request a view anew; for the rest
 * see picture.mjs. @param {HeatmapParts} parts */
export function createHeatmap({
  clock,
  machine,
  store,
  describe,
  loader,
  scrubber,
  plot,
  patch,
  display,
  colors,
  readout,
  status,
  player,
  telemetry,
  pipeline,
  early,
  on,
}) {
  const { state, send } = machine;
  const revision = () => state().revision;
  /** The newest answer, while an earlier one is being drawn.
   * @type {{request: ValuesRequest, answer: SliceAnswer} | null} */
  let next = null;
  let drawing = false;

  /** @param {ValuesRequest} request */
  function isCurrent(request) {
    const view = store.current();
    return Boolean(view && view.generation === request.generation);
  }

  /** @param {ValuesRequest} request @param {SliceAnswer} answer */
  function onValues(request, answer) {
    if (!isCurrent(request)) return;
    next = { request, answer };
    if (!drawing) drawNext();
  }

  async function drawNext() {
    drawing = true;
    while (next) {
      const { request, answer } = next;
      next = null;
      try {
        await paint(request, answer);
      } catch (error) {
        onDrawError(/** @type {Failure} */ (error));
      }
    }
    drawing = false;
    if (!loader.isBusy()) on.done();
  }

  /** Whether a slice was pooled as numbers and turns out to be one of an enum: then it is requested anew.
   * @param {ValuesRequest} request @param {SliceAnswer} answer @returns {boolean} */
  function averagesNames(request, answer) {
    if (!answer.isEnum || /** @type {View} */ (store.current()).isEnum) return false;
    const view = on.enumFound();
    if (poolOf(view) === request.query.pool) return false;
    if (request.viewport.step > 1) {
      on.show(view);
      return true;
    }
    // Single voxels are the same, however they would be pooled.
    const { query, key, slice } = describe(view, request.painted);
    Object.assign(request, { query, key, slice });
    return false;
  }

  /** @param {ValuesRequest} request @param {SliceAnswer} answer */
  async function paint(request, answer) {
    if (averagesNames(request, answer)) return;
    const begun = clock.now();
    const before = revision();
    const { halts } = state();
    const values = answeredValues(request, answer);
    const converting = clock.now() - begun;
    colors.keepWindow(request, answer.window);
    const mapping = await colors.resolve(/** @type {View} */ (store.current()), request, values);
    if (!isCurrent(request) || halts !== state().halts) return;
    const cells = withViewport(values, request);
    await plot.ready();
    const image = await patch.buildImage(cells, mapping);
    const leaves = leavesFor(request);
    const late = state().covered && !leaves && (before !== revision() || !(await idle()));
    if (late || !isCurrent(request) || halts !== state().halts) {
      if (image) image.drop();
      // What was pressed meanwhile comes first, and brings its own rest.
      if (late && before === revision()) on.postponed();
      return;
    }
    const drawStart = clock.now();
    const view = /** @type {View} */ (store.current());
    await plot.draw(sceneOf(request, cells, mapping, view, readout, datesOf(request.view)), image);
    const drawnAt = clock.now();
    // The first drawing is one of axes, too, and waits for scripts.
    const drew = state().drawn ? drawnAt - drawStart : 0;
    display.addDrawing(cells.rows * cells.cols, converting + (image ? image.ms : 0) + drew);
    send('drawn', { drawn: { key: request.key, request, cells, mapping } });
    showRemark(request, cells, mapping);
    status.clearNote('values');
    if (answer.missing) status.note('The labels over it cannot be read. ' + answer.missing, 'overlay');
    else status.clearNote('overlay');
    // The canvas has a slice of what was left.
    if (leaves) scrubber.end();
    // It was covered by a later slice while it was drawn, and is not seen.
    const isUnder = state().covered && state().painted !== null;
    const now = store.current();
    // Of one that was cancelled meanwhile, another one is to be seen.
    if (halts === state().halts || (now && isSamePlane(now, request.view))) on.shown(request.view);
    const seen = early.seen(answer.address);
    if (!request.painted && !isUnder) {
      const displayed = seen ? Object.assign({}, request, { requestedAt: seen.requestedAt }) : request;
      const stages = await telemetry.painted(
        displayed,
        Object.assign(answer, seen && seen.times),
        {
          convert: seen ? seen.spent.convert : measureStage('convert', begun, converting + (image ? image.ms : 0)),
          draw: seen ? seen.spent.draw : measureStage('draw', drawStart, drawnAt - drawStart),
        },
        seen ? seen.drawn : drawnAt,
        seen ? seen.shown : undefined,
      );
      pipeline.show(stages);
      player.onPainted();
    }
    readout.detail(cells, request.view);
    readout.refresh(cells);
    // It was cancelled when it could no longer be stopped.
    if (halts !== state().halts) on.late();
  }

  /** Whether a picture is of another dataset, state or plane than the one on the screen.
   * @param {ValuesRequest} request @returns {boolean} */
  function leavesFor({ generation, rows, cols }) {
    const { drawn } = state();
    if (!drawn) return true;
    return drawn.request.generation !== generation || drawn.request.rows !== rows || drawn.request.cols !== cols;
  }

  /** The values that the heatmap has, in other colours. @param {View} view */
  async function redraw(view) {
    const mine = /** @type {Drawn} */ (state().drawn);
    const mapping = await colors.resolve(view, mine.request, mine.cells);
    const before = revision();
    const image = await patch.buildImage(mine.cells, mapping);
    const quiet = before === revision() && (await idle());
    if (!quiet || isReplaced(mine) || drawing) {
      if (image) image.drop();
      if (before === revision() && !isReplaced(mine) && !drawing) on.postponed(RECOLOR_MS);
      return;
    }
    drawing = true;
    try {
      await plot.recolor(mapping, image);
      send('recolored', { mapping });
      showRemark(mine.request, mine.cells, mapping);
    } catch (error) {
      onDrawError(/** @type {Failure} */ (error));
      return;
    } finally {
      drawing = false;
    }
    on.done();
  }

  /** Whether the heatmap has other values than `mine`. @param {Drawn} mine @returns {boolean} */
  function isReplaced(mine) {
    return !state().drawn || /** @type {Drawn} */ (state().drawn).cells !== mine.cells;
  }

  /** True when nothing was requested until the page had time to hear it. @returns {Promise<boolean>} */
  function idle() {
    const before = revision();
    return new Promise((resolve) => {
      clock.later(() => resolve(before === revision() && !inputPending()), 0);
    });
  }

  function inputPending() {
    const { scheduling } = /** @type {any} */ (navigator);
    return Boolean(scheduling && scheduling.isInputPending && scheduling.isInputPending());
  }

  /** It cannot be drawn: what is on the screen is not to be trusted. @param {Failure} error */
  function onDrawError(error) {
    send('broken');
    on.drawError(error);
  }

  return {
    onValues,
    redraw,
    isReplaced,
    isDrawing: () => drawing,
    isWaiting: () => next !== null,
    /* Leave out what waits to be drawn. */
    drop: () => {
      next = null;
    },
  };
}

/** @param {ValuesRequest} request @param {Cells} cells @param {ColorMapping} mapping */
function showRemark(request, cells, mapping) {
  const text = remarkOn(request, cells, mapping, datesOf(request.view));
  setText('slice-remark', text);
  setVisible('slice-remark', Boolean(text));
}
