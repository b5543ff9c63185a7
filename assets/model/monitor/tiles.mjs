/* The tiles that are always in sight: a number, what it was, its limit, and a word for whether that is good. */

import { formatBytes, formatCount, formatDuration, formatRate, formatSeconds, formatShare } from './format.mjs';

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

/**
 * @typedef {object} Tile
 * @property {string} id
 * @property {string} label
 * @property {string} value
 * @property {string} level good, fair, bad or none
 * @property {string} word
 * @property {string} note
 * @property {string} limit
 * @property {(number | null)[]} spark
 */

const add = (values) => (values || []).reduce((sum, value) => sum + (value || 0), 0);

function levelOf(value, [fair, bad]) {
  const over = (limit) => (bad > fair ? value > limit : value < limit);
  return over(bad) ? 'bad' : over(fair) ? 'fair' : 'good';
}

/** @returns {Tile[]} */
export function tilesOf(stats, series) {
  return [wait(stats, series), quick(series), rate(stats, series), errors(stats, series), viewers(stats, series)]
    .concat([queue(stats, series), worker(stats, series), cache(stats, series)]);
}

const NOTHING = { level: 'none', word: 'no slices' };

function wait(stats, series) {
  const all = stats.perceived.all;
  const words = { good: 'quick', fair: 'noticeable', bad: 'slow' };
  const level = all ? levelOf(all.p95_ms, LIMITS.p95_ms) : 'none';
  return {
    id: 'wait',
    label: 'Wait, p95',
    value: all ? formatDuration(all.p95_ms) : '–',
    ...(all ? { level, word: words[level] } : NOTHING),
    note: all ? `half ${formatDuration(all.p50_ms)} · p99 ${formatDuration(all.p99_ms)}` : '',
    limit: 'limit ' + formatDuration(LIMITS.p95_ms[1]),
    spark: series.perceived.p95_ms,
  };
}

function quick(series) {
  const count = add(series.perceived.count);
  const share = count ? add(series.seen_within_100_ms) / count : null;
  const words = { good: 'nearly all', fair: 'most', bad: 'too few' };
  const level = share === null ? 'none' : levelOf(share, LIMITS.quickShare);
  return {
    id: 'quick',
    label: 'Seen within 100 ms',
    value: formatShare(share),
    ...(share === null ? NOTHING : { level, word: words[level] }),
    note: count ? `of ${formatCount(count)}` : '',
    limit: 'limit ' + formatShare(LIMITS.quickShare[1]),
    spark: series.perceived.count.map((n, i) => (n ? series.seen_within_100_ms[i] / n : null)),
  };
}

const demandsOf = (series) => series.times.map((_, i) => add(Object.values(series.demand).map((steps) => steps[i])));

function rate(stats, series) {
  const count = add(Object.values(stats.demand));
  const perStep = demandsOf(series).map((n) => n / series.step_s);
  const seconds = series.to - series.from;
  return {
    id: 'rate',
    label: 'Slices per second',
    value: formatRate(count / seconds),
    level: 'none',
    word: count ? 'in use' : 'idle',
    note: `${formatCount(count)} in all`,
    limit: `up to ${formatRate(Math.max(0, ...perStep))}`,
    spark: perStep,
  };
}

/* Responses from status 400 on, and all responses, of each step. */
function answersOf(series) {
  const total = series.times.map(() => 0);
  const failed = series.times.map(() => 0);
  Object.entries(series.counters).filter(([name]) => name.startsWith('requests.')).forEach(([name, steps]) => {
    const isError = Number(name.slice(-3)) >= 400;
    steps.forEach((n, i) => {
      total[i] += n;
      if (isError) failed[i] += n;
    });
  });
  return { total, failed };
}

function errors(stats, series) {
  const codes = Object.values(stats.requests).flatMap((kind) => Object.entries(kind));
  const total = add(codes.map(([, n]) => n));
  const failed = add(codes.filter(([code]) => Number(code) >= 400).map(([, n]) => n));
  const words = { good: failed ? 'few' : 'none', fair: 'some', bad: 'many' };
  const level = total ? levelOf(failed / total, LIMITS.errorShare) : 'none';
  const skipped = stats.page.skipped;
  return {
    id: 'errors',
    label: 'Errors',
    value: formatCount(failed),
    ...(total ? { level, word: words[level] } : { level: 'none', word: 'no requests' }),
    note: skipped ? `${formatCount(skipped)} slices skipped` : `of ${formatCount(total)} requests`,
    limit: 'limit ' + formatShare(LIMITS.errorShare[1]),
    spark: answersOf(series).failed,
  };
}

function viewers(stats, series) {
  return {
    id: 'viewers',
    label: 'Viewers',
    value: formatCount(stats.viewers),
    level: 'none',
    word: stats.viewers ? 'looking' : 'nobody here',
    note: series.to - series.from > 3600 ? 'of the last hour' : 'tabs in this time',
    limit: '',
    spark: [],
  };
}

function queue(stats, series) {
  const found = stats.queue;
  const words = { good: 'no queue', fair: 'a short queue', bad: 'a queue' };
  const level = found ? levelOf(found.p95_ms, LIMITS.queue_ms) : 'none';
  return {
    id: 'queue',
    label: 'Queue, p95',
    value: found ? formatDuration(found.p95_ms) : '–',
    ...(found ? { level, word: words[level] } : { level: 'none', word: 'no requests' }),
    note: found ? `longest 1 % ${formatDuration(found.p99_ms)}` : '',
    limit: 'limit ' + formatDuration(LIMITS.queue_ms[1]),
    spark: series.queue.p95_ms,
  };
}

function worker(stats, series) {
  const { state, since_s: since } = stats.worker;
  const { planned, in_flight: inFlight } = stats.prefetch;
  const away = since === null || since === undefined ? '' : 'for ' + formatSeconds(since);
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
    ...found,
    note: found.note || decoded,
    limit: '',
    spark: series.counters['prefetch.decoded'] || [],
  };
}

export function servedShare(demand) {
  const total = add(Object.values(demand));
  return total ? (demand.ring + demand.hit + demand.prefetched) / total : null;
}

function cache(stats, series) {
  const share = servedShare(stats.demand);
  const demands = add(Object.values(stats.demand));
  const evicted = demands ? (stats.reasons.evicted || 0) / demands : 0;
  const { bytes, limit } = stats.caches.bricks;
  const isFull = limit > 0 && bytes > 0.95 * limit;
  const level = levelOf(evicted, LIMITS.evictedShare);
  const words = { good: isFull ? 'full' : 'space left', fair: 'tight', bad: 'too small' };
  return {
    id: 'cache',
    label: 'Hit rate',
    value: formatShare(share),
    level,
    word: words[level],
    note: `${formatBytes(bytes)} of ${formatBytes(limit)}`,
    limit: evicted ? `${formatShare(evicted)} evicted before` : '',
    spark: series.times.map((_, i) =>
      servedShare(Object.fromEntries(Object.entries(series.demand).map(([name, steps]) => [name, steps[i]])))
    ),
  };
}
