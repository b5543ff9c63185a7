/* The tiles that are always in sight: a number, what it was, its limit, and a word for whether that is good. */

import { formatBytes } from '../number-format.mjs';
import { formatCount, formatDuration, formatRate, formatSeconds, formatShare } from './format.mjs';

/* Limits, the first for a warning, the second for bad news; those of the alerting rules (docs/alerts.yml) where there
   is one. */
/** @type {Record<string, [number, number]>} */
export const LIMITS = {
  p95_ms: [400, 1000],
  quickShare: [0.9, 0.7],
  errorShare: [0.001, 0.01],
  queue_ms: [20, 100],
  evictedShare: [0.02, 0.1],
};

/** @import { Series } from './figures.mjs' */

/**
 * @typedef {{count: number, p50_ms: number, p95_ms: number, p99_ms: number, total_s: number}} TimeStats
 * @typedef {{bytes: number, limit: number, entries: number, evictions: number}} CacheStats
 * @typedef {{count: number, mean_age_s: number}} Ages Of bricks when they were evicted.
 * @typedef {{factor: number, hits: number, hit_rate: number | null}} SimulatedCache
 * @typedef {{decoded_bytes: number, used_bytes: number, accuracy: number | null}} PhaseStats
 * @typedef {{rss_bytes: number, cpu: number, bookkeeping: number, up_s: number, heartbeat_s: number}} ProcessLoad
 * @typedef {Record<string, number>} Counts
 * @typedef {{p5_s: number, p50_s: number} | {p5_s: null, p50_s: null}} Lead From ready to accessed.
 */

/**
 * @typedef {object} PrefetchStats
 * @property {number} planned Bricks, as the next ones.
 * @property {number} in_flight
 * @property {number} decoded
 * @property {number} used
 * @property {number} late
 * @property {number} used_bytes
 * @property {number} wasted_bytes
 * @property {Counts} wasted Bytes by cause.
 * @property {number} saved_s
 * @property {number} spent_s
 * @property {{ready: number, joined: number, not_begun: number} & Lead} lead
 * @property {number} undecided_bytes
 * @property {number | null} accuracy
 * @property {number | null} coverage
 * @property {number | null} timeliness
 * @property {PhaseStats} moving
 * @property {PhaseStats} resting
 */

/**
 * @typedef {object} Stats The server's sums over a time, see dashboard/telemetry/summaries.py.
 * @property {number} from Unix time (s).
 * @property {number} to
 * @property {Counts} demand By outcome.
 * @property {Counts} reasons
 * @property {Record<string, TimeStats | undefined>} stages
 * @property {Record<string, TimeStats | undefined>} server By outcome, and `all`.
 * @property {Record<string, TimeStats | undefined>} perceived
 * @property {{skipped: number, ahead: number, ahead_bytes: number}} page
 * @property {Record<string, Counts>} requests By kind and status.
 * @property {Counts} given_up
 * @property {TimeStats | null} queue
 * @property {TimeStats | null} brick_write
 * @property {{bricks: CacheStats & {evicted: {used: Ages, unused: Ages}}, frames: CacheStats}} caches
 * @property {{accesses: number, simulated: SimulatedCache[]}} cache_sizes
 * @property {PrefetchStats} prefetch
 * @property {Counts} reports
 * @property {number} viewers
 * @property {{state: string, since_s: number | null}} worker
 * @property {{processes: Record<string, ProcessLoad>, free_bytes: number | null, hdf5_started: number,
 * hdf5_rss_bytes: number}} machine
 * @property {Counts | null} working_set
 */

/**
 * @typedef {{count: number, demand?: Counts, reasons?: Counts, server_s: number, sent_bytes?: number}} Group
 * @typedef {Record<string, Group>} Groups
 * @typedef {Stats & {groups: Groups}} GroupedStats
 * @typedef {{good: string, fair: string, bad: string}} LevelWords
 */

/**
 * @typedef {object} Tile
 * @property {string} id
 * @property {string} label
 * @property {string} help
 * @property {string} value
 * @property {string} level good, fair, bad or none
 * @property {string} word
 * @property {string} note
 * @property {string} limit
 * @property {(number | null)[]} spark
 */

/** @param {(number | null)[] | undefined} values @returns {number} */
const add = (values) => /** @type {number[]} */ (values || []).reduce((sum, value) => sum + (value || 0), 0);

