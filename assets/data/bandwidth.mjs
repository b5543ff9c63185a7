/* Bandwidth and latency to the server, estimated from the answers that come over the link. */

/**
 * @typedef {object} Sample An answer that came over the link.
 * @property {number} bytes
 * @property {number} wait Time from the request to the first byte (ms).
 * @property {number} begin When its body began (ms).
 * @property {number} end
 */

/** @typedef {{bytes: number, sent: number, ms: number}} Compressed An answer that was compressed: its bytes before that and
 *   as they were sent, and how long the server took to encode it (ms). */

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

// A step by itself has this part of a second to arrive, like one of so many.
const SLOWEST = 5;

// What compressing spares is worth so many times the server's time for it, which others need as well.
const WORTH = 2;

// A server that takes so long (ms) to begin any answer is far away. Until more is known of the link, it is taken for one
// of these bytes a ms.
const FAR_MS = 100;
const FAR_RATE = 1000;

// Bytes that compressing spares in a ms of the server, until an answer has shown it.
const FIRST_GAIN = 25_000;

export function createBandwidthEstimator() {
  /** @type {number[]} */
  const waits = [];
  /** @type {Sample[]} */
  const bodies = [];
  /** @type {number[]} */
  const gains = [];
  let hint = 0;
  let nearest = Infinity;

  /** An answer: its bytes, the time until its first one (ms), and when its body began and ended (ms).
   * @param {Sample} answer */
  function addSample(answer) {
    keep(waits, answer.wait);
    if (answer.bytes >= SMALLEST_BYTES) keep(bodies, answer);
  }

  /** Something else than a slice came over the link: what it is good for until a slice has. @param {Sample} answer */
  function addHint({ bytes, wait, begin, end }) {
    nearest = Math.min(nearest, wait);
    if (bytes >= SMALLEST_BYTES) hint = Math.max(hint, bytes / Math.max(end - begin, SHORTEST_MS));
  }

  /** @param {Compressed} answer */
  function addCompressed({ bytes, sent, ms }) {
    keep(gains, (bytes - sent) / Math.max(ms, SHORTEST_MS));
  }

  /* Whether a compressed answer is here sooner. */
  function isCompressedFaster() {
    return rate() * WORTH < (gains.length ? median(gains) : FIRST_GAIN);
  }

  /** @template T @param {T[]} list @param {T} value */
  function keep(list, value) {
    list.push(value);
    if (list.length > SAMPLES) list.shift();
  }

  /* Bytes a ms: all that came, over the time in which something came. Bodies that travel together share it. */
  function rate() {
    if (!bodies.length) return hint || (latencyMs() >= FAR_MS ? FAR_RATE : Infinity);
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
    if (waits.length) return median(waits);
    return nearest === Infinity ? 0 : nearest;
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
    return Math.max((rate() * 1000 * SHARE) / Math.max(speed, SLOWEST), FEWEST_CELLS);
  }

  return {
    addSample,
    addHint,
    addCompressed,
    isCompressedFaster,
    rate,
    latencyMs,
    maxConcurrent,
    transferMs,
    maxCells,
  };
}

/** @param {number[]} list @returns {number} */
function median(list) {
  return list.slice().sort((a, b) => a - b)[Math.floor(list.length / 2)];
}
