/* The band under the slider: which slices are decoded, planned ahead, and in flight. It is polled every two seconds,
   moving or not, and more rarely once nobody uses the page; a change of the file is noticed as well. */

import { selectionOf } from '../model/viewport.mjs';
import { element } from '../render/dom.mjs';
/** @import { Api, Failure, Query } from '../data/api.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Span } from '../model/viewport.mjs' */
/** @import { Polling } from './polling.mjs' */

/**
 * @typedef {'ahead' | 'coming' | 'cached'} Kind
 * @typedef {Partial<Record<Kind, Span[]>>} Ranges
 * @typedef {ReturnType<typeof createResidencyBand>} Residency
 */

/** `onNone()` is called instead of asking while there is no view. `onAnswer(error)` hears whether the volume has answered; null where it has. `onShape(shape)` hears the shape that the
 * volume has now.
 * @param {{api: Pick<Api, 'url' | 'fetchOk'>, store: Pick<ViewStore, 'current'>, viewerId: string,
 *   polling: Pick<Polling, 'period'>, onNone: () => unknown, onAnswer: (error: Failure | null) => void, onShape: (shape: number[]) => void}} parts */
export function createResidencyBand({ api, store, viewerId, polling, onNone, onAnswer, onShape }) {
  let timer = 0;
  /** @type {AbortController | null} */
  let inFlight = null;
  let drawn = '';

  /** The view is at rest, or there is none. @param {View | null} view */
  function show(view) {
    if (!view || view.axis === null) draw({}, 1);
    poll();
  }

  function poll() {
    clearTimeout(timer);
    if (inFlight) inFlight.abort();
    const mine = new AbortController();
    inFlight = mine;
    fetchAndDraw(mine.signal).finally(() => {
      if (inFlight === mine) timer = setTimeout(poll, polling.period());
    });
  }

  /** @param {AbortSignal} signal */
  async function fetchAndDraw(signal) {
    const view = store.current();
    if (document.hidden) return;
    if (!view) {
      await onNone();
      return;
    }
    const { generation, axis } = view;
    const length = axis === null ? 1 : view.shape[axis];
    /** @type {Ranges} */
    let found = {};
    /** @type {number[] | null} */
    let shape = null;
    /** @type {Failure | null} */
    let failure = null;
    try {
      const response = await fetchRanges(view, signal);
      shape = shapeOf(response);
      if (axis !== null) found = await response.json();
    } catch (error) {
      if (/** @type {Failure} */ (error).name === 'AbortError') return;
      failure = /** @type {Failure} */ (error);
    }
    const same = store.current();
    if (!same || same.generation !== generation) return;
    if (same.axis === axis) draw(found, length);
    onAnswer(failure);
    if (shape) onShape(shape);
  }

  /** Of a single picture nothing is planned: the answer of one voxel has the version.
   * @param {View} view @param {AbortSignal} signal @returns {Promise<Response>} */
  function fetchRanges(view, signal) {
    const query = { file: view.file, dataset: view.dataset };
    if (view.axis === null) {
      const selection = selectionOf(view, { rows: [0, 1], cols: [0, 1], rowStep: 1, colStep: 1 });
      const voxel = api.url('/api/v1/slice', Object.assign(query, { selection }));
      return api.fetchOk(voxel, { signal }, view.generation);
    }
    const band = api.url(
      '/api/v1/residency',
      Object.assign(query, {
        selection: selectionOf(view),
        axis: view.axis,
        viewer: viewerId,
      }),
    );
    return api.fetchOk(band, { signal }, view.generation);
  }

  /** @param {Ranges} found @param {number} length */
  function draw(found, length) {
    const text = JSON.stringify([found, length]);
    if (text === drawn) return;
    drawn = text;
    drawBand(element('residency'), found, length);
  }

  function start() {
    document.addEventListener('visibilitychange', () => !document.hidden && poll());
  }

  return { start, show, poll };
}

/** @param {HTMLElement} band @param {Ranges} found @param {number} length */
export function drawBand(band, found, length) {
  const marks = /** @type {Kind[]} */ (['ahead', 'coming', 'cached']).flatMap((kind) =>
    (found[kind] || []).map(([from, end]) => {
      const mark = document.createElement('span');
      mark.className = kind;
      mark.style.left = (100 * from / length) + '%';
      mark.style.width = (100 * (end - from) / length) + '%';
      return mark;
    })
  );
  band.replaceChildren(...marks);
}

/** The shape that an answer says, null without one. @param {Response} response @returns {number[] | null} */
function shapeOf(response) {
  const text = response.headers.get('X-Volume-Shape');
  return text ? text.split(',').map(Number) : null;
}