/** @param {number} value @param {[number, number]} limits */
function levelOf(value, [fair, bad]) {
  /** @param {number} limit */
  const over = (limit) => (bad > fair ? value > limit : value < limit);
  return over(bad) ? 'bad' : over(fair) ? 'fair' : 'good';
}

/** @param {Stats} stats @param {Series} series @returns {Tile[]} */
export function tilesOf(stats, series) {
  return [wait(stats, series), quick(series), rate(stats, series), errors(stats, series), viewers(stats, series)]
    .concat([queue(stats, series), worker(stats, series), cache(stats, series)]);
}

/** Level and word of a value, null for none.
 * @param {number | null} value @param {[number, number]} limits @param {LevelWords} words @param {string} none */
function judged(value, limits, words, none) {
  if (value === null) return { level: 'none', word: none };
  const level = levelOf(value, limits);
  return { level, word: words[level] };
}

/** @param {Stats} stats @param {Series} series */
function wait(stats, series) {
  const all = stats.perceived.all;
  const words = { good: 'quick', fair: 'noticeable', bad: 'slow' };
  return {
    id: 'wait',
    label: 'Wait, p95',
    help: 'From the key, wheel or click until the slice is painted: half of all slices, 95 %, and 99 % were faster.',
    value: all ? formatDuration(all.p95_ms) : '–',
    ...judged(all ? all.p95_ms : null, LIMITS.p95_ms, words, 'no slices'),
    note: all ? `half ${formatDuration(all.p50_ms)} · p99 ${formatDuration(all.p99_ms)}` : '',
    limit: 'limit ' + formatDuration(LIMITS.p95_ms[1]),
    spark: series.perceived.p95_ms,
  };
}

/** @param {Series} series */
function quick(series) {
  const count = add(series.perceived.count);
  const share = count ? add(series.seen_within_100_ms) / count : null;
  const words = { good: 'nearly all', fair: 'most', bad: 'too few' };
  return {
    id: 'quick',
    label: 'Seen within 100 ms',
    help: 'Share of slices that were painted within 100 ms, which is seen as at once.',
    value: formatShare(share),
    ...judged(share, LIMITS.quickShare, words, 'no slices'),
    note: count ? `of ${formatCount(count)}` : '',
    limit: 'limit ' + formatShare(LIMITS.quickShare[1]),
    spark: series.perceived.count.map((n, i) => (n ? series.seen_within_100_ms[i] / n : null)),
  };
}

/** @param {Series} series */
const demandsOf = (series) => series.times.map((_, i) => add(Object.values(series.demand).map((steps) => steps[i])));

/** @param {Stats} stats @param {Series} series */
function rate(stats, series) {
  const count = add(Object.values(stats.demand));
  const perStep = demandsOf(series).map((n) => n / series.step_s);
  const seconds = series.to - series.from;
  return {
    id: 'rate',
    label: 'Slices per second',
    help: 'Slices that viewers demanded, on average over the time, and at most in one step.',
    value: formatRate(count / seconds),
    level: 'none',
    word: count ? 'in use' : 'idle',
    note: `${formatCount(count)} in all`,
    limit: `up to ${formatRate(Math.max(0, ...perStep))}`,
    spark: perStep,
  };
}

const FAILED = 500;
const REFUSED = 400;

/** Whether an answer is a failure that somebody noticed: what pages fetch ahead is refused when there is no space for it.
 * @param {string} kind @param {string} code */
const isFailure = (kind, code) => kind !== 'ahead' && Number(code) >= FAILED;

/** Failures of each step. @param {Series} series */
function failuresOf(series) {
  const failed = series.times.map(() => 0);
  Object.entries(series.counters).forEach(([name, steps]) => {
    const parts = /^requests\.(\w+)_(\d{3})$/.exec(name);
    if (parts && isFailure(parts[1], parts[2])) steps.forEach((n, i) => (failed[i] += n));
  });
  return failed;
}

/** Requests that somebody waited for, those that the server failed to answer, and all that it refused.
 * @param {Stats} stats */
export function answersOf(stats) {
  const answers = Object.entries(stats.requests)
    .flatMap(([kind, codes]) => Object.entries(codes).map(([code, n]) => ({ kind, code, n })));
  /** @param {(answer: {kind: string, code: string}) => boolean} chosen */
  const sum = (chosen) => add(answers.filter(chosen).map(({ n }) => n));
  return {
    total: sum(({ kind }) => kind !== 'ahead'),
    failed: sum(({ kind, code }) => isFailure(kind, code)),
    refused: sum(({ kind, code }) => Number(code) >= REFUSED && !isFailure(kind, code)),
  };
}

