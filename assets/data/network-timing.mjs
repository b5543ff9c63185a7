/* What the network took, out of the browser's own times and of the headers of an answer. */

/** @import { Stages } from '../model/culprit.mjs' */
/** @import { Sample } from './bandwidth.mjs' */
/** @import { Origin, SliceAnswer } from './slice-loader.mjs' */

/** @typedef {ReturnType<typeof createNetworkTiming>} NetworkTiming */

const REMEMBERED = 100;

// Chromium's performance panel draws the stages on a track of their own.
const DETAIL = {
  devtools: { dataType: 'track-entry', track: 'Stages of slices', trackGroup: 'Lamella', color: 'primary' },
};

/** Book a stage in the browser's own timeline (User Timing), where its tools show it; returns its length (ms). An
 * observer sees the entry, the page itself keeps none.
 * @param {string} name @param {number} start @param {number} length @returns {number} */
export function measureStage(name, start, length) {
  const entry = 'slice-' + name;
  const { duration } = performance.measure(entry, { start, duration: length, detail: DETAIL });
  performance.clearMeasures(entry);
  return duration;
}

/** Server-Timing as {stage: ms}. @param {string | null} text @returns {Stages} */
export function parseServerTiming(text) {
  /** @type {Stages} */
  const found = {};
  (text || '').split(',').forEach((entry) => {
    const match = /^\s*([\w-]+)\s*;.*?dur=([\d.eE+-]+)/.exec(entry);
    if (match) found[match[1]] = Number(match[2]);
  });
  return found;
}

/** Where the slice came from, out of Cache-Status (RFC 9211).
 * @param {string} text @returns {'frames' | 'bricks' | 'coalesced' | 'miss'} */
export function parseCacheStatus(text) {
  if (/(^|,)\s*frames\s*;\s*hit/.test(text)) return 'frames';
  if (/(^|,)\s*bricks\s*;\s*hit/.test(text)) return 'bricks';
  if (/collapsed/.test(text)) return 'coalesced';
  return 'miss';
}

/** `onSample({bytes, wait, begin, end})` hears of each slice that came over the network (ms), `onOther` of all else.
 * @param {(sample: Sample) => void} onSample @param {(sample: Sample) => void} [onOther] */
export function createNetworkTiming(onSample, onOther = () => undefined) {
  // The browser's own times of requests by address, the newest last: they come a little after the answer.
  /** @type {Map<string, PerformanceResourceTiming>} */
  const entries = new Map();

  function start() {
    new PerformanceObserver((list) => {
      /** @type {PerformanceResourceTiming[]} */ (list.getEntries()).forEach((entry) => {
        if (!entry.name.includes('/api/v1/slice?')) {
          note(entry, onOther);
          return;
        }
        entries.delete(entry.name);
        entries.set(entry.name, entry);
        const [oldest] = entries.keys();
        if (entries.size > REMEMBERED) entries.delete(oldest);
        note(entry, onSample);
      });
    }).observe({ type: 'resource', buffered: true });
    // Before anything is requested: the page itself, and what it has loaded.
    const earlier = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
    /** @type {PerformanceResourceTiming[]} */ (earlier).forEach((entry) => note(entry, onOther));
  }

  /** @param {PerformanceResourceTiming} entry @param {(sample: Sample) => void} on */
  function note(entry, on) {
    // What is cached came earlier, also where the server was asked whether it has changed.
    if (entry.responseStart <= 0 || entry.transferSize < entry.encodedBodySize || !entry.encodedBodySize) return;
    on({
      bytes: entry.encodedBodySize,
      wait: entry.responseStart - entry.requestStart,
      begin: entry.responseStart,
      end: entry.responseEnd,
    });
  }

  /** From the request being sent to the last byte, less the server's own time (ms). What this thread did
   * meanwhile, while the answer lay there, is not the network's.
   * @param {Origin | Omit<SliceAnswer, 'bytes'>} answer @returns {number | undefined} */
  function transferMs(answer) {
    if (!('address' in answer)) return undefined;
    const entry = entries.get(new URL(answer.address, location.href).href);
    const fits = entry && entry.requestStart >= answer.startedAt && entry.responseEnd > 0;
    const spent = fits ? Math.min(answer.elapsed, entry.responseEnd - entry.requestStart) : answer.elapsed;
    const length = Math.max(0, spent - (answer.server.total || 0));
    return measureStage('transfer', fits ? entry.requestStart : answer.startedAt, length);
  }

  return { start, transferMs };
}
