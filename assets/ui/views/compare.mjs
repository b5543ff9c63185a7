/* A second dataset in the same slice, zoom and window: beside the picture, or over it by swipe, as difference, or blended. */

import { compared } from '../../model/compare.mjs';
import { differenceMapping, differenceOf, indexLike, viewLike, whyUnlike } from '../../model/comparison.mjs';
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
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Found, View } from '../../model/view.mjs' */
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
  /** What lies over the picture. @type {{cells: Cells, mapping: ColorMapping} | null} */
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
  const canvas = createCanvas({ area: () => shifted(plot.area()) });
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

  /* Paint what there is; null where that is nothing yet. */
  function draw() {
    const view = store.current();
    const mapping = colors.current();
    if (!view || !mapping || !cells) return null;
    if (view.mode === 'side') return pane.paint(cells, mapping);
    if (view.mode !== 'difference') return paintOver(cells, mapping);
    const { drawn, covered } = machine.state();
    const own = drawn && !covered && drawn.cells;
    const isOfSlice = own && own.meta.selection === sliceOf(view, cells) && own.rows === cells.rows &&
      own.cols === cells.cols;
    const isAlike = isOfSlice && (own.step === 1 || own.meta.pool === cells.meta.pool);
    if (isOfSlice && !isAlike) bar.say('They are pooled in different ways: zoom in to see the difference.');
    // The picture's own values come when it rests.
    if (!isAlike) {
      hideOver();
      return null;
    }
    const difference = differenceOf(own, cells);
    const scale = differenceMapping(difference);
    bar.showScale(scale);
    return paintOver(difference, scale);
  }

  /** The selection of the first dataset for cells of the second one, whose sliced dimensions may end before.
   * @param {View} view @param {Cells} of */
  function sliceOf(view, of) {
    return of.meta.selection.split(',').map((item, d) =>
      d === view.rows || d === view.cols ? item : String(view.position[d])
    ).join(',');
  }

  /** @param {Cells} what @param {ColorMapping} mapping */
  function paintOver(what, mapping) {
    painted = { cells: what, mapping };
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
    canvas.draw(box);
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
    const why = whyUnlike(view, found.record.dataset, found.record.shape);
    say(why);
    if (why) {
      values.clear();
      pane.clear();
      cells = null;
      return;
    }
    const like = viewLike(view, found);
    const isSide = view.mode === 'side';
    if (isSide) hideOver();
    else pane.clear();
    pane.place(like, null);
    const { axis } = like;
    if (axis !== null && like.position[axis] !== indexLike(view, like, axis)) {
      const ends = like.position[axis] ? ' ends at slice ' : ' begins at slice ';
      bar.say(found.record.dataset + ends + like.position[axis] + ', which is shown.');
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
    /** Both values under the pointer. @param {number} row @param {number} col */
    onHover: (row, col) => isOpen && bar.showValues(machine.state().drawn?.cells || null, cells, row, col),
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