/** @param {Stats} stats @param {Series} series */
function errors(stats, series) {
  const { total, failed, refused } = answersOf(stats);
  const words = { good: failed ? 'few' : 'none', fair: 'some', bad: 'many' };
  const { skipped } = stats.page;
  return {
    id: 'errors',
    label: 'Errors',
    help:
      'Requests for slices that the server failed to answer (status 500 and above). Refused ones were malformed, or fetched ahead without space.',
    value: formatCount(failed),
    ...judged(total ? failed / total : null, LIMITS.errorShare, words, 'no requests'),
    note: `${formatCount(refused)} refused · ${formatCount(skipped)} skipped`,
    limit: 'limit ' + formatShare(LIMITS.errorShare[1]),
    spark: failuresOf(series),
  };
}

/** @param {Stats} stats @param {Series} series */
function viewers(stats, series) {
  return {
    id: 'viewers',
    label: 'Viewers',
    help: 'Browser tabs that asked for slices.',
    value: formatCount(stats.viewers),
    level: 'none',
    word: stats.viewers ? 'looking' : 'nobody here',
    note: series.to - series.from > 3600 ? 'of the last hour' : 'tabs in this time',
    limit: '',
    spark: [],
  };
}

/** @param {Stats} stats @param {Series} series */
function queue(stats, series) {
  const found = stats.queue;
  const words = { good: 'no queue', fair: 'a short queue', bad: 'a queue' };
  return {
    id: 'queue',
    label: 'Queue, p95',
    help: 'How long requests for slices waited until a thread of the server was free.',
    value: found ? formatDuration(found.p95_ms) : '–',
    ...judged(found ? found.p95_ms : null, LIMITS.queue_ms, words, 'no requests'),
    note: found ? `longest 1 % ${formatDuration(found.p99_ms)}` : '',
    limit: 'limit ' + formatDuration(LIMITS.queue_ms[1]),
    spark: series.queue.p95_ms,
  };
}

/** @param {Stats} stats @param {Series} series */
function worker(stats, series) {
  const { state, since_s: since } = stats.worker;
  const { planned, in_flight: inFlight } = stats.prefetch;
  const away = since === null || since === undefined ? '' : 'for ' + formatSeconds(since);
  /** @type {Record<string, Pick<Tile, 'value' | 'level' | 'word' | 'note'>>} */
  const known = {
    up: { value: planned ? `${inFlight} of ${planned}` : 'idle', level: 'good', word: 'running', note: '' },
    away: { value: 'away', level: 'bad', word: 'stopped or hung', note: away },
    ended: { value: 'ended', level: 'bad', word: 'not running', note: away },
    none: { value: 'none', level: 'fair', word: 'never started', note: 'nothing is decoded ahead' },
  };
  const found = known[state] || known.none;
  const decoded = `${formatCount(stats.prefetch.decoded)} decoded ahead`;
  return {
    id: 'worker',
    label: 'Prefetch worker',
    help: 'The process that decodes ahead of viewers: bricks being decoded of those planned.',
    ...found,
    note: found.note || decoded,
    limit: '',
    spark: series.counters['prefetch.decoded'] || [],
  };
}

/** @param {Counts} demand @returns {number | null} */
export function servedShare(demand) {
  const total = add(Object.values(demand));
  return total ? (demand.ring + demand.hit + demand.prefetched) / total : null;
}

/** @param {Stats} stats @param {Series} series */
function cache(stats, series) {
  const share = servedShare(stats.demand);
  const demands = add(Object.values(stats.demand));
  const evicted = demands ? (stats.reasons.evicted || 0) / demands : 0;
  const { bytes, limit } = stats.caches.bricks;
  const isFull = limit > 0 && bytes > 0.95 * limit;
  const words = { good: isFull ? 'full' : 'space left', fair: 'tight', bad: 'too small' };
  return {
    id: 'cache',
    label: 'Hit rate',
    help: 'Slices that were there without decoding. Below: bytes in the brick cache, and its limit.',
    value: formatShare(share),
    ...judged(evicted, LIMITS.evictedShare, words, ''),
    note: `${formatBytes(bytes)} of ${formatBytes(limit)}`,
    limit: evicted >= 0.001 ? `${formatShare(evicted)} evicted before` : '',
    spark: series.times.map((_, i) =>
      servedShare(Object.fromEntries(Object.entries(series.demand).map(([name, steps]) => [name, steps[i]])))
    ),
  };
}
