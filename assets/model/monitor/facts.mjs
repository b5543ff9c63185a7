/* Facts in words: what became of what was decoded ahead, and what the disks and the bookkeeping do. [name, text, help]. */

import { LIMITS, servedShare } from './tiles.mjs';
import { formatBytes } from '../number-format.mjs';
import { formatCount, formatDuration, formatSeconds, formatShare, plural } from './format.mjs';

/** @import { Series } from './figures.mjs' */
/** @import { Fact } from './format.mjs' */
/** @import { Ages, Counts, Groups, PrefetchStats, Stats } from './tiles.mjs' */

/** @param {(Fact | null)[]} facts @returns {Fact[]} */
const present = (facts) => facts.filter((fact) => fact !== null);

/** Figures that the server does not know are left out.
 * @template T @param {T | null | undefined} value @param {(value: T) => Fact} make */
const known = (value, make) => (value === null || value === undefined ? null : make(value));

/** Whether prefetching is worth it, in a sentence. @param {Pick<Stats, 'prefetch'>} stats @returns {string} */
export function worthSentence({ prefetch }) {
  const { saved_s: saved, spent_s: spent } = prefetch;
  if (!spent && !saved) return 'Nothing was decoded ahead in this time.';
  return `Decoding ahead saved viewers ${formatSeconds(saved)} of waiting, for ${
    formatSeconds(spent)
  } of the server’s time.`;
}

/** Causes of waste, in words. @type {Record<string, string>} */
export const CAUSES = {
  turned: 'the viewer turned',
  jumped: 'the viewer jumped',
  left: 'the viewer left',
  too_deep: 'too far ahead',
  evicted: 'evicted',
  dropped: 'removed from the cache',
};

/** Bytes decoded ahead by what became of them.
 * @param {Pick<Stats, 'prefetch'>} stats @returns {[name: string, bytes: number, share: number][]} */
export function fatesOf({ prefetch }) {
  const { used_bytes: used, undecided_bytes: undecided, wasted } = prefetch;
  /** @type {[name: string, bytes: number][]} */
  const causes = Object.entries(wasted).map(([cause, bytes]) => ['wasted: ' + (CAUSES[cause] || cause), bytes]);
  const whole = used + undecided + prefetch.wasted_bytes;
  return /** @type {typeof causes} */ ([['used', used], ['not decided yet', undecided], ...causes])
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => [name, bytes, bytes / whole]);
}

/** A lead, in seconds, as those beside it. @param {number} seconds */
const leadText = (seconds) => (seconds < 0.1 || seconds >= 1 ? formatSeconds(seconds) : seconds.toFixed(1) + ' s');

/** When planned bricks were ready. @param {PrefetchStats['lead']} lead @returns {Fact[]} */
function leadFacts(lead) {
  if (!(lead.ready + lead.joined + lead.not_begun)) return [];
  return [
    [
      'When needed',
      `${formatCount(lead.ready)} ready, ${formatCount(lead.joined)} in progress, ${
        formatCount(lead.not_begun)
      } not begun`,
      'planned bricks at their first access',
    ],
    ...(/** @type {Fact[]} */ (lead.p50_s === null ? [] : [[
      'Lead',
      `half of them ${leadText(lead.p50_s)} before they were needed, the latest 5 % less than ${leadText(lead.p5_s)}`,
      'of the bricks that were ready, the time from ready to accessed',
    ]])),
  ];
}

/** @param {Pick<Stats, 'prefetch' | 'page'>} stats @returns {Fact[]} */
export function prefetchFacts(stats) {
  const ahead = stats.prefetch;
  /** @param {{decoded_bytes: number, used_bytes: number}} phase */
  const used = ({ decoded_bytes: decoded, used_bytes: bytes }) =>
    decoded ? `${formatBytes(bytes)} of ${formatBytes(decoded)}` : 'none decoded';
  return [
    [
      'Accuracy',
      ahead.accuracy === null && ahead.decoded ? 'not decided yet' : formatShare(ahead.accuracy),
      'of the bytes decoded ahead that were used or wasted, the share that was used',
    ],
    [
      'Coverage, timeliness',
      `${formatShare(ahead.coverage)}, ${formatShare(ahead.timeliness)}`,
      'of all bricks accessed for the first time, the share decoded ahead; of those, the share ready in time',
    ],
    [
      'Bricks',
      `${formatCount(ahead.decoded)} decoded, ${formatCount(ahead.used)} used, ${formatCount(ahead.late)} late`,
    ],
    ...leadFacts(ahead.lead),
    [
      'Used',
      `moving ${used(ahead.moving)}, resting ${used(ahead.resting)}`,
      'by whether the viewer moved or rested when the bricks were decoded',
    ],
    ['Pages fetched ahead', `${plural(stats.page.ahead, 'slice')}, ${formatBytes(stats.page.ahead_bytes)}`],
  ];
}

