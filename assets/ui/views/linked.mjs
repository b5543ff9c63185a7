/* Three views through one point: the planes beside the main one, and the point in figures. They follow the view, and show
   the values of their planes in the main picture's colours. */

import { planeBeside } from '../../model/linked.mjs';
import { element } from '../../render/dom.mjs';
import { createBands } from './bands.mjs';
import { createFigures } from './figures.mjs';
import { createPane } from './pane.mjs';
import { createPlaneValues } from './plane-values.mjs';
/** @import { Place } from '../../model/linked.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ViewsParts } from '../views.mjs' */
/** @import { Pane } from './pane.mjs' */

/** @typedef {ReturnType<typeof createLinked>} Linked */

/** @type {readonly Place[]} */
const PLACES = ['right', 'below'];

/** @param {ViewsParts} parts */
export function createLinked(parts) {
  const { clock, api, store, viewer, colors, player, display, tools } = parts;
  let due = false;
  let isOpen = false;
  /** Time of the key or pointer that changed the view (ms). */
  let requestedAt = 0;
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
      busy: pane.setBusy,
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

    /** @param {View} main */
    function update(main) {
      const view = planeBeside(main, place);
      if (pane.view()?.generation !== view.generation) pane.clear();
      pane.place(view, { row: main.position[view.rows], col: main.position[view.cols] });
      const pixels = pane.pixels();
      if (pixels) values.update(view, display.cellsBeside(view, pixels), requestedAt);
    }

    function clear() {
      values.clear();
      pane.clear();
    }

    return { pane, update, clear };
  }

  /* The view, its colours, or the space has changed; drawn once in an animation frame. */
  function schedule() {
    if (due) return;
    due = true;
    requestedAt = clock.inputTime();
    clock.nextFrame(() => {
      due = false;
      const view = store.current();
      if (!isOpen || !view || view.views !== 3) return;
      figures.show(view);
      sides.forEach(({ update }) => update(view));
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
      bands.stop();
      nodes.forEach((node) => node.remove());
      sides.forEach(({ clear }) => clear());
    }
  }

  /** The plane that has the focus, null for the main one. @returns {Pane | null} */
  function focused() {
    const active = document.activeElement;
    return sides.find(({ pane }) => pane.node.contains(active))?.pane || null;
  }

  return { schedule, setOpen, focused, panes };
}
