/* What the browser's stages took, put into the page's own timeline and sent in batches to the server. */

import { browserClock } from './clock.mjs';
import { measureStage } from './network-timing.mjs';
/** @import { Stages } from '../model/culprit.mjs' */
/** @import { Api } from './api.mjs' */
/** @import { Clock } from './clock.mjs' */
/** @import { NetworkTiming } from './network-timing.mjs' */
/** @import { Origin, SliceAnswer } from './slice-loader.mjs' */

/**
 * @typedef {object} Displayed The slice that is displayed.
 * @property {number | null} axis
 * @property {number} index
 * @property {number} [requestedAt] Time of the key or click (ms); missing where it is drawn by itself.
 * @property {{file: string, dataset: string, selection: string}} query
 * @property {boolean} [beside] Whether it is beside the main picture.
 */

/**
 * @typedef {object} PaintedSlice
 * @property {Stages} stages
 * @property {Origin['source']} source
 * @property {boolean} [ahead] Whether it was decoded ahead.
 * @property {number} [perceived] Time from the key or click to the screen (ms).
 */

/**
 * @typedef {{transfer?: number, convert: number, draw: number, display: number}} BrowserStages In ms.
 * @typedef {ReturnType<typeof createTelemetry>} Telemetry
 */

const BATCH_MS = 2000;

// When the page has the slices, the server learns the position from these reports alone.
const RING_BATCH_MS = 300;
const BATCH_MOST = 50;

/* This tab's random name. crypto.randomUUID is missing over plain HTTP, getRandomValues is not. */
export function identifyViewer() {
  let id = null;
  try {
    id = sessionStorage.getItem('lamella-viewer');
  } catch {
    id = null;
  }
  // A duplicated tab has its opener's storage, but is another viewer.
  const entry = /** @type {PerformanceNavigationTiming} */ (performance.getEntriesByType('navigation')[0]);
  if (!id || (entry && entry.type === 'navigate' && history.length === 1)) {
    id = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');
  }
  try {
    sessionStorage.setItem('lamella-viewer', id);
  } catch {
    // Private windows may have no storage: the id then lasts as long as the page.
  }
  return id;
}

/** @param {Pick<Api, 'url' | 'isSignedOut'>} api @param {Pick<NetworkTiming, 'transferMs'>} network @param {string} viewerId
 * @param {Clock} [clock] */
export function createTelemetry(api, network, viewerId, clock = browserClock) {
  /** @type {object[]} */
  let pending = [];
  // Since the last report: slices that were never painted, and those that were fetched ahead.
  let skipped = 0;
  let ahead = { count: 0, bytes: 0, transfer_ms: 0 };
  let timer = 0;
  let flushAt = 0;

  /** In the next animation frame after the picture was drawn: puts the mark, and resolves with all stages and the time
   * since `request.requestedAt`, where that is given. `shownAt` is when it was on the screen already.
   * @param {Displayed} request @param {Origin | Omit<SliceAnswer, 'bytes'>} answer
   * @param {{convert: number, draw: number}} spent @param {number} drawn @param {number} [shownAt]
   * @returns {Promise<PaintedSlice>} */
  function painted(request, answer, spent, drawn, shownAt) {
    return new Promise((resolve) => {
      clock.nextFrame(() => {
        performance.mark('slice-painted', {
          detail: {
            index: request.index,
            axis: request.axis,
            source: answer.source,
            ...(request.beside ? { beside: true } : {}),
          },
        });
        performance.clearMarks('slice-painted');
        // This frame is on the screen when the browser turns to the next task.
        const channel = new MessageChannel();
        channel.port1.onmessage = () => {
          channel.port1.close();
          const end = shownAt === undefined ? clock.now() : shownAt;
          const browser = {
            transfer: network.transferMs(answer),
            convert: spent.convert,
            draw: spent.draw,
            display: measureStage('display', drawn, end - drawn),
          };
          const perceived = request.requestedAt === undefined ? undefined : end - request.requestedAt;
          const waited = perceived === undefined ? undefined : waitedMs(perceived, answer, browser);
          record(request, answer, Object.assign({ waited }, browser), perceived);
          resolve({
            stages: Object.assign({}, answer.server, { waited }, browser),
            source: answer.source,
            ahead: answer.ahead,
            perceived,
          });
        };
        channel.port2.postMessage(null);
      });
      // A hidden tab has no animation frames and shows no slice.
      if (document.hidden) resolve({ stages: Object.assign({}, answer.server), source: answer.source });
    });
  }

  /** What of the whole time neither server, network nor drawing took (ms): this thread was busy, the request waited for
   * another one, or the slice for its window.
   * @param {number} perceived @param {Origin} answer @param {BrowserStages} browser @returns {number} */
  function waitedMs(perceived, { server }, { transfer = 0, convert, draw, display }) {
    return Math.max(0, perceived - ((server && server.total) || 0) - transfer - convert - draw - display);
  }

  /** @param {Displayed} request @param {Origin} answer @param {BrowserStages & {waited?: number}} browser
   * @param {number | undefined} perceived */
  function record(request, { source, version, ahead: prefetched }, browser, perceived) {
    pending.push({
      file: request.query.file,
      dataset: request.query.dataset,
      selection: request.query.selection,
      index: request.index,
      axis: request.axis,
      source,
      version: version || undefined,
      prefetched: prefetched || undefined,
      beside: request.beside,
      perceived_ms: round(perceived),
      waited_ms: round(browser.waited),
      transfer_ms: round(browser.transfer),
      convert_ms: round(browser.convert),
      draw_ms: round(browser.draw),
      display_ms: round(browser.display),
    });
    const due = clock.now() + (source === 'ring' ? RING_BATCH_MS : BATCH_MS);
    if (pending.length >= BATCH_MOST) flush();
    else if (!timer || due < flushAt) {
      clock.cancel(timer);
      flushAt = due;
      timer = clock.later(flush, due - clock.now());
    }
  }

  /** @param {number | undefined} ms @returns {number | undefined} */
  function round(ms) {
    return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
  }

  function flush() {
    clock.cancel(timer);
    timer = 0;
    if (!pending.length) return;
    const report = { viewer: viewerId, slices: pending, skipped, ahead };
    pending = [];
    skipped = 0;
    ahead = { count: 0, bytes: 0, transfer_ms: 0 };
    if (api.isSignedOut()) return;
    fetch(api.url('/api/v1/telemetry'), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(report),
      keepalive: true,
    }).catch(() => undefined);
  }

  function start() {
    document.addEventListener('visibilitychange', () => document.hidden && flush());
    addEventListener('pagehide', flush);
  }

  /* A requested slice was never painted. */
  function addSkipped() {
    skipped += 1;
  }

  /** A slice was fetched ahead. @param {Pick<SliceAnswer, 'sent' | 'elapsed' | 'server'>} answer */
  function fetchedAhead(answer) {
    ahead.count += 1;
    ahead.bytes += answer.sent;
    ahead.transfer_ms += Math.max(0, answer.elapsed - (answer.server.total || 0));
  }

  return { start, painted, skipped: addSkipped, fetchedAhead };
}
