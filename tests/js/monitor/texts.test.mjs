import assert from 'node:assert/strict';

import { adviceOf } from '../../../assets/model/monitor/advice.mjs';
import { contentsRows, dropQuestion, jobRows } from '../../../assets/model/monitor/contents.mjs';
import {
  cacheFacts,
  fatesOf,
  groupRows,
  machineFacts,
  prefetchFacts,
  processRows,
  worthSentence,
} from '../../../assets/model/monitor/facts.mjs';
import { clockTime, formatSeconds, formatShare } from '../../../assets/model/monitor/format.mjs';
import { formatBytes } from '../../../assets/model/number-format.mjs';
import { horizonOf, horizonText } from '../../../assets/model/monitor/horizons.mjs';
import { sizesSentence } from '../../../assets/model/monitor/sizes.mjs';
import {
  bytesSentence,
  chosenSlices,
  shortSelection,
  slicesOfCell,
  slowFacts,
  slowSentence,
  viewerLink,
  waterfallOf,
  wholeMs,
} from '../../../assets/model/monitor/slow.mjs';
import { seriesOf, statsOf } from './figures-of.mjs';

const SLOW = {
  time: 1005,
  volume: 'scan.h5/data',
  selection: '3,0:48:1,0:48:1',
  outcome: 'miss',
  reason: 'evicted',
  viewer: 'ann',
  bytes: 2304,
  read_bytes: 1_200_000,
  decoded_bytes: 34_000_000,
  amplification: 83.2,
  stages: { read: 100, decode: 300 },
  total_ms: 400,
  page_stages: null,
  perceived_ms: null,
};
const PAINTED = { ...SLOW, page_stages: { transfer: 50, waited: 30, display: 20 }, perceived_ms: 500 };

Deno.test('what a larger cache would have saved comes from simulated hits and the time of a decode', () => {
  const sentence = sizesSentence(statsOf(), seriesOf(), 1030);
  assert.match(
    sentence,
    /^40 GB instead of 20 GB would have saved 4 decodes \(3\.6 s of waiting\) since \d\d:\d\d \(100 accesses to bricks\)\.$/,
  );
});

Deno.test('a sentence does not begin before the first demand', () => {
  const later = seriesOf({ from: 0, times: [0, 3600, 7200] });
  const demand = { ring: [0, 0, 0], hit: [0, 0, 4], prefetched: [0, 0, 0], coalesced: [0, 0, 0], miss: [0, 0, 1] };
  const stats = statsOf({ from: 0 });
  assert.ok(sizesSentence(stats, { ...later, demand }, 7300).includes('since ' + clockTime(7200, 7300)));
});

Deno.test('where a larger cache saves nothing, a smaller one may be enough', () => {
  const simulated = [0.25, 0.5, 1, 2].map((factor) => ({ factor, hits: factor < 0.5 ? 80 : 90, hit_rate: 0.9 }));
  const stats = statsOf({ cache_sizes: { accesses: 100, simulated } });
  assert.match(sizesSentence(stats, seriesOf(), 1030), /saved nothing since .*\. 10 GB would have been enough\.$/);
  assert.equal(
    sizesSentence(statsOf({ cache_sizes: { accesses: 0, simulated: [] } }), seriesOf(), 1030),
    'No brick was accessed in this time.',
  );
});

Deno.test('a waterfall has the stages one after the other', () => {
  const stages = ['read', 'decode', 'index'].map((name) => ({ name, what: '', color: '#000' }));
  const bars = waterfallOf(SLOW, stages);
  assert.deepEqual(bars.map(({ name, from, width }) => [name, from, width]), [['read', 0, 0.25], [
    'decode',
    0.25,
    0.75,
  ]]);
});

