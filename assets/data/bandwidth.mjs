/* Bandwidth and latency to the server, estimated from the answers that come over the link. */

/**
 * @typedef {object} Sample An answer that came over the link.
 * @property {number} bytes
 * @property {number} wait Time from the request to the first byte (ms).
 * @property {number} begin When its body began (ms).
 * @property {number} end
 */

/** @typedef {ReturnType<typeof createBandwidthEstimator>} Bandwidth */

const SAMPLES = 6;

// A body that comes faster says more about timers than about the link (ms).
const SHORTEST_MS = 0.5;
const SMALLEST_BYTES = 8000;
const START_WITH = 2;
const MOST = 5;

// Frames smaller than this show nothing.
const FEWEST_CELLS = 96 * 96;

// Part of the link that frames may fill; the rest is for panels, and for being wrong.
const SHARE = 0.8;

export function createBandwidthEstimator() {
  /** @type {number[]} */
  const waits = [];
  /** @type {Sample[]} */
  const bodies = [];

  /** An answer: its bytes, the time until its first one (ms), and when its body began and ended (ms).
   * @param {Sample} answer */
  function addSample(answer) {
    keep(waits, answer.wait);
    if (answer.bytes >= SMALLEST_BYTES) keep(bodies, answer);
  }

  /** @template T @param {T[]} list @param {T} value */
  function keep(list, value) {
    list.push(value);
    if (list.length > SAMPLES) list.shift();
  }

  /* Bytes a ms: all that came, over the time in which something came. Bodies that travel together share it. */
  function rate() {
    if (!bodies.length) return Infinity;
    let bytes = 0;
    let spent = 0;
    let until = -Infinity;
    bodies.slice().sort((a, b) => a.begin - b.begin).forEach(({ bytes: size, begin, end }) => {
      bytes += size;
      spent += Math.max(end - Math.max(begin, until), 0);
      until = Math.max(until, end);
    });
    return bytes / Math.max(spent, SHORTEST_MS * bodies.length);
  }

  function latencyMs() {
    return waits.length ? waits.slice().sort((a, b) => a - b)[Math.floor(waits.length / 2)] : 0;
  }

  /** How many frames of `bytes` each may be in flight: one that travels, and those that the link could have
   * carried while one of them waits for its first byte.
   * @param {number} bytes @returns {number} */
  function maxConcurrent(bytes) {
    if (!bodies.length) return START_WITH;
    return Math.min(Math.max(1 + Math.ceil((latencyMs() * rate()) / bytes), START_WITH), MOST);
  }

  /** How long a frame of `bytes` takes from the first byte to the last (ms). @param {number} bytes @returns {number} */
  function transferMs(bytes) {
    return bytes / rate();
  }

  /** The most cells (a byte each) that a frame may have for `speed` frames/s.
   * @param {number} speed @returns {number} */
  function maxCells(speed) {
    return Math.max((rate() * 1000 * SHARE) / Math.max(speed, 1), FEWEST_CELLS);
  }

  return { addSample, rate, latencyMs, maxConcurrent, transferMs, maxCells };
}
