/* Three views through one point: the planes beside the main one, and the point in figures. They follow the view, and show
   the values of their planes in the main picture's colours. */

import { aspectOf } from '../../model/axes.mjs';
import { commonScales, quartersOf } from '../../model/common-scale.mjs';
import { planeBeside } from '../../model/linked.mjs';
import { isSamePicture, isSamePlane, reduce } from '../../model/view.mjs';
import { element } from '../../render/dom.mjs';
import { boxOf, spaceOf } from '../../render/plot-layout.mjs';
import { createBands } from './bands.mjs';
import { createFigures } from './figures.mjs';
import { createPane } from './pane.mjs';
import { createPlaneValues } from './plane-values.mjs';
/** @import { Place } from '../../model/linked.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ViewsParts } from '../views.mjs' */
/** @import { Layout, Pane } from './pane.mjs' */

/** @typedef {ReturnType<typeof createLinked>} Linked */

/** @typedef {{[place in Place]: Layout}} Layouts */

/** @type {readonly Place[]} */
const PLACES = ['right', 'below'];
// Scales that differ by less are one.
const SAME_SCALE = 1e-6;

/** @param {ViewsParts} parts */
export function createLinked(parts) {
  const { clock, api, store, viewer, colors, player, plot, display, tools } = parts;
  let due = false;
  let isOpen = false;
  /** Time of the key or pointer that changed the view (ms). */
  let requestedAt = 0;
  /** The most px for a column of the main picture, as it was drawn last. */
  let drawnMost = Infinity;
  const figures = createFigures({ api, clock, setPoint: viewer.setPoint });
  const sides = PLACES.map((place) => createSide(place));
  const panes = () => sides.map(({ pane }) => pane);
  const bands = createBands(parts, panes);
  const nodes = [...sides.map(({ pane }) => pane.node), figures.node];

  /** @param {Place} place */
  function createSide(place) {
    const pane = createPane('view-' + place, tools, {
      point: ({ row, col }) => move((view) => [[view.rows, row], [view.cols, col]]),
      step: (by) => move(({ axis, position }) => [[Number(axis), position[Number(axis)] + by]]),
      go: (index) => move(({ axis }) => [[Number(axis), index]]),
      zoom: (x, y) => {
        const view = pane.view();
        if (view) viewer.setRanges(new Map([[view.rows, y], [view.cols, x]]));
      },
      showAll: () => viewer.showAll(),
      resized: () => schedule(),
      drawn: () => {
        const view = store.current();
        return view && view.views === 3 ? planeBeside(view, place) : null;
      },
    });
    const values = createPlaneValues(parts, {
      paint: (cells) => {
        const mapping = colors.current();
        // The main picture is the first one.
        if (!mapping) return null;
        pane.say('');
        return pane.paint(cells, mapping);
      },
      same: () => pane.recolor(colors.current()),
      busy: (busy) => {
        // What is begun is shown with the next frame: what is requested now depends on sizes, which are not read twice.
        if (!busy) pane.setBusy(false);
        if (!isBusy()) parts.onAnswered();
      },
      failed: (error) => pane.say(error.message),
      took: figures.took,
    });

    /** @param {(view: View) => [dimension: number, index: number][]} to */
    function move(to) {
      const view = pane.view();
      if (!view) return;
      const indices = to(view);
      if (indices.some(([d]) => d === store.current()?.axis)) player.stop();
      const position = view.position.slice();
      for (const [d, index] of indices) position[d] = index;
      viewer.setPoint(position);
    }

    /** @param {View} main @param {Layouts} layouts @param {{width: number, height: number}} size */
    function update(main, layouts, size) {
      const view = planeBeside(main, place);
      if (pane.view()?.generation !== view.generation) pane.clear();
      const point = { row: main.position[view.rows], col: main.position[view.cols] };
      pane.place(view, point, { layout: layouts[place], size });
      ask(view);
      pane.setBusy(values.isBusy());
    }

    /** @param {View} view */
    function ask(view) {
      const pixels = pane.pixels();
      if (pixels) values.update(view, display.cellsBeside(view, pixels), requestedAt);
    }

    /** Where nothing but the point has moved, the picture lies where it did. @param {View} main */
    function askAtOnce(main) {
      const view = planeBeside(main, place);
      const before = pane.view();
      if (before && isSamePicture(before, Object.assign({}, view, { position: before.position }))) ask(view);
    }

    function clear() {
      values.clear();
      pane.clear();
    }

    return { pane, update, askAtOnce, clear, isBusy: values.isBusy };
  }

  /* One scale for all */

  function frameSize() {
    const { clientWidth: width, clientHeight: height } = element('plot-frame');
    return { width, height };
  }

  /** @param {View} view */
  function scalesOf(view) {
    const [right, below] = panes().map((pane) => pane.space());
    return commonScales(view, { main: spaceOf(frameSize()).space, right, below });
  }

  /** The most px that a column of the main picture has. While it is zoomed, the view does not know of that yet.
   * @param {View} shown With the ranges that it shows. */
  function mostOf(shown) {
    const now = store.current();
    if (!now || shown.axis === null) return Infinity;
    const like = isSamePlane(now, shown) ? now : reduce(shown, { type: 'views', views: 3 });
    const isSame = String([like.x, like.y]) === String([shown.x, shown.y]);
    return scalesOf(isSame ? like : reduce(like, { type: 'zoom', x: shown.x, y: shown.y }))?.main ?? Infinity;
  }

  /** Where the planes beside the main one lie: at its scale, and in line with it. @param {View} view @returns {Layouts} */
  function layoutsOf(view) {
    const most = scalesOf(view);
    const { shape, rows, cols, x, y } = view;
    const aspect = aspectOf(view);
    const box = boxOf({ shape: [shape[rows], shape[cols]], x, y, aspect }, { ...frameSize(), most: most?.main });
    const width = x ? x[1] - x[0] : shape[cols];
    const height = (y ? y[1] - y[0] : shape[rows]) * (aspect || 1);
    // It has whole pixels, which makes it a little smaller.
    const less = most && box.inShape ? Math.min(box.plotWidth / width, box.plotHeight / height) / most.main : 1;
    const main = element('plot-frame').getBoundingClientRect();
    const [right, below] = panes().map((pane) => pane.box());
    return {
      right: { most: most ? most.right * less : Infinity, beside: { top: main.top + box.margin.t - right.top } },
      below: { most: most ? most.below * less : Infinity, beside: { left: main.left + box.margin.l - below.left } },
    };
  }

  /* Quarters in which whole planes are as large as they can be. */
  function divide() {
    const view = store.current();
    const stage = element('stage');
    const all = { width: stage.clientWidth - element('tools').offsetWidth, height: stage.clientHeight };
    const quarters = view && quartersOf(view, all);
    const { style } = /** @type {HTMLElement} */ (stage.closest('.viewer'));
    style.setProperty('--right-width', quarters ? quarters.width + 'px' : null);
    style.setProperty('--below-height', quarters ? quarters.height + 'px' : null);
  }

  /** The main picture has another scale than the one that it was drawn with. @param {View} view */
  function refit(view) {
    const most = mostOf(view);
    if (most === drawnMost || Math.abs(most - drawnMost) < SAME_SCALE * most) return;
    drawnMost = most;
    plot.fit();
  }

  const isBusy = () => sides.some((side) => side.isBusy());

  /* The view, its colours, or the space has changed; drawn once in an animation frame. */
  function schedule() {
    if (due) return;
    due = true;
    requestedAt = clock.inputTime();
    const now = store.current();
    if (isOpen && now?.views === 3) sides.forEach(({ askAtOnce }) => askAtOnce(now));
    clock.nextFrame(() => {
      due = false;
      const view = store.current();
      if (!isOpen || !view || view.views !== 3) return;
      // All sizes are read before anything is written that has the browser lay the page out again.
      divide();
      refit(view);
      const layouts = layoutsOf(view);
      const sizes = panes().map((pane) => pane.size());
      sides.forEach(({ update }, number) => update(view, layouts, sizes[number]));
      figures.show(view);
      tools.onBeside();
      bands.schedule();
    });
  }

  /** @param {boolean} open */
  function setOpen(open) {
    if (open === isOpen) return;
    isOpen = open;
    if (open) element('views').append(...nodes);
    else {
      drawnMost = Infinity;
      bands.stop();
      nodes.forEach((node) => node.remove());
      sides.forEach(({ clear }) => clear());
      parts.onAnswered();
    }
  }

  /** The plane that has the focus, null for the main one. @returns {Pane | null} */
  function focused() {
    const active = document.activeElement;
    return sides.find(({ pane }) => pane.node.contains(active))?.pane || null;
  }

  return { schedule, setOpen, focused, panes, mostOf, isBusy };
}
