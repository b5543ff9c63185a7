/* Facts in words: what became of what was decoded ahead, and what the disks and the bookkeeping do. [name, text, help]. */

import { LIMITS, servedShare } from './tiles.mjs';
import { formatBytes, formatCount, formatDuration, formatSeconds, formatShare, plural } from './format.mjs';

const present = (facts) => facts.filter((fact) => fact !== null);

/* Figures that the server does not know are left out. */
const known = (value, make) => (value === null || value === undefined ? null : make(value));

/* Bytes decoded ahead by what became of them: [name, bytes, share]. */
export function fatesOf({ prefetch }) {
  const { used_bytes: used, undecided_bytes: undecided, wasted_bytes: wasted } = prefetch;
  const whole = used + undecided + wasted;
  return [['used', used], ['not decided yet', undecided], ['wasted', wasted]]
    .filter(([, bytes]) => bytes > 0)
    .map(([name, bytes]) => [name, bytes, bytes / whole]);
}

export function prefetchFacts(stats) {
  const ahead = stats.prefetch;
  const phase = ({ decoded_bytes: decoded, used_bytes: used }, label) => [
    label,
    decoded ? `${formatBytes(used)} of ${formatBytes(decoded)} used` : 'nothing decoded',
  ];
  return [
    ['Used so far', formatShare(ahead.accuracy), 'Accuracy: of the bytes decoded ahead, the share that was accessed'],
    ['Coverage', formatShare(ahead.coverage), 'of all bricks accessed for the first time, the share decoded ahead'],
    ['Timeliness', formatShare(ahead.timeliness), 'of the bricks decoded ahead and accessed, the share ready in time'],
    [
      'Bricks',
      `${formatCount(ahead.decoded)} decoded, ${formatCount(ahead.used)} used, ${formatCount(ahead.late)} late`,
    ],
    phase(ahead.moving, 'While viewers move'),
    phase(ahead.resting, 'While viewers rest'),
    ['Pages fetched ahead', `${plural(stats.page.ahead, 'slice')}, ${formatBytes(stats.page.ahead_bytes)}`],
  ];
}

export function machineFacts(stats) {
  const write = stats.brick_write;
  const { frames } = stats.caches;
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
    known(stats.machine.free_bytes, (bytes) => ['Free on the cache’s disk', formatBytes(bytes)]),
    ['HDF5 workers', `${formatCount(stats.machine.hdf5_started)} started`, 'those that end or slow down are replaced'],
    [
      'Frames',
      `${formatBytes(frames.bytes)} of ${formatBytes(frames.limit)}, ${formatCount(frames.evictions)} evicted`,
    ],
    ['Given up', plural(Object.values(stats.given_up).reduce((a, b) => a + b, 0), 'request')],
    [
      'Reports of pages',
      `${formatCount(stats.reports.accepted)} slices${refused ? `, ${formatCount(refused)} refused` : ''}`,
    ],
  ]);
}

export function cacheFacts(stats) {
  const { bricks } = stats.caches;
  return [
    ['now', `${formatBytes(bricks.bytes)} of ${formatBytes(bricks.limit)}`],
    ['bricks', formatCount(bricks.entries)],
    ['evicted', formatCount(bricks.evictions)],
    ...setFacts(stats.working_set),
  ];
}

/* What was in use in the last minutes: a cache that is smaller evicts what is needed again. */
function setFacts(sets) {
  if (!sets) return [];
  const spans = Object.entries(sets);
  const minutes = spans.map(([seconds]) => String(Number(seconds) / 60)).join('/');
  return [[`in use in ${minutes} min`, spans.map(([, bytes]) => formatBytes(bytes)).join(' / ')]];
}

// A process that was silent for longer than this (s) is away.
const SILENT_S = 5;

export const PROCESS_HEAD = ['process', 'memory', 'processors', 'bookkeeping', 'running for', 'heard of'];

/* Rows of the processes; `bookkeeping` is what the ledger costs. */
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

export const GROUP_HEAD = {
  volume: ['volume', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  axis: ['sliced across', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
  viewer: ['viewer', 'slices', 'hit rate', 'decoded', 'of them evicted before', 'server, mean', 'sent'],
};

/* Rows of a breakdown: which volume thrashes, which axis is slow, who is here. */
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
