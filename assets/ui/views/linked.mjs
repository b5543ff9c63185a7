/* Three views through one point: the planes beside the main one, and the point in figures. They follow the view, show the
   values of their planes in the main picture's colours, and ask for them as the viewer's demands. */

import { createSliceLoader } from '../../data/slice-loader.mjs';
import { toPixels, toRows } from '../../data/typed-arrays.mjs';
import { planeBeside } from '../../model/linked.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { element } from '../../render/dom.mjs';
import { describeValues, withViewport } from '../../render/values-request.mjs';
import { createFigures } from './figures.mjs';
import { createPane } from './pane.mjs';
/** @import { Failure } from '../../data/api.mjs' */
/** @import { Origin, SliceAnswer } from '../../data/slice-loader.mjs' */
/** @import { Cells, ValuesRequest } from '../../model/cells.mjs' */
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Place } from '../../model/linked.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Range } from '../../model/viewport.mjs' */
/** @import { ViewsParts } from '../views.mjs' */
/** @import { Pane } from './pane.mjs' */

/**
 * @typedef {{cells: Cells, version: string | null, bytes: number}} Kept
 * @typedef {ReturnType<typeof createLinked>} Linked
 */

/** @type {readonly Place[]} */
const PLACES = ['right', 'below'];
// Of values that were shown, for both planes.
const KEPT_BYTES = 48 * 2 ** 20;

/** @param {ViewsParts} parts */
export function createLinked(parts) {
  const { clock, api, store, viewer, viewerId, colors, telemetry, player, config } = parts;
  /** @type {Map<string, Kept>} */
  const kept = new Map();
  let keptBytes = 0;
  let due = false;
  let isOpen = false;
  const figures = createFigures({ api, clock, setPoint: viewer.setPoint });
  const sides = PLACES.map((place) => createSide(place));
  element('views').append(...sides.map(({ pane }) => pane.node), figures.node);

  /** @param {Place} place */
  function createSide(place) {
    /** What is painted. @type {ValuesRequest | null} */
    let drawn = null;
    /** @type {number | undefined} */
    let requestedAt;
    const loader = createSliceLoader(api, onValues, onError);
    const pane = createPane('view-' + place, {
      point: ({ row, col }) => move((view) => [[view.rows, row], [view.cols, col]]),
      step: (by) => move(({ axis, position }) => [[Number(axis), position[Number(axis)] + by]]),
      go: (index) => move(({ axis }) => [[Number(axis), index]]),
      zoom: (x, y) => {
        const view = pane.view();
        if (view) viewer.setRanges(new Map([[view.rows, y], [view.cols, x]]));
      },
      showAll: () => viewer.showAll(),
      resized: () => schedule(),
    });

    /** @param {(view: View) => [dimension: number, index: number][]} to */
    function move(to) {
      const view = pane.view();
      if (!view) return;
      requestedAt = clock.inputTime();
      if (to(view).some(([d]) => d === store.current()?.axis)) player.stop();
      viewer.setPoint(withIndices(view, to(view)));
    }

    /** @param {View} main */
    function update(main) {
      const view = planeBeside(main, place);
      if (drawn && drawn.generation !== view.generation) clear();
      pane.place(view, { row: main.position[view.rows], col: main.position[view.cols] });
      const cells = Math.min(pane.cells(), config.restCells);
      if (!cells) return;
      const request = describeValues(view, cells, viewerId);
      request.query.beside = 1;
      request.requestedAt = requestedAt;
      // The window is the main picture's.
      if (view.kind === 'values') {
        delete request.query.window;
        delete request.query.norm;
      }
      if (drawn && drawn.key === request.key) {
        loader.cancel();
        pane.setBusy(false);
        recolor();
        return;
      }
      const known = kept.get(request.key);
      if (known) {
        loader.cancel();
        show(request, known.cells, { source: 'ring', version: known.version, server: {} });
      } else {
        pane.setBusy(true);
        loader.request(request);
      }
    }

    /** @param {ValuesRequest} request @param {SliceAnswer} answer */
    function onValues(request, answer) {
      if (!isOpen || store.current()?.generation !== request.generation) return;
      const cells = cellsOf(request, answer);
      keep(request.key, { cells, version: answer.version, bytes: answer.size });
      show(request, cells, answer);
    }

    /** @param {ValuesRequest} request @param {Cells} cells @param {Origin | SliceAnswer} answer */
    function show(request, cells, answer) {
      const mapping = colors.current();
      // The main picture is the first one.
      if (!mapping) return;
      const spent = pane.paint(cells, mapping);
      drawn = request;
      pane.say('');
      pane.setBusy(loader.isBusy());
      requestedAt = undefined;
      telemetry.painted(
        Object.assign({ beside: true }, request),
        answer,
        spent,
        clock.now(),
      ).then(({ perceived }) => figures.took(request.axis, perceived));
    }

    function recolor() {
      const mapping = colors.current();
      const now = pane.shown();
      if (now && mapping && now.mapping !== mapping) pane.paint(now.cells, mapping);
    }

    /** @param {ValuesRequest} _ @param {Failure} error */
    function onError(_, error) {
      pane.setBusy(false);
      pane.say(error.message);
    }

    function clear() {
      loader.cancel();
      drawn = null;
      pane.clear();
    }

    return { pane, update, clear };
  }

  /** @param {ValuesRequest} request @param {SliceAnswer} answer @returns {Cells} */
  function cellsOf(request, answer) {
    const transposed = isTransposed(request);
    const { kind, meaning } = request.view;
    const values = kind === 'color'
      ? toPixels(answer, transposed, meaning && meaning.palette)
      : toRows(answer, transposed);
    if (answer.overlay) values.overlay = toRows(answer.overlay, transposed);
    return withViewport(values, request);
  }

  /** @param {string} key @param {Kept} entry */
  function keep(key, entry) {
    kept.set(key, entry);
    keptBytes += entry.bytes;
    for (const [oldest, { bytes }] of kept) {
      if (keptBytes <= KEPT_BYTES) break;
      kept.delete(oldest);
      keptBytes -= bytes;
    }
  }

  /* The view, its colours, or the space has changed; drawn once in an animation frame. */
  function schedule() {
    if (due) return;
    due = true;
    clock.nextFrame(() => {
      due = false;
      const view = store.current();
      if (!isOpen || !view || view.views !== 3) return;
      figures.show(view);
      sides.forEach(({ update }) => update(view));
    });
  }

  /** @param {boolean} open */
  function setOpen(open) {
    if (open === isOpen) return;
    isOpen = open;
    element('views').hidden = !open;
    if (open) schedule();
    else {
      sides.forEach(({ clear }) => clear());
      kept.clear();
      keptBytes = 0;
    }
  }

  /** The plane that has the focus, null for the main one. @returns {Pane | null} */
  function focused() {
    const active = document.activeElement;
    return sides.find(({ pane }) => pane.node.contains(active))?.pane || null;
  }

  return { schedule, setOpen, focused, panes: () => sides.map(({ pane }) => pane) };
}

/** The position of a view with some indices changed. @param {View} view
 * @param {[dimension: number, index: number][]} indices @returns {number[]} */
export function withIndices({ position }, indices) {
  const next = position.slice();
  for (const [d, index] of indices) next[d] = index;
  return next;
}