Deno.test('a slow slice has its reason and its cause in a sentence', () => {
  const causes = { evicted: 'its brick had been evicted' };
  assert.equal(
    slowSentence(SLOW, causes),
    'This slice was decoded, because its brick had been evicted. Decoding on the server took 300 ms of 400 ms.',
  );
  assert.match(slowSentence({ ...SLOW, outcome: 'hit', reason: null }, causes), /^This slice was cached\. /);
  const slowLink = { ...PAINTED, page_stages: { transfer: 900 }, perceived_ms: 1300 };
  assert.match(slowSentence(slowLink, causes), / The viewer’s network: the transfer took 900 ms of 1\.3 s\.$/);
  const slowPage = { ...PAINTED, page_stages: { draw: 900 }, perceived_ms: 1300 };
  assert.match(
    slowSentence(slowPage, causes),
    / The viewer’s browser: drawing and other work took 900 ms of 1\.3 s\.$/,
  );
});

Deno.test('a waterfall has what the page reported: what it waited first, its own work last', () => {
  const stages = ['read', 'decode', 'waited', 'transfer', 'display'].map((name) => ({ name, what: '', color: '' }));
  const bars = waterfallOf(PAINTED, stages);
  assert.deepEqual(bars.map(({ name, ms }) => [name, ms]), [
    ['waited (page)', 30],
    ['read', 100],
    ['decode', 300],
    ['transfer', 50],
    ['display', 20],
  ]);
  const { from, width } = bars[4];
  assert.deepEqual([from, width], [0.96, 0.04]);
  assert.equal(wholeMs(PAINTED), 500);
  // Drawn by itself: nobody knows when it was wanted.
  assert.equal(wholeMs({ ...PAINTED, perceived_ms: null }), 500);
  assert.deepEqual(slowFacts(PAINTED)[2], ['Until painted', '500 ms']);
  assert.deepEqual(slowFacts(SLOW)[2], ['Until painted', 'not reported by the page']);
  assert.deepEqual(slowFacts({ ...PAINTED, perceived_ms: null })[2][1], 'drawn without a key, wheel or click');
});

Deno.test('a sentence has the bytes of a slice, and how many times it was decoded', () => {
  assert.equal(bytesSentence(SLOW), 'Read 1.2 MB, decoded 34 MB (83 times the slice), sent 2.3 kB.');
  const library = { ...SLOW, read_bytes: null, amplification: 1.55 };
  assert.equal(
    bytesSentence(library),
    'Read by the HDF5 library, which does not say how much, decoded 34 MB (1.6 times the slice), sent 2.3 kB.',
  );
  assert.match(bytesSentence({ ...SLOW, amplification: 1 }), /decoded 34 MB \(as much as the slice\), sent/);
  const hit = { ...SLOW, read_bytes: 0, decoded_bytes: 0, amplification: 0 };
  assert.equal(bytesSentence(hit), 'Nothing was read or decoded for it; sent 2.3 kB.');
  const old = { ...SLOW, read_bytes: null, decoded_bytes: null, amplification: null };
  assert.equal(bytesSentence(old), 'Sent 2.3 kB.');
});

Deno.test('lists are filtered', () => {
  const others = [{ ...SLOW, time: 1010, outcome: 'hit', reason: null, total_ms: 90 }];
  const all = [SLOW, ...others];
  assert.deepEqual(chosenSlices(all, { outcome: 'hit' }), others);
  assert.deepEqual(chosenSlices(all, {}), all);
  const cell = { from: 1000, to: 1010, lowMs: 100, highMs: 1000 };
  assert.deepEqual(slicesOfCell(all, cell, true), [SLOW]);
  assert.deepEqual(slicesOfCell([{ ...SLOW, total_ms: 50 }], cell, true), []);
  assert.equal(slicesOfCell([{ ...SLOW, total_ms: 50 }], cell, false).length, 1);
});

Deno.test('steps of one are left out of a selection', () => {
  assert.equal(shortSelection('3,0:48:1,0:48:1'), '3,0:48,0:48');
  assert.equal(shortSelection('0:256:2,544,0:640:2'), '0:256:2,544,0:640:2');
});

