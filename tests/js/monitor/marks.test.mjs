import assert from 'node:assert/strict';

import { clockTime } from '../../../assets/model/monitor/format.mjs';
import { marksOf, withMarks } from '../../../assets/model/monitor/marks.mjs';
import { seriesOf, statsOf } from './figures-of.mjs';

const START = { time: 1005, version: '1.2', version_before: '1.2', changed: {} };

/** A mark's time, as its details has it. */
const at = (time) => clockTime(time, 1030, true);

const textOf = (start) => marksOf(statsOf(), seriesOf({ starts: [{ ...START, ...start }] }))[0].text;

Deno.test('marks are starts, a worker that went away, and the first eviction from a full cache', () => {
  const series = seriesOf({
    times: [1000, 1010, 1013],
    counters: { 'bricks.evictions': [0, 2, 1] },
    gauges: { 'bricks.bytes': [null, 5e9, 19e9], 'bricks.limit': [null, 20e9, 20e9] },
    starts: [START],
  });
  const stats = statsOf({ worker: { state: 'away', since_s: 12 } });
  assert.deepEqual(marksOf(stats, series), [
    { time: 1005, text: 'start', details: `${at(1005)} start of 1.2` },
    { time: 1013, text: 'cache full', details: `${at(1013)} brick cache full: first eviction` },
    { time: 1018, text: 'worker away', details: `${at(1018)} prefetch worker away` },
  ]);
  assert.deepEqual(marksOf(statsOf(), seriesOf()), []);
});

Deno.test('bricks that leave a cache with space make no mark', () => {
  assert.deepEqual(marksOf(statsOf(), seriesOf({ counters: { 'bricks.evictions': [1, 2, 1] } })), []);
});

Deno.test('texts of starts are short: what had changed, and all of it in the details', () => {
  const changed = { brick_cache_bytes: [700e6, 1.4e9], web_threads: [4, 8], public: [false, true], old: [1, null] };
  assert.equal(textOf({ changed }), 'settings');
  assert.equal(textOf({ version_before: '1.1', changed }), 'version 1.2');
  assert.equal(textOf({ version_before: '1.1', version: '1.2.dev3+gabcdef' }), 'new version');
  assert.equal(textOf({ version_before: null }), 'start');
  assert.equal(textOf({ version_before: undefined }), 'start');
  const [{ details }] = marksOf(statsOf(), seriesOf({ starts: [{ ...START, version_before: '1.1', changed }] }));
  assert.deepEqual(details.split('<br>'), [
    `${at(1005)} start of 1.2 (before: 1.1)`,
    'LAMELLA_BRICK_CACHE_BYTES 700 MB → 1.4 GB',
    'LAMELLA_WEB_THREADS 4 → 8',
    'LAMELLA_PUBLIC off → on',
    'LAMELLA_OLD 1 → none',
  ]);
});

Deno.test('near marks are one, with the details of all', () => {
  const starts = [
    START,
    { ...START, time: 1005.1, changed: { web_threads: [4, 8] } },
    { ...START, time: 1005.2 },
    { ...START, time: 1020 },
  ];
  const marks = marksOf(statsOf(), seriesOf({ starts }));
  assert.deepEqual(marks.map(({ text }) => text), ['settings', 'start']);
  assert.equal(marks[0].details.split(' start of ').length, 4);
});

Deno.test('a figure has the details of its marks under the pointer', () => {
  assert.equal(withMarks(null, [], {}), null);
  const figure = { data: [], layout: { hoverlabel: { bgcolor: '#000', align: 'left' } } };
  const { shapes, annotations } =
    withMarks(figure, [{ time: 1005, text: 'start', details: 'all' }], { font: 10 }).layout;
  assert.equal(shapes.length, 1);
  assert.deepEqual([annotations[0].text, annotations[0].hovertext], ['start', 'all']);
  assert.equal(annotations[0].hoverlabel.bgcolor, '#000');
});