/** @param {Stats} stats @param {Series} series @returns {Fact[]} */
export function machineFacts(stats, series) {
  const write = stats.brick_write;
  const { frames } = stats.caches;
  /** @param {string} name @param {string} label @param {string} help */
  const stage = (name, label, help) =>
    known(stats.stages[name], (one) => [
      label,
      `${formatDuration((1000 * one.total_s) / one.count)} a slice, ${formatSeconds(one.total_s)} in all`,
      help,
    ]);
  const refused = stats.reports.refused;
  return present([
    stage('read', 'Reading the files', 'whatever touches the storage of the files'),
    stage('cache', 'Cache directory', 'whatever touches the storage of the cache'),
    stage('decode', 'Decoding', 'the filters'),
    write && [
      'Writing bricks',
      `p95 ${formatDuration(write.p95_ms)}, ${plural(write.count, 'brick')}`,
      'after the response, so that no viewer waits for it',
    ],
    ['Disks', diskText(series), 'without what came out of the page cache; HDF5 workers count when they end'],
    known(stats.machine.free_bytes, (bytes) => ['Free on the cache’s disk', formatBytes(bytes)]),
    [
      'HDF5 workers',
      `${formatBytes(stats.machine.hdf5_rss_bytes)}, ${formatCount(stats.machine.hdf5_started)} started`,
      'their memory, and how many there were: those that end or slow down are replaced',
    ],
    [
      'Frames',
      `${formatBytes(frames.bytes)} of ${formatBytes(frames.limit)}, ${formatCount(frames.evictions)} evicted`,
    ],
    ['Given up', plural(Object.values(stats.given_up).reduce((a, b) => a + b, 0), 'request')],
    [
      'Reports of pages',
      `${formatCount(stats.reports.accepted)} slices` + (refused ? `, ${formatCount(refused)} refused` : ''),
    ],
  ]);
}

/** @param {Pick<Stats, 'caches' | 'working_set'>} stats @returns {Fact[]} */
export function cacheFacts(stats) {
  const { bricks } = stats.caches;
  return [
    ['now', `${formatBytes(bricks.bytes)} of ${formatBytes(bricks.limit)}`],
    ['bricks', formatCount(bricks.entries)],
    ['evicted', formatCount(bricks.evictions)],
    ...ageFacts(bricks.evicted),
    ...setFacts(stats.working_set),
  ];
}

/** How long before their eviction bricks were accessed last; and those that never were.
 * @param {{used: Ages, unused: Ages}} evicted @returns {Fact[]} */
function ageFacts({ used, unused }) {
  /** @param {number} age */
  const mean = (age) => formatSeconds(age) + ' on average';
  return [
    ...(/** @type {Fact[]} */ (used.count ? [['last used', mean(used.mean_age_s) + ' before']] : [])),
    ...(/** @type {Fact[]} */ (unused.count
      ? [['never used', `${formatCount(unused.count)}, decoded ${mean(unused.mean_age_s)} before`]]
      : [])),
  ];
}

/** What was in use in the last minutes: a cache that is smaller evicts what is needed again.
 * @param {Counts | null | undefined} sets @returns {Fact[]} */
function setFacts(sets) {
  if (!sets) return [];
  const spans = Object.entries(sets);
  const minutes = spans.map(([seconds]) => String(Number(seconds) / 60)).join('/');
  return [[`in use in ${minutes} min`, spans.map(([, bytes]) => formatBytes(bytes)).join(' / ')]];
}

/** Bytes read from disks and written to them, and their rates. @param {Series} series */
function diskText({ counters, from, to }) {
  const text = (/** @type {string} */ name, /** @type {string} */ verb) => {
    const bytes = (counters[name] || []).reduce((sum, value) => sum + (value || 0), 0);
    return `${formatBytes(bytes)} ${verb}, ${formatBytes(bytes / (to - from))}/s`;
  };
  return `${text('disk.read_bytes', 'read')}; ${text('disk.written_bytes', 'written')}`;
}

// A process that was silent for longer than this (s) is away, as the worker in the server's statistics.
const SILENT_S = 10;

export const PROCESS_HEAD = ['process', 'memory', 'processors', 'bookkeeping', 'running for', 'heard of'];

/** Rows of the processes; `bookkeeping` is what the ledger costs.
 * @param {Pick<Stats, 'machine'>} stats @param {string} [chosen] */
export function processRows(stats, chosen) {
  return Object.entries(stats.machine.processes).filter(([name]) => !chosen || name === chosen).map(([name, one]) => ({
    cells: [
      name,
      formatBytes(one.rss_bytes),
      one.cpu.toFixed(2),
      formatDuration(1000 * one.bookkeeping) + '/s',
      formatSeconds(one.up_s),
      formatSeconds(one.heartbeat_s) + ' ago',
    ],
    level: one.heartbeat_s > SILENT_S ? 'bad' : '',
  }));
}

/** @type {Record<string, string[]>} */
export const GROUP_HEAD = {
  volume: ['volume', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  axis: ['sliced across', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  format: ['format', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  node: ['machine', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  viewer: ['viewer', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
};

/** Rows of a breakdown: which volume thrashes, which axis is slow, who is here.
 * @param {Groups} groups @param {string} by @param {string} [chosen] */
export function groupRows(groups, by, chosen) {
  return Object.entries(groups).filter(([name]) => !chosen || name === chosen).map(([name, group]) => {
    const demand = { ring: 0, hit: 0, prefetched: 0, coalesced: 0, miss: 0, ...group.demand };
    const decoded = demand.miss + demand.coalesced;
    const answered = group.count - demand.ring;
    const evicted = (group.reasons || {}).evicted || 0;
    const label = by === 'axis' && name !== 'other' ? 'axis ' + name : by === 'viewer' ? name.slice(0, 8) : name;
    return {
      cells: [
        { text: label, title: name },
        formatCount(group.count),
        formatShare(servedShare(demand)),
        formatCount(decoded),
        formatCount(evicted),
        answered ? formatDuration((1000 * group.server_s) / answered) : '–',
        formatBytes(group.sent_bytes || 0),
      ],
      level: evicted > LIMITS.evictedShare[1] * group.count ? 'bad' : '',
    };
  });
}