Deno.test('advice names its evidence, and there is none for few slices', () => {
  assert.deepEqual(adviceOf(statsOf(), {}), []);
  const stats = statsOf({
    demand: { ring: 10, hit: 10, prefetched: 0, coalesced: 0, miss: 30 },
    reasons: { evicted: 20, first: 10 },
    server: { miss: { count: 30, total_s: 30 } },
    stages: { read: { count: 30, total_s: 20 } },
    queue: { count: 90, p95_ms: 400 },
    worker: { state: 'ended', since_s: 60 },
    requests: { demand: { 200: 45, 503: 5 } },
  });
  const groups = {
    axis: { 0: { count: 25, server_s: 2.5 }, 2: { count: 25, server_s: 25 } },
    volume: { 'scan.h5/data': { demand: { miss: 30 } } },
  };
  const advice = adviceOf(stats, groups);
  assert.deepEqual(advice.map(({ id }) => id), ['worker', 'errors', 'queue', 'cache', 'disk', 'rechunk']);
  const text = (id) => advice.find((one) => one.id === id)?.evidence;
  assert.equal(text('cache'), '40 % of slices had been evicted; twice the limit would have saved 4.0 s of waiting');
  assert.equal(text('disk'), 'reading takes 667 ms of a decoded slice, 66.6 % of its time');
  assert.match(String(text('rechunk')), /1\.0 s on average, across axis 0 100 ms/);
  const first = { ...stats, reasons: { first: 28, evicted: 2 } };
  assert.equal(adviceOf(first, groups).find(({ id }) => id === 'warm')?.text, 'Warm scan.h5/data');
});

Deno.test('facts leave out what the server does not know', () => {
  const names = (facts) => facts.map(([name]) => name);
  assert.ok(!names(machineFacts(statsOf(), seriesOf())).includes('Writing bricks'));
  const bare = { ...statsOf().machine, free_bytes: null };
  assert.ok(!names(machineFacts(statsOf({ machine: bare }), seriesOf())).includes('Free on the cache’s disk'));
});

Deno.test('the traffic of disks is a sum and a rate', () => {
  const series = seriesOf({ counters: { 'disk.read_bytes': [2e9, 1e9, 0] } });
  const facts = Object.fromEntries(machineFacts(statsOf(), series));
  assert.equal(facts.Disks, '3.0 GB read, 100 MB/s; 0 B written, 0 B/s');
});

Deno.test('what is in the cache is listed with its share, and asked about before it is dropped', () => {
  const contents = [
    { volume: 'a.h5/x', axis: '0', file: 'a.h5', dataset: '/x', bricks: 3, bytes: 3e9 },
    { volume: 'a.h5/x', axis: '1', file: null, dataset: null, bricks: 1, bytes: 1e9 },
    { volume: 'other', axis: 'other', file: null, dataset: null, bricks: 4, bytes: 4e9 },
  ];
  const [dropped, warmed] = [[], []];
  const actions = { drop: (group) => dropped.push(group), warm: (group) => warmed.push(group) };
  const rows = contentsRows(contents, { volume: 'a.h5/x' }, actions);
  const texts = rows.map(({ cells }) => cells.map((cell) => cell.text || cell));
  assert.deepEqual(texts, [
    ['a.h5/x', 'axis 0', '3', '3.0 GB', '37.5 %', 'Warm', 'Drop'],
    ['a.h5/x', 'axis 1', '1', '1.0 GB', '12.5 %', '', 'Drop'],
  ]);
  rows[0].cells[5].action();
  rows[1].cells[6].action();
  assert.deepEqual([warmed, dropped], [[contents[0]], [contents[1]]]);
  assert.equal(
    dropQuestion(contents[1]),
    'Remove 1 brick (1.0 GB) of a.h5/x, axis 1, from the cache? Slices without a cached frame are decoded again.',
  );
  const bare = contentsRows(contents, { axis: 'other' }, { drop: null, warm: null });
  assert.deepEqual(bare.map(({ cells }) => cells.length), [5]);
});

