/* The values of a picture beside the main one: asked for as the viewer's demands, the newest first, and kept for a while. Where
   `ahead` is given, slices that come next are fetched before they are asked for, as those of the main picture are. */

import { createPrefetcher } from '../../data/prefetcher.mjs';
import { createSliceLoader } from '../../data/slice-loader.mjs';
import { toPixels, toRows } from '../../data/typed-arrays.mjs';
import { afterStep, AT_REST, indicesAhead, indicesAround } from '../../model/motion.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { reduce } from '../../model/view.mjs';
import { describeValues, withViewport } from '../../render/values-request.mjs';
/** @import { Failure } from '../../data/api.mjs' */
/** @import { Origin, SliceAnswer } from '../../data/slice-loader.mjs' */
/** @import { Cells, ValuesRequest } from '../../model/cells.mjs' */
/** @import { Velocity } from '../../model/motion.mjs' */
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
// How long a demand waits for a slice that is fetched ahead (ms).
const LATE_MS = 60;
// A movement has ended when the last step is older than this (ms).
const MOVING_MS = 600;

/** @param {Pick<ViewsParts, 'api' | 'clock' | 'telemetry' | 'viewerId' | 'bandwidth'>} parts @param {ValuesEvents} on
 * @param {{isOn: () => boolean}} [ahead] */
export function createPlaneValues({ api, clock, telemetry, viewerId, bandwidth }, on, ahead) {
  /** @type {Map<string, Kept>} */
  const kept = new Map();
  let keptBytes = 0;
  /** What is painted. @type {ValuesRequest | null} */
  let drawn = null;
  /** @type {ValuesRequest | null} */
  let asked = null;
  /** What `asked` was made of. @type {{view: View, limit: number} | null} */
  let source = null;
  /** Names the slices of one plane and zoom. */
  let series = '';
  /** @type {Readonly<Velocity>} */
  let velocity = AT_REST;
  let bytes = 0;
  let late = 0;
  const prefetcher = createPrefetcher(
    fetchAhead,
    onAhead,
    (index) => kept.has(requestAt(index).key),
    () => ahead ? bandwidth.maxConcurrent(bytes) : 0,
    clock,
  );
  const loader = createSliceLoader(api, onValues, (_, error) => {
    on.busy(false);
    on.failed(error);
  }, bandwidth);

  /** @param {View} view @param {number} limit Of cells. @param {number} requestedAt Time of the key or pointer (ms). */
  function update(view, limit, requestedAt) {
    if (asked && asked.generation !== view.generation) clear();
    const { axis } = view;
    const moved = axis !== null && source?.view.axis === axis ? view.position[axis] - source.view.position[axis] : 0;
    if (moved) velocity = afterStep(velocity, moved, clock.now());
    source = { view, limit };
    const others = axis === null ? '' : requestAt(0).key;
    // Of another plane or zoom, what is fetched ahead is for nothing.
    if (others !== series) prefetcher.stop();
    series = others;
    const request = describe(view, limit);
    request.requestedAt = requestedAt;
    asked = request;
    clock.cancel(late);
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
      const load = () => {
        if (asked === request && !kept.has(request.key)) loader.request(request);
      };
      if (prefetcher.isRunning(request.index)) late = clock.later(load, LATE_MS);
      else load();
    }
  }

  /** @param {View} view @param {number} limit @returns {ValuesRequest} */
  function describe(view, limit) {
    const request = describeValues(view, limit, viewerId);
    request.query.beside = 1;
    // The window is the main picture's.
    if (view.kind === 'values') {
      delete request.query.window;
      delete request.query.norm;
    }
    return request;
  }

  /* Fetching ahead */

  /** Of another slice than the one that was asked for. @param {number} index @returns {ValuesRequest} */
  function requestAt(index) {
    const { view, limit } = /** @type {NonNullable<typeof source>} */ (source);
    return describe(reduce(view, { type: 'index', index }), limit);
  }

  function planAhead() {
    if (!ahead || !source || source.view.axis === null) return;
    const { view: { axis, shape, position } } = source;
    const index = position[axis];
    const capacity = Math.floor(KEPT_BYTES / 2 / Math.max(bytes, 1));
    const isMoving = velocity.speed > 0 && clock.now() - velocity.at < MOVING_MS;
    const indices = isMoving
      ? indicesAhead(velocity, {
        length: shape[axis],
        at: (k) => index + k * velocity.stride * velocity.direction,
        delayMs: 0,
        capacity,
      })
      : indicesAround(velocity, index, shape[axis]).slice(0, capacity);
    prefetcher.setQueue(ahead.isOn() ? indices : []);
  }

  /** @param {number} index @param {AbortSignal} signal */
  async function fetchAhead(index, signal) {
    const request = requestAt(index);
    const query = Object.assign({}, request.query, { ahead: 1 });
    const options = { signal, priority: /** @type {const} */ ('low') };
    return { request, answer: await loader.load(query, options, request.generation, undefined, request.over) };
  }

  /** @param {number} index @param {{request: ValuesRequest, answer: SliceAnswer}} found */
  function onAhead(index, { request, answer }) {
    telemetry.fetchedAhead(answer);
    const cells = cellsOf(request, answer);
    keep(request.key, { cells, version: answer.version, bytes: answer.size });
    if (asked && asked.index === index && asked.key === request.key) {
      clock.cancel(late);
      loader.cancel();
      show(asked, cells, answer);
    }
  }

  /** @param {ValuesRequest} request @param {SliceAnswer} answer */
  function onValues(request, answer) {
    if (!asked || asked.generation !== request.generation) return;
    const cells = cellsOf(request, answer);
    bytes = answer.size;
    keep(request.key, { cells, version: answer.version, bytes });
    show(request, cells, answer);
  }

  /** @param {ValuesRequest} request @param {Cells} cells @param {Origin | SliceAnswer} answer */
  function show(request, cells, answer) {
    const spent = on.paint(cells);
    // The view may have changed in what these values do not depend on, or its colours may be on their way.
    if (request.key === asked?.key) planAhead();
    if (!spent) return;
    drawn = request;
    on.busy(loader.isBusy());
    telemetry.painted(Object.assign({ beside: true }, request), answer, spent, clock.now())
      .then(({ perceived }) => on.took(request.axis, perceived));
  }

  /** @param {string} key @param {Kept} entry */
  function keep(key, entry) {
    keptBytes += entry.bytes - (kept.get(key)?.bytes ?? 0);
    kept.set(key, entry);
    for (const [oldest, { bytes }] of kept) {
      if (keptBytes <= KEPT_BYTES) break;
      kept.delete(oldest);
      keptBytes -= bytes;
    }
  }

  function clear() {
    clock.cancel(late);
    loader.cancel();
    prefetcher.stop();
    source = null;
    kept.clear();
    keptBytes = 0;
    drawn = null;
    asked = null;
  }

  return { update, clear, isBusy: loader.isBusy };
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
