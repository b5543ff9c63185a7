/* The values of a picture beside the main one: asked for as the viewer's demands, the newest first, and kept for a while. */

import { createSliceLoader } from '../../data/slice-loader.mjs';
import { toPixels, toRows } from '../../data/typed-arrays.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { describeValues, withViewport } from '../../render/values-request.mjs';
/** @import { Failure } from '../../data/api.mjs' */
/** @import { Origin, SliceAnswer } from '../../data/slice-loader.mjs' */
/** @import { Cells, ValuesRequest } from '../../model/cells.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ViewsParts } from '../views.mjs' */

/**
 * @typedef {{cells: Cells, version: string | null, bytes: number}} Kept
 *
 * @typedef {object} ValuesEvents
 * @property {(cells: Cells) => {convert: number, draw: number} | null} paint How long it took (ms); null where it cannot be
 *   painted yet.
 * @property {() => void} same What is asked for is what was painted.
 * @property {(busy: boolean) => void} busy
 * @property {(error: Failure) => void} failed
 * @property {(axis: number | null, ms: number | undefined) => void} took
 */

const KEPT_BYTES = 24 * 2 ** 20;

/** @param {Pick<ViewsParts, 'api' | 'clock' | 'telemetry' | 'viewerId'>} parts @param {ValuesEvents} on */
export function createPlaneValues({ api, clock, telemetry, viewerId }, on) {
  /** @type {Map<string, Kept>} */
  const kept = new Map();
  let keptBytes = 0;
  /** What is painted. @type {ValuesRequest | null} */
  let drawn = null;
  /** @type {ValuesRequest | null} */
  let asked = null;
  const loader = createSliceLoader(api, onValues, (_, error) => {
    on.busy(false);
    on.failed(error);
  });

  /** @param {View} view @param {number} limit Of cells. @param {number} requestedAt Time of the key or pointer (ms). */
  function update(view, limit, requestedAt) {
    if (asked && asked.generation !== view.generation) clear();
    const request = describeValues(view, limit, viewerId);
    request.query.beside = 1;
    request.requestedAt = requestedAt;
    asked = request;
    // The window is the main picture's.
    if (view.kind === 'values') {
      delete request.query.window;
      delete request.query.norm;
    }
    const known = kept.get(request.key);
    if (drawn && drawn.key === request.key) {
      loader.cancel();
      on.busy(false);
      on.same();
    } else if (known) {
      loader.cancel();
      show(request, known.cells, { source: 'ring', version: known.version, server: {} });
    } else {
      on.busy(true);
      loader.request(request);
    }
  }

  /** @param {ValuesRequest} request @param {SliceAnswer} answer */
  function onValues(request, answer) {
    if (!asked || asked.generation !== request.generation) return;
    const cells = cellsOf(request, answer);
    keep(request.key, { cells, version: answer.version, bytes: answer.size });
    show(request, cells, answer);
  }

  /** @param {ValuesRequest} request @param {Cells} cells @param {Origin | SliceAnswer} answer */
  function show(request, cells, answer) {
    const spent = on.paint(cells);
    if (!spent) return;
    drawn = request;
    on.busy(loader.isBusy());
    telemetry.painted(Object.assign({ beside: true }, request), answer, spent, clock.now())
      .then(({ perceived }) => on.took(request.axis, perceived));
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

  function clear() {
    loader.cancel();
    kept.clear();
    keptBytes = 0;
    drawn = null;
    asked = null;
  }

  return { update, clear };
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