Deno.test('a job says how far it is, and is cancelled by its id', () => {
  const what = { axis: '0', start: 0, stop: 2160 };
  const job = { kind: 'warm', volume: 'a.h5/x', what, of: 32, failed: 0, message: '', may_cancel: true };
  const cancelled = [];
  const rows = jobRows([
    { ...job, id: 'a', state: 'running', done: 7 },
    { ...job, id: 'b', state: 'done', done: 30, failed: 2, message: 'A chunk is damaged.' },
    { ...job, id: 'd', state: 'queued', kind: 'statistics', what: { bins: 256 }, done: 0, may_cancel: false },
    { ...job, id: 'e', state: 'done', kind: 'export', what: { selection: '0:9,:,:' }, of: 3, done: 3 },
  ], (id) => cancelled.push(id));
  const texts = rows.map(({ cells }) => cells.map((cell) => cell.text || cell));
  assert.deepEqual(texts, [
    ['warm: axis 0, 0 to 2,159', 'a.h5/x', '7 of 32', 'running', 'Cancel'],
    ['warm: axis 0, 0 to 2,159', 'a.h5/x', '30 of 32', 'done, 2 cannot be decoded: A chunk is damaged.', 'Remove'],
    ['statistics', 'a.h5/x', '0 of 32', 'waiting', ''],
    ['export: 0:9,:,:', 'a.h5/x', '3 of 3', 'done', 'Remove'],
  ]);
  rows[0].cells[4].action();
  assert.deepEqual(cancelled, ['a']);
  assert.deepEqual(jobRows([{ ...job, id: 'c', state: 'queued', done: 0 }], null)[0].cells.length, 4);
});

Deno.test('processes have what they use, and one that is silent is marked', () => {
  const rows = processRows(statsOf(), '');
  assert.deepEqual(rows[0].cells, ['web-0', '100 MB', '0.25', '2.0 ms/s', '90 s', '400 ms ago']);
  assert.deepEqual(rows.map(({ level }) => level), ['', 'bad']);
  assert.equal(processRows(statsOf(), 'worker-0').length, 1);
});

Deno.test('a volume whose bricks are evicted and decoded again is marked', () => {
  const groups = {
    'a.h5/x': {
      count: 10,
      demand: { hit: 6, miss: 4 },
      reasons: { evicted: 3, first: 1 },
      server_s: 2,
      sent_bytes: 2e6,
    },
    'b.h5/y': { count: 4, demand: { ring: 4 }, reasons: {}, server_s: 0, sent_bytes: 0 },
  };
  const rows = groupRows(groups, 'volume', '');
  assert.deepEqual(rows[0].cells.slice(1), ['10', '60 %', '4', '3', '200 ms', '2.0 MB']);
  assert.deepEqual(rows[1].cells.slice(1), ['4', '100 %', '0', '0', '–', '0 B']);
  assert.deepEqual(rows.map(({ level }) => level), ['bad', '']);
  assert.equal(groupRows(groups, 'volume', 'b.h5/y').length, 1);
});

Deno.test('numbers as people read them', () => {
  assert.deepEqual([0, 999, 1500, 21.4e9].map(formatBytes), ['0 B', '999 B', '1.5 kB', '21 GB']);
  assert.deepEqual([0.9999, 1, 0.5, null].map(formatShare), ['99.9 %', '100 %', '50 %', '–']);
  assert.deepEqual([0.02, 5, 360, 9000, 3 * 86400].map(formatSeconds), ['20 ms', '5.0 s', '6 min', '2.5 h', '3 days']);
  assert.equal(clockTime(1_700_000_000, 1_700_000_100).length, 5);
  assert.equal(clockTime(1_600_000_000, 1_700_000_100).length, 16);
});

