/* What to do, each with its evidence. */

import { formatCount, formatDuration, formatSeconds, formatShare, plural } from './format.mjs';
import { missSeconds, sizesOf } from './sizes.mjs';
import { answersOf, LIMITS } from './tiles.mjs';
/** @import { Groups, Stats } from './tiles.mjs' */

/**
 * @typedef {object} Advice
 * @property {string} id
 * @property {string} text What to do.
 * @property {string} evidence
 * @property {string} row The monitor's row that shows it.
 * @property {string | null} command Or a setting; null for none.
 */

// Fewer demands than this are no evidence.
const FEW = 20;
// A stage that takes this share of the server's time is worth advice, if it takes this long for a decoded slice (s).
const LARGE_SHARE = 0.5;
const LONG_S = 0.1;
// One axis is slow when a slice across it takes the server so many times as long as across another.
const SLOWER = 3;

/** @param {Stats} stats @param {{volume?: Groups, axis?: Groups}} groups @returns {Advice[]} */
export function adviceOf(stats, groups) {
  return [workerAway(stats), errors(stats), queue(stats), largerCache(stats)]
    .concat([slowDisk(stats, 'read', FILES_DISK), slowDisk(stats, 'cache', CACHE_DISK)])
    .concat([warm(stats, groups.volume || {}), rechunk(groups.axis || {})])
    .filter((one) => one !== null);
}

/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0);

/** @param {Stats} stats @returns {Advice | null} */
function workerAway(stats) {
  const { state, since_s: since } = stats.worker;
  if (state !== 'away' && state !== 'ended') return null;
  return {
    id: 'worker',
    text: 'Start the prefetch worker again',
    evidence: `it has ${state === 'away' ? 'been silent' : 'ended'}${
      since ? ', ' + formatSeconds(since) + ' ago' : ''
    }`,
    row: 'prefetch',
    command: 'lamella worker',
  };
}

/** @param {Stats} stats @returns {Advice | null} */
function errors(stats) {
  const { total, failed } = answersOf(stats);
  if (total < FEW || failed <= LIMITS.errorShare[1] * total) return null;
  return {
    id: 'errors',
    text: 'See the server’s log',
    evidence: `the server failed to answer ${plural(failed, 'request')} of ${formatCount(total)}`,
    row: 'machine',
    command: null,
  };
}

/** @param {Stats} stats @returns {Advice | null} */
function queue(stats) {
  if (!stats.queue || stats.queue.count < FEW || stats.queue.p95_ms <= LIMITS.queue_ms[1]) return null;
  return {
    id: 'queue',
    text: 'Give the server more threads or processors',
    evidence: `one request in twenty waited longer than ${formatDuration(stats.queue.p95_ms)} for a thread`,
    row: 'machine',
    command: null,
  };
}

/** @param {Stats} stats @returns {Advice | null} */
function largerCache(stats) {
  const demands = sum(Object.values(stats.demand));
  const evicted = stats.reasons.evicted || 0;
  const sizes = sizesOf(stats);
  const today = sizes.find(({ factor }) => factor === 1);
  const double = sizes.find(({ factor }) => factor === 2);
  if (!today || !double || demands < FEW || evicted <= LIMITS.evictedShare[1] * demands) return null;
  const saved = double.hits - today.hits;
  if (saved <= 0) return null;
  return {
    id: 'cache',
    text: 'Give the brick cache more space',
    evidence: `${formatShare(evicted / demands)} of slices had been evicted; twice the limit would have saved ${
      formatSeconds(saved * missSeconds(stats))
    } of waiting`,
    row: 'caches',
    command: 'LAMELLA_BRICK_CACHE_BYTES',
  };
}

/** The share of a stage in the server's time of decoded slices, and its time for one of them (s).
 * @param {Stats} stats @param {string} name */
function partOf(stats, name) {
  const miss = stats.server.miss;
  const stage = stats.stages[name];
  if (!miss || !stage || miss.count < FEW) return { share: 0, seconds: 0 };
  return { share: stage.total_s / miss.total_s, seconds: stage.total_s / miss.count };
}

/** @param {Stats} stats @param {string} stage @param {Pick<Advice, 'id' | 'text' | 'command'> & {what: string}} disk
 * @returns {Advice | null} */
function slowDisk(stats, stage, { id, what, text, command }) {
  const { share, seconds } = partOf(stats, stage);
  if (share < LARGE_SHARE || seconds < LONG_S) return null;
  const evidence = `${what} takes ${formatDuration(1000 * seconds)} of a decoded slice, ${
    formatShare(share)
  } of its time`;
  return { id, text, evidence, row: 'requests', command };
}

const FILES_DISK = { id: 'disk', what: 'reading', text: 'Put the files on a faster disk', command: null };
const CACHE_DISK = {
  id: 'cache-disk',
  what: 'it',
  text: 'Put the cache directory on a faster disk',
  command: 'LAMELLA_CACHE_DIR',
};

/** @param {Stats} stats @param {Groups} volumes @returns {Advice | null} */
function warm(stats, volumes) {
  const demands = sum(Object.values(stats.demand));
  const first = stats.reasons.first || 0;
  const misses = stats.demand.miss + stats.demand.coalesced;
  if (misses < FEW || misses < LIMITS.evictedShare[1] * demands || first < LARGE_SHARE * misses) return null;
  const [name, most] = Object.entries(volumes).filter(([volume]) => volume !== 'other')
    .map(([volume, group]) => /** @type {[string, number]} */ ([volume, (group.demand || {}).miss || 0]))
    .reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
  // Of no volume in particular, there is none to name.
  if (most < LARGE_SHARE * misses) return null;
  return {
    id: 'warm',
    text: `Warm ${name}`,
    evidence: `${formatCount(first)} of ${formatCount(misses)} decoded slices were accessed for the first time, ` +
      `${formatCount(most)} of them there`,
    row: 'caches',
    command: 'lamella warm',
  };
}

/** @param {Groups} axes @returns {Advice | null} */
function rechunk(axes) {
  const mean = Object.entries(axes).filter(([name, group]) => name !== 'other' && group.count >= FEW)
    .map(([name, group]) => ({ name, seconds: group.server_s / group.count }))
    .sort((a, b) => a.seconds - b.seconds);
  if (mean.length < 2) return null;
  const [fastest] = mean;
  const slowest = mean[mean.length - 1];
  if (slowest.seconds < SLOWER * fastest.seconds || slowest.seconds < LONG_S) return null;
  return {
    id: 'rechunk',
    text: `Choose other chunks for slices across axis ${slowest.name}`,
    evidence: `they take the server ${formatDuration(1000 * slowest.seconds)} on average, across axis ${fastest.name} ${
      formatDuration(1000 * fastest.seconds)
    }; inspect has the h5repack line`,
    row: 'requests',
    command: 'lamella inspect',
  };
}
