/* From the view to the picture: while it moves by way of the canvas, at rest as a heatmap of true values.

       view ──► scrubber: kept frames or server ──► canvas ──(nothing requested for a while)──► values ──► heatmap
         └────► another plane, zoom, pool, part ──────────────────────────────────────────────► values ──► heatmap

   What arrives as values is drawn by heatmap.mjs. */

import { createAwaited } from '../model/awaited.mjs';
import { overlayOf } from '../model/overlay.mjs';
import { projectionQuery } from '../model/projection.mjs';
import { matches } from './color-mapping.mjs';
import { createHeatmap, RECOLOR_MS } from './heatmap.mjs';
import { covers, describeValues, isFine, isSamePart } from './values-request.mjs';
/** @import { Failure } from '../data/api.mjs' */
/** @import { ValuesRequest } from '../model/cells.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { DrawingEvents, PictureParts } from './heatmap.mjs' */

/**
 * @typedef {DrawingEvents & {refused: (error: Failure, request: ValuesRequest) => void, lost: (error: Failure) => void}}
 *   PictureEvents
 * @typedef {ReturnType<typeof createPicture>} Picture
 */

/** `parts` are what a picture works with, for heatmap.mjs too: `machine` has the state of the picture, `store` the view.
 * `on` has what is called: shown(view), refused(error, request), drawError(error), lost(error) when the server is gone,
 * enumFound() which returns the view, late() for a picture that came after it was cancelled. `config` is the server's:
 * the rest delay (ms). @param {PictureParts & {config: {restDelay: number}, viewerId: string, on: PictureEvents}} parts */
