/* From the view to the picture: while it moves by way of the canvas, at rest as a heatmap of true values.

       view ──► scrubber: kept frames or server ──► canvas ──(nothing requested for a while)──► values ──► heatmap
         └────► another plane, zoom, pool, part ──────────────────────────────────────────────► values ──► heatmap

   The heatmap comes in short tasks (plotly-patch.mjs), each of which begins only when no key waits. */

import { measureStage } from '../data/network-timing.mjs';
import { toRows } from '../data/typed-arrays.mjs';
import { remarkOn } from '../model/cells.mjs';
import { poolOf } from '../model/viewport.mjs';
import { matches } from './color-mapping.mjs';
import { setText, setVisible } from './dom.mjs';
import { describeValues, sceneOf, withViewport } from './values-request.mjs';

// New colours are on the canvas at once, and in the heatmap when they have not changed again for this long.
const RECOLOR_MS = 80;

/* `machine` has the state of the picture, `store` the view. `on` has what is called: shown(view), refused(error, request),
   drawError(error), lost(error) when the server is gone, enumFound() which returns the view, late() for a picture that
   came after it was cancelled. */
export function createPicture({
  clock,
  machine,
  config,
  viewerId,
  store,
  on,
  loader,
  scrubber,
  plot,
  patch,
  colors,
  readout,
  status,
  player,
  telemetry,
  pipeline,
}) {
  let heatmapTimer = null;
  let next = null;
  let drawing = false;
  const { state, send } = machine;
  const revision = () => state().revision;
  const isReplaced = (mine) => !state().drawn || state().drawn.cells !== mine.cells;

  function viewNow() {
    return store.current();
  }

  function describe(view, counted) {
    return describeValues(view, config.restCells, counted ? null : viewerId);
  }

  /* The view has changed. */
  function show(view) {
    clock.cancel(heatmapTimer);
    status.clearNote('values');
    const request = describe(view, false);
    const moving = moves(view);
    send(moving ? 'move' : 'load', { at: clock.now() });
    if (isDrawn(view, request) && !state().covered) {
      cancelLoad();
      enterRest(view);
      return;
    }
    status.busy(true, nameOf(view));
    if (moving) {
      loader.cancel();
      next = null;
      scrubber.request(view);
      // It is on the canvas already, and will not be painted again.
      if (scrubber.isDone()) scheduleHeatmap();
      return;
    }
    scrubber.cancel();
    loader.request(request);
    colors.prefetchWindow(view, request);
  }

  /* The name of what is awaited. */
  function nameOf(view) {
    const { drawn } = state();
    if (!drawn || drawn.request.generation !== view.generation) return view.dataset + ' of ' + view.file;
    return view.axis === null ? view.dataset : 'slice ' + view.position[view.axis] + ' of axis ' + view.axis;
  }

  /* Whether the heatmap is what is requested. */
  function isDrawn(view, request) {
    const { drawn } = state();
    return drawn && drawn.key === request.key && !drawn.broken && matches(view, drawn.mapping);
  }

  /* Whether it is another slice of the plane that the plot shows. */
  function moves(view) {
    const { drawn, covered } = state();
    if (!drawn || view.axis === null || drawn.request.generation !== view.generation) return false;
    const { request } = drawn;
    if (request.rows !== view.rows || request.cols !== view.cols || request.part !== view.part) return false;
    if (covered) return true;
    return view.position.some((at, d) => d !== view.rows && d !== view.cols && at !== request.position[d]);
  }

  /* The slice that was requested is on the canvas. */
  function onPainted(view) {
    status.clearBusy();
    on.shown(view);
    player.onPainted();
    scheduleHeatmap();
  }

  /* How long nothing was requested (ms). */
  function idleMs() {
    return clock.now() - state().requestedAt;
  }

  /* The heatmap, when nothing was requested during the rest delay. */
  function scheduleHeatmap(ms) {
    clock.cancel(heatmapTimer);
    heatmapTimer = clock.later(drawHeatmap, ms === undefined ? Math.max(config.restDelay - idleMs(), 0) : ms);
  }

  function drawHeatmap() {
    const view = viewNow();
    const { drawn, covered } = state();
    if (!view || !covered || player.isPlaying()) return;
    const request = describe(view, true);
    if (isDrawn(view, request)) {
      enterRest(view);
      return;
    }
    const hasValues = drawn && drawn.key === request.key;
    if (!hasValues && !scrubber.isDone()) return;
    send('settle');
    if (hasValues) redraw(view);
    else loader.request(request);
  }

  /* The values that the heatmap has, in other colours. */
  async function redraw(view) {
    const mine = state().drawn;
    const mapping = await colors.resolve(view, mine.request, mine.cells);
    const before = revision();
    const image = await patch.buildImage(mine.cells, mapping);
    const quiet = before === revision() && (await idle());
    if (!quiet || isReplaced(mine) || drawing) {
      if (image) image.drop();
      if (before === revision() && !isReplaced(mine) && !drawing) scheduleHeatmap(RECOLOR_MS);
      return;
    }
    drawing = true;
    try {
      await plot.recolor(mapping, image);
      send('recolored', { mapping });
      showRemark(mine.request, mine.cells, mapping);
    } catch (error) {
      onDrawError(error);
      return;
    } finally {
      drawing = false;
    }
    settle();
  }

  /* True when nothing was requested until the page had time to hear it. */
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

  /* It cannot be drawn: what is on the screen is not to be trusted. */
  function onDrawError(error) {
    send('broken');
    on.drawError(error);
  }

  function isCurrent(request) {
    const view = viewNow();
    return Boolean(view && view.generation === request.generation);
  }

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
        onDrawError(error);
      }
    }
    drawing = false;
    if (!loader.isBusy()) settle();
  }

  /* Whether a slice was pooled as numbers and turns out to be one of an enum: then it is requested anew. */
  function averagesNames(request, answer) {
    if (!answer.isEnum || viewNow().isEnum) return false;
    const view = on.enumFound();
    if (poolOf(view) === request.query.pool) return false;
    if (request.viewport.step > 1) {
      show(view);
      return true;
    }
    // Single voxels are the same, however they would be pooled.
    const { query, key } = describe(view, request.painted);
    Object.assign(request, { query, key });
    return false;
  }

  async function paint(request, answer) {
    if (averagesNames(request, answer)) return;
    const begun = clock.now();
    const before = revision();
    const { halts } = state();
    const values = toRows(answer);
    const converting = clock.now() - begun;
    const mapping = await colors.resolve(viewNow(), request, values);
    if (!isCurrent(request) || halts !== state().halts) return;
    const cells = withViewport(values, request);
    await plot.ready();
    const image = await patch.buildImage(cells, mapping);
    const leaves = leavesFor(request);
    const late = state().covered && !leaves && (before !== revision() || !(await idle()));
    if (late || !isCurrent(request) || halts !== state().halts) {
      if (image) image.drop();
      // What was pressed meanwhile comes first, and brings its own rest.
      if (late && before === revision()) scheduleHeatmap();
      return;
    }
    const drawStart = clock.now();
    await plot.draw(sceneOf(request, cells, mapping, viewNow(), readout), image);
    const drawnAt = clock.now();
    send('drawn', { drawn: { key: request.key, request, cells, mapping } });
    showRemark(request, cells, mapping);
    status.clearNote('values');
    // The canvas has a slice of what was left.
    if (leaves) scrubber.end();
    on.shown(request.view);
    if (!request.painted) {
      const stages = await telemetry.painted(request, answer, {
        convert: measureStage('convert', begun, converting + (image ? image.ms : 0)),
        draw: measureStage('draw', drawStart, drawnAt - drawStart),
      }, drawnAt);
      pipeline.show(stages);
      player.onPainted();
    }
    readout.detail(cells);
    readout.refresh(cells);
    // It was cancelled when it could no longer be stopped.
    if (halts !== state().halts) on.late();
  }

  /* Whether a picture is of another dataset, state or plane than the one on the screen. */
  function leavesFor({ generation, rows, cols }) {
    const { drawn } = state();
    if (!drawn) return true;
    return drawn.request.generation !== generation || drawn.request.rows !== rows || drawn.request.cols !== cols;
  }

  /* No request and no drawing is in progress. */
  function settle() {
    const view = viewNow();
    const { drawn } = state();
    if (!view || !drawn || next) return;
    const request = describe(view, false);
    if (drawn.key !== request.key) return;
    // Colours that were chosen while it was being drawn.
    if (!matches(view, drawn.mapping)) {
      recolor(view);
      return;
    }
    enterRest(view);
  }

  /* The heatmap shows what is requested. */
  function enterRest(view) {
    send('rest');
    status.busy(false);
    status.clear();
    if (colors.current()) scrubber.settle(view);
  }

  /* Other colours for what is on the screen. */
  async function recolor(view) {
    const mine = state().drawn;
    if (!mine || mine.request.generation !== view.generation || drawing) return;
    send('recolor');
    const before = revision();
    const mapping = await colors.resolve(view, mine.request, mine.cells);
    // What was requested meanwhile is painted in these colours anyway, and is not there yet.
    if (isReplaced(mine) || drawing || before !== revision()) return;
    status.busy(true);
    if (state().painted) {
      scrubber.recolor(view);
      scheduleHeatmap();
    } else {
      scrubber.paintStatic(mine.cells, mapping);
      if (mine.key === describe(view, false).key) status.clearBusy();
      scheduleHeatmap(RECOLOR_MS);
    }
  }

  function cancelLoad() {
    loader.cancel();
    next = null;
  }

  /* Stop waiting; what is on the screen stays. */
  function halt() {
    send('halt');
    clock.cancel(heatmapTimer);
    cancelLoad();
    scrubber.cancel();
  }

  /* What was requested cannot be shown. */
  function fail() {
    halt();
    send('fail');
  }

  /* Show the view that is on the screen, after another one was awaited in vain. */
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
    else if (drawn && drawn.key === request.key && !drawn.broken) recolor(view);
    else show(view);
  }

  function onError(request, error) {
    const passing = error.lost || error.status >= 500 || error.status === 429;
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
        () => scheduleHeatmap(0),
      );
    }
  }

  return {
    show,
    recolor,
    halt,
    fail,
    restore,
    onValues,
    onError,
    onPainted,
    scheduleHeatmap,
    dropFrames: () => scrubber.dropFrames(),
    idleMs,
  };
}

function showRemark(request, cells, mapping) {
  const text = remarkOn(request, cells, mapping);
  setText('slice-remark', text);
  setVisible('slice-remark', Boolean(text));
}
