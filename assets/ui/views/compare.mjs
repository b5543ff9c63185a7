/* A second dataset at the same place, in the same window: beside the picture, or over it by swipe, as difference, or blended. */

import { compared } from '../../model/compare.mjs';
import {
  differenceMapping,
  differenceOf,
  indexLike,
  isOutside,
  laidUnder,
  onGrid,
  placeIn,
  pointIn,
  viewLike,
  whyUnlike,
} from '../../model/comparison.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { createCanvas } from '../../render/canvas.mjs';
import { codesOf } from '../../render/codes.mjs';
import { element } from '../../render/dom.mjs';
import { createCompareBar } from './compare-bar.mjs';
import { createPane, made } from './pane.mjs';
import { createPlaneValues } from './plane-values.mjs';
import { createShapes } from './shapes.mjs';
/** @import { Failure } from '../../data/api.mjs' */
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Along } from '../../model/axes.mjs' */
/** @import { Laid } from '../../model/comparison.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Found, View } from '../../model/view.mjs' */
/** @import { Range } from '../../model/viewport.mjs' */
/** @import { ViewsParts } from '../views.mjs' */

/** @typedef {ReturnType<typeof createCompare>} Compare */

/** @param {ViewsParts} parts */
export function createCompare(parts) {
  const { clock, store, viewer, colors, player, plot, machine, datasets, versions, display, tools } = parts;
  let due = false;
  let isOpen = false;
  let requestedAt = 0;
  /** The second dataset; null until it is known. @type {{name: string, found: Found} | null} */
  let other = null;
  let lookup = '';
  /** What is to be seen of it. @type {Cells | null} */
  let cells = null;
  /** How it lies under the picture. @type {Laid | null} */
  let laid = null;
  /** What lies over the picture, and how; `under` is null for what is in its voxels.
   * @type {{cells: Cells, mapping: ColorMapping, under: Laid | null} | null} */
  let painted = null;

  const bar = createCompareBar({
    datasets,
    choose: (compare) => viewer.setCompare(compare),
    setMode: (mode) => viewer.setCompare(store.current()?.compare || '', mode),
    setShare: () => placeOver(plot.area()),
  });
  const pane = createPane(
    'view-compare',
    tools,
    {
      point: () => undefined,
      step: (by) => {
        player.stop();
        viewer.step(by);
      },
      go: () => undefined,
      zoom: (x, y) => {
        const view = store.current();
        if (view) viewer.setRanges(new Map([[view.rows, y], [view.cols, x]]));
      },
      showAll: () => viewer.showAll(),
      resized: () => schedule(),
      drawn: () => {
        const view = store.current();
        return view && view.compare && view.mode === 'side' ? view : null;
      },
    },
    ({ file, dataset, axis, position }) =>
      dataset + ' of ' + file + (axis === null ? '' : ' · slice ' + position[axis]),
  );
  const over = made('canvas', { id: 'compare-over', className: 'compare-over' });
  over.setAttribute('aria-hidden', 'true');
  // What is over the picture covers its shapes.
  const shapes = createShapes();
  const canvas = createCanvas({ area: () => paintedArea(plot.area()) });
  canvas.start(over);
  tools.attach({ frame: null, view: () => null, area: () => null, redraw: drawShapes });

  const values = createPlaneValues(parts, {
    paint: (next) => {
      cells = next;
      return draw();
    },
    same: draw,
    busy: (busy) => {
      pane.setBusy(busy);
      bar.setBusy(busy);
    },
    failed: (error) => say(error.message),
    took: () => undefined,
  }, { isOn: parts.fetchesAhead });

  /** @param {string} text */
  function say(text) {
    bar.say(text);
    if (text) hideOver();
  }

  /** The plot area in px of the stage. @param {PlotArea | null} area */
  function shifted(area) {
    const frame = element('plot-frame');
    return area && { ...area, left: area.left + frame.offsetLeft, top: area.top + frame.offsetTop };
  }

  /** The same in the voxels of what is painted. @param {PlotArea | null} area @returns {PlotArea | null} */
  function paintedArea(area) {
    const box = shifted(area);
    const under = painted && painted.under;
    if (!box || !under) return box;
    /** @param {Range} range @param {Along} along @returns {Range} */
    const moved = ([from, to], along) => [placeIn(along, from), placeIn(along, to)];
    return { ...box, x: moved(box.x, under.cols), y: moved(box.y, under.rows) };
  }

  /* Paint what there is; null where that is nothing yet. */
  function draw() {
    const view = store.current();
    const mapping = colors.current();
    if (!view || !mapping || !cells || !laid) return null;
    if (view.mode === 'side') return pane.paint(cells, mapping);
    if (view.mode !== 'difference') return paintOver(cells, mapping, laid.exact ? null : laid);
    const { drawn, covered } = machine.state();
    const own = drawn && !covered && drawn.cells;
    const isOfGrid = own && (!laid.exact || own.rows === cells.rows && own.cols === cells.cols);
    const isOfSlice = own && isOfGrid && own.meta.selection === sliceOf(view, laid.exact ? cells : own);
    const isAlike = isOfSlice && (own.step === 1 || own.meta.pool === cells.meta.pool);
    if (isOfSlice && !isAlike) bar.say('They are pooled in different ways: zoom in to see the difference.');
    // The picture's own values come when it rests.
    if (!isAlike) {
      hideOver();
      return null;
    }
    const difference = differenceOf(own, laid.exact ? cells : onGrid(cells, own, laid));
    const scale = differenceMapping(difference);
    bar.showScale(scale);
    return paintOver(difference, scale);
  }

  /** The selection of the first dataset for cells of either one: sliced dimensions of the second one may end before.
   * @param {View} view @param {Cells} of */
  function sliceOf(view, of) {
    return of.meta.selection.split(',').map((item, d) =>
      d === view.rows || d === view.cols ? item : String(view.position[d])
    ).join(',');
  }

  /** @param {Cells} what @param {ColorMapping} mapping @param {Laid | null} [under] */
  function paintOver(what, mapping, under = null) {
    painted = { cells: what, mapping, under };
    over.hidden = false;
    const { rows, cols, step, rowStep, colStep, row0, col0 } = what;
    const codes = what.pixels || codesOf(what, mapping);
    const spent = canvas.paint(
      { codes, overlay: null, transposed: false, rows, cols, step, rowStep, colStep, row0, col0 },
      mapping,
    );
    placeOver(plot.area());
    return spent;
  }

  function hideOver() {
    painted = null;
    over.hidden = true;
    shapes.node.classList.add('hidden');
    canvas.clear();
  }

  function drawShapes() {
    const view = store.current();
    const box = shifted(plot.area());
    if (isOpen && painted && view && box) shapes.draw(tools.sketchOf(view), isTransposed(view), box);
  }

  /** Over the axes of the picture, as much of it as is to be seen. @param {PlotArea | null} area */
  function placeOver(area) {
    const view = store.current();
    const box = shifted(area);
    if (!view || !box) return;
    const { mode } = view;
    bar.placeHandle(mode === 'swipe' && painted ? box : null);
    if (!painted) return;
    canvas.draw(paintedArea(area));
    shapes.node.classList.remove('hidden');
    drawShapes();
    over.style.opacity = mode === 'overlay' ? String(bar.share()) : '1';
    over.style.clipPath = mode === 'swipe' ? 'inset(0 0 0 ' + 100 * bar.share() + '%)' : 'none';
  }

  /** Look the second dataset up. @param {View} view */
  async function find(view) {
    const name = view.compare;
    if (lookup === name) return;
    lookup = name;
    const target = compared(name);
    try {
      if (!target) throw new Error('Choose a dataset to compare with.');
      const { file, record, meaning } = await datasets.findTarget(target);
      if (lookup !== name) return;
      lookup = '';
      if (!record.browsable) throw new Error(record.dataset + ' has no slices to compare with.');
      const listed = datasets.version(file);
      const generation = versions.generationOf(file, record.dataset, listed);
      other = { name, found: { file, record, meaning, listed, generation } };
      schedule();
    } catch (thrown) {
      if (store.current()?.compare === name) say(/** @type {Failure} */ (thrown).message);
    }
  }

  /** @param {View} view */
  function update(view) {
    bar.show(view);
    element('stage').dataset.compare = view.mode;
    if (!other || other.name !== view.compare) {
      leave();
      find(view);
      return;
    }
    const { found } = other;
    const { dataset, shape } = found.record;
    const meaning = found.meaning || null;
    laid = laidUnder(view, { shape, meaning });
    const like = laid && viewLike(view, found);
    const isAway = like && isOutside(like);
    say(isAway ? 'There is nothing of ' + dataset + ' at this place.' : whyUnlike(view, dataset, { shape, meaning }));
    if (!like || isAway) {
      values.clear();
      pane.clear();
      cells = null;
      return;
    }
    const isSide = view.mode === 'side';
    if (isSide) hideOver();
    else pane.clear();
    pane.place(like, null, { counted: view });
    const { axis } = like;
    if (axis !== null && like.position[axis] !== indexLike(view, like, axis)) {
      const ends = like.position[axis] ? ' ends at slice ' : ' begins at slice ';
      bar.say(dataset + ends + like.position[axis] + ', which is shown.');
    }
    const pixels = pane.pixels();
    if (!isSide) values.update(like, cellsOf(view), requestedAt);
    else if (pixels) values.update(like, display.cellsBeside(like, pixels), requestedAt);
    placeOver(plot.area());
  }

  /** As many as the picture has, which may be finer than its screen. @param {View} view */
  function cellsOf(view) {
    const own = machine.state().drawn?.cells;
    return Math.max(display.cellsAtRest(view), own ? own.rows * own.cols : 0);
  }

  function leave() {
    values.clear();
    pane.clear();
    hideOver();
    cells = null;
    laid = null;
  }

  function schedule() {
    if (due) return;
    due = true;
    requestedAt = clock.inputTime();
    clock.nextFrame(() => {
      due = false;
      const view = store.current();
      if (isOpen && view && view.compare) update(view);
    });
  }

  /** @param {boolean} open */
  function setOpen(open) {
    if (open === isOpen) return;
    isOpen = open;
    if (open) element('views').append(bar.node, pane.node, over, shapes.node, bar.handle);
    else {
      leave();
      other = null;
      lookup = '';
      [bar.node, pane.node, over, shapes.node, bar.handle].forEach((node) => node.remove());
      delete element('stage').dataset.compare;
    }
  }

  return {
    schedule,
    setOpen,
    /** @param {PlotArea | null} area */
    onPlaced: (area) => isOpen && placeOver(area),
    /** Both values under the pointer, whose place the second picture marks. @param {number} row @param {number} col */
    onHover: (row, col) => {
      if (!isOpen) return;
      const own = machine.state().drawn?.cells || null;
      bar.showValues(own, cells, row, col, laid);
      pane.mark(own && laid && pointIn(own, row, col, laid));
    },
    onUnhover: () => isOpen && pane.mark(null),
    /** The second dataset has changed on disk. @param {number} generation @param {string} version */
    onVersion: (generation, version) => {
      if (!other || other.found.generation !== generation) return;
      const { file, record, listed } = other.found;
      versions.renew({ file, dataset: record.dataset, listed }, version);
      datasets.invalidate(file);
      other = null;
      schedule();
    },
    onKey: bar.onKey,
    panes: () => [pane],
    painted: () => painted,
  };
}