Deno.test('prefetching has its worth in a sentence, its fates, and its lead', () => {
  const prefetch = {
    ...statsOf().prefetch,
    decoded_bytes: 100e6,
    used_bytes: 60e6,
    wasted_bytes: 10e6,
    wasted: { turned: 7e6, jumped: 0, left: 0, too_deep: 2e6, evicted: 0, dropped: 1e6 },
    undecided_bytes: 30e6,
    accuracy: 6 / 7,
    lead: { ready: 5, joined: 2, not_begun: 1, p5_s: 0.4, p50_s: 3, p95_s: 9 },
    saved_s: 90,
    spent_s: 600,
    moving: { decoded_bytes: 100e6, used_bytes: 60e6 },
    resting: { decoded_bytes: 0, used_bytes: 0 },
  };
  const stats = statsOf({ prefetch });
  assert.equal(
    worthSentence(stats),
    'Decoding ahead saved viewers 90 s of waiting, for 10 min of the server’s time.',
  );
  assert.deepEqual(fatesOf(stats), [
    ['used', 60e6, 0.6],
    ['not decided yet', 30e6, 0.3],
    ['wasted: the viewer turned', 7e6, 0.07],
    ['wasted: too far ahead', 2e6, 0.02],
    ['wasted: removed from the cache', 1e6, 0.01],
  ]);
  assert.deepEqual(fatesOf(statsOf()), []);
  assert.equal(worthSentence(statsOf()), 'Nothing was decoded ahead in this time.');
  const facts = Object.fromEntries(prefetchFacts(stats));
  assert.equal(facts.Accuracy, '85.7 %');
  assert.equal(facts['When needed'], '5 ready, 2 in progress, 1 not begun');
  assert.equal(facts.Lead, 'half of them 3.0 s before they were needed, the latest 5 % less than 0.4 s');
  assert.equal(facts.Used, 'moving 60 MB of 100 MB, resting none decoded');
  assert.equal(facts['Coverage, timeliness'], '50 %, 100 %');
});

Deno.test('what is not decided yet has no accuracy, and without demands there is no lead', () => {
  const facts = Object.fromEntries(prefetchFacts(statsOf()));
  assert.equal(facts.Accuracy, 'not decided yet');
  assert.equal(facts['When needed'], undefined);
  const idle = { ...statsOf().prefetch, decoded: 0 };
  assert.equal(Object.fromEntries(prefetchFacts(statsOf({ prefetch: idle }))).Accuracy, '–');
});

Deno.test('the age of evicted bricks is that of used and of unused ones', () => {
  const { bricks, frames } = statsOf().caches;
  const evicted = { used: { count: 4, mean_age_s: 300 }, unused: { count: 3, mean_age_s: 7200 } };
  const facts = Object.fromEntries(cacheFacts(statsOf({ caches: { frames, bricks: { ...bricks, evicted } } })));
  assert.equal(facts['last used'], '5 min on average before');
  assert.equal(facts['never used'], '3, decoded 2.0 h on average before');
  assert.equal(Object.fromEntries(cacheFacts(statsOf()))['last used'], undefined);
});

Deno.test('the working sets are named by their minutes', () => {
  const sets = Object.fromEntries(cacheFacts(statsOf({ working_set: { 60: 1e6, 300: 5e9 } })));
  assert.equal(sets['in use in 1/5 min'], '1.0 MB / 5.0 GB');
});

Deno.test('a horizon has its parts in shares of the axis, and words', () => {
  const viewer = {
    index: 5,
    length: 20,
    planned: 3,
    in_flight: 1,
    idle_s: 0.4,
    cached: [[0, 10]],
    ahead: [[8, 10]],
    coming: [],
  };
  assert.deepEqual(horizonOf(viewer), {
    parts: [{ kind: 'cached', from: 0, width: 0.5 }, { kind: 'ahead', from: 0.4, width: 0.1 }],
    at: 0.275,
  });
  assert.equal(horizonText(viewer), 'at 5 of 20 · 3 bricks planned, 1 being decoded · moving');
  assert.match(horizonText({ ...viewer, planned: 0, idle_s: 61 }), /nothing planned · resting for 61 s$/);
});

Deno.test('a slow slice leads to the viewer, by the longest file that fits its volume', () => {
  const slice = { volume: 'folder/scan.h5/entry/data', selection: '3,0:48:1,0:48:1' };
  const files = ['folder/scan.h5', 'folder', 'other.h5'];
  assert.equal(
    viewerLink(slice, files, '/lamella'),
    '/lamella/?file=folder/scan.h5&dataset=/entry/data&selection=3,0:48:1,0:48:1',
  );
  assert.equal(viewerLink({ ...slice, volume: 'gone.h5/data' }, files, ''), null);
});