export function createPicture(parts) {
  const { clock, machine, config, viewerId, store, loader, scrubber, plot, display, colors, status, player } = parts;
  const { telemetry, early, on } = parts;
  const { state, send } = machine;
  const awaited = createAwaited(() => telemetry.skipped());
  const heatmap = createHeatmap(Object.assign({}, parts, {
    describe,
    on: Object.assign({ postponed: scheduleHeatmap, done: settle, show }, on, { shown: onDrawn }),
  }));
  let heatmapTimer = 0;
  let frozen = false;

  /** @param {View} view @param {boolean} counted */
  function describe(view, counted) {
    return describeValues(view, display.cellsAtRest(view), counted ? null : viewerId);
  }

  /** What is requested first: no preview where what is on the screen is as good as that. @param {View} view */
  function firstRequest(view) {
    const { drawn } = state();
    const first = early.again(view) || display.firstRequest(view, viewerId);
    return drawn && covers(drawn.request, first) ? describe(view, false) : first;
  }

  /** The view has changed; `at` is the time of the key or click that changed it (ms).
   * @param {View} view @param {number} at */
  function show(view, at = clock.inputTime()) {
    clock.cancel(heatmapTimer);
    status.clearNote('values');
    const request = describe(view, false);
    const moving = moves(view);
    send(moving ? 'move' : 'load', { at: clock.now() });
    if (isDrawn(view, request) && !state().covered) {
      cancelLoad();
      // It may be called another one: of another axis, for one.
      on.shown(view);
      enterRest(view);
      return;
    }
    status.busy(true, nameOf(view), view);
    if (moving) {
      early.leave();
      cancelLoad();
      scrubber.request(view, at);
      // It is on the canvas already, and will not be painted again.
      if (scrubber.isDone()) scheduleHeatmap();
      return;
    }
    scrubber.cancel();
    awaited.add(view);
    loader.request(Object.assign(firstRequest(view), { requestedAt: at }));
  }

  /** The heatmap shows a view. @param {View} view */
  function onDrawn(view) {
    awaited.painted(view);
    on.shown(view);
  }

  /** The name of what is awaited. @param {View} view @returns {string} */
  function nameOf(view) {
    const { drawn } = state();
    if (!drawn || drawn.request.generation !== view.generation) return view.dataset + ' of ' + view.file;
    return view.axis === null ? view.dataset : 'slice ' + view.position[view.axis] + ' of axis ' + view.axis;
  }

  /** Whether the heatmap is what is requested, or finer. @param {View} view @param {ValuesRequest} request */
  function isDrawn(view, request) {
    const { drawn } = state();
    return drawn && isFine(drawn.request, request) && !drawn.broken && matches(view, drawn.mapping);
  }

  /** Whether it is another slice of the plane that the plot shows. @param {View} view @returns {boolean} */
  function moves(view) {
    const { drawn, covered } = state();
    if (!drawn || view.axis === null || drawn.request.generation !== view.generation) return false;
    const { request } = drawn;
    if (request.rows !== view.rows || request.cols !== view.cols || request.part !== view.part) return false;
    if (request.view.decode !== view.decode || request.view.kind !== view.kind) return false;
    if (overlayOf(request.view) !== overlayOf(view)) return false;
    if (projectionQuery(request.view).project !== projectionQuery(view).project) return false;
    if (covered) return true;
    return view.position.some((at, d) => d !== view.rows && d !== view.cols && at !== request.position[d]);
  }

  /** The slice that was requested is on the canvas. @param {View} view */
  function onPainted(view) {
    awaited.passed();
    status.clearBusy();
    on.shown(view);
    player.onPainted();
    scheduleHeatmap();
  }

  /* How long nothing was requested (ms). */
  function idleMs() {
    return clock.now() - state().requestedAt;
  }

  /** The heatmap, when nothing was requested during the rest delay. @param {number} [ms] */
  function scheduleHeatmap(ms) {
    clock.cancel(heatmapTimer);
    heatmapTimer = clock.later(drawHeatmap, ms === undefined ? Math.max(config.restDelay - idleMs(), 0) : ms);
  }

  function drawHeatmap() {
    const view = store.current();
    const { drawn, covered } = state();
    if (!view || !covered || frozen || player.isPlaying()) return;
    const request = describe(view, true);
    if (isDrawn(view, request)) {
      enterRest(view);
      return;
    }
    const hasValues = drawn && isFine(drawn.request, request);
    if (!hasValues && !scrubber.isDone()) return;
    send('settle');
    if (hasValues) heatmap.redraw(view);
    else loader.request(request);
  }

  /* No request and no drawing is in progress. */
  function settle() {
    const view = store.current();
    const { drawn } = state();
    if (!view || !drawn || heatmap.isWaiting()) return;
    // The times measured in this drawing count from now on.
    display.update();
    const request = describe(view, true);
    if (!isFine(drawn.request, request)) {
      if (isSamePart(drawn.request, request) && !player.isPlaying()) sharpen(request);
      return;
    }
    // Colours that were chosen while it was being drawn.
    if (!matches(view, drawn.mapping)) {
      recolor(view);
      return;
    }
    enterRest(view);
  }

  /** What is on the screen was a preview, or made for another screen. It stays until the finer one is drawn.
   * @param {ValuesRequest} request */
  function sharpen(request) {
    send('settle');
    status.busy(true);
    status.clearBusy();
    loader.request(request);
  }

  /* The plot has another size, as by a note, or the screen another density. What is awaited brings its own rest. */
  function onScreenChange() {
    if (state().phase === 'rest' && !state().covered && !status.isBusy()) settle();
  }

  /** The heatmap shows what is requested. @param {View} view */
  function enterRest(view) {
    send('rest');
    early.leave();
    status.busy(false);
    status.clear();
    if (colors.current()) scrubber.settle(view);
  }

  /** Other colours for what is on the screen. @param {View} view */
  async function recolor(view) {
    const mine = state().drawn;
    if (!mine || mine.request.generation !== view.generation || heatmap.isDrawing()) return;
    send('recolor');
    const before = state().revision;
    const mapping = await colors.resolve(view, mine.request, mine.cells);
    // What was requested meanwhile is painted in these colours anyway, and is not there yet.
    if (heatmap.isReplaced(mine) || heatmap.isDrawing() || before !== state().revision) return;
    status.busy(true);
    if (state().painted) {
      scrubber.recolor(view);
      scheduleHeatmap();
    } else {
      scrubber.paintStatic(mine.cells, mapping);
      if (isFine(mine.request, describe(view, false))) status.clearBusy();
      scheduleHeatmap(RECOLOR_MS);
    }
  }

  /** While colours change with each move of a handle they are painted from memory alone, and the heatmap has them when it
   * is let go. @param {boolean} on */
  function hold(on) {
    frozen = on;
    if (!on) scheduleHeatmap();
  }

  function cancelLoad() {
    loader.cancel();
    heatmap.drop();
  }

  /* Stop waiting; what is on the screen stays. */
  function halt() {
    send('halt');
    awaited.clear();
    clock.cancel(heatmapTimer);
    cancelLoad();
    scrubber.cancel();
  }

  /* Nothing is shown any more. */
  function leave() {
    halt();
    early.leave();
  }

  /* What was requested cannot be shown. */
  function fail() {
    leave();
    send('fail');
  }

  /** Show the view that is on the screen, after another one was awaited in vain. @param {View} view */
  function restore(view) {
    halt();
    plot.zoom(view.x, view.y);
    const request = describe(view, false);
    const { drawn, painted, covered } = state();
    if (painted) {
      send('move', { at: state().requestedAt });
      scrubber.request(view);
      scheduleHeatmap();
    } else if (isDrawn(view, request) && !covered) enterRest(view);
    else if (drawn && isFine(drawn.request, request) && !drawn.broken) recolor(view);
    else show(view);
  }

  /** @param {ValuesRequest} request @param {Failure} error */
  function onError(request, error) {
    const passing = error.lost || /** @type {number} */ (error.status) >= 500 || error.status === 429;
    if (!request.painted || !passing) {
      on.refused(error, request);
      return;
    }
    // The slice is on the canvas: its values alone are missing.
    status.busy(false);
    if (error.lost) on.lost(error);
    else {
      status.note(
        'The values of this slice are missing. ' + error.message,
        'values',
        'Try again',
        () => (state().covered ? scheduleHeatmap(0) : settle()),
      );
    }
  }

  return {
    show,
    recolor,
    hold,
    halt,
    leave,
    fail,
    restore,
    onValues: heatmap.onValues,
    onError,
    onPainted,
    onScreenChange,
    scheduleHeatmap,
    dropFrames: () => scrubber.dropFrames(),
    idleMs,
  };
}
