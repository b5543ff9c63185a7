import assert from 'node:assert/strict';

import { filtered, rank } from '../../assets/model/tree-filter.mjs';
import { above, dataValue, fileNodes, unfolded } from '../../assets/model/tree-nodes.mjs';

const record = (dataset, more = {}) => ({
  dataset,
  browsable: true,
  shape: [3, 4],
  dtype: 'uint8',
  chunks: null,
  stored_bytes: 12,
  reason: '',
  view: 'slices',
  ...more,
});

const FILES = ['day/a.h5', 'day/b.h5', 'top.h5'].map((file) => ({ file, size: 2048 }));
const LISTS = {
  'day/a.h5': [
    record('/entry/data/volume'),
    record('/entry/data/mask'),
    record('/title', { browsable: false, view: 'text' }),
  ],
  'top.h5': [
    record('/gone', {
      browsable: false,
      view: null,
      dtype: null,
      shape: null,
      stored_bytes: 0,
      reason: 'leads nowhere',
    }),
  ],
};
const known = (file) => LISTS[file] && { list: LISTS[file], error: null, complete: true };
const labels = (rows) => rows.map(({ node, level }) => ' '.repeat(level - 1) + node.label);

Deno.test('what is above a dataset is unfolded, and single groups share a line', () => {
  const roots = fileNodes(FILES, true, known);
  assert.deepEqual(labels(unfolded(roots, new Set())), ['day', 'top.h5']);
  const open = new Set(above('day/a.h5', '/entry/data/volume', null));
  assert.deepEqual(labels(unfolded(roots, open)), [
    'day',
    ' a.h5',
    '  entry/data',
    '   volume',
    '   mask',
    '  title',
    ' b.h5',
    'top.h5',
  ]);
  assert.deepEqual(labels(unfolded(roots, new Set(['f:top.h5', 'g:day', 'f:day/b.h5']))).slice(-2), [
    'top.h5',
    ' gone',
  ]);
});

Deno.test('a node says what it is and why it cannot be opened', () => {
  const [day, top] = fileNodes(FILES, true, known);
  const [gone] = top.children();
  assert.deepEqual([gone.kind, gone.reason, gone.meta], ['refused', 'leads nowhere', '']);
  const [a, b] = day.children();
  const [, title] = a.children();
  assert.deepEqual([title.kind, title.reason], ['dataset', '']);
  assert.equal(a.children()[0].path, '/entry/data');
  assert.deepEqual(b.children().map(({ kind, label }) => kind + ' ' + label), ['note reading …']);
  assert.equal(fileNodes(FILES, false, known).at(-1).label, 'the first 3 files are listed; others open by their link');
});

Deno.test('thirty thousand datasets are unfolded at once', () => {
  const list = Array.from({ length: 30_000 }, (_, n) => record('/spots/' + n));
  const many = () => ({ list, error: null, complete: true });
  const roots = fileNodes([{ file: 'a.h5', size: 1 }], true, many);
  const rows = unfolded(roots, new Set(above('a.h5', '/spots/29999', list)));
  assert.equal(rows.length, 30_002);
  assert.equal(rows.at(-1).node.value, dataValue('a.h5', '/spots/29999'));
});

Deno.test('better matches come first', () => {
  const order = ['volume', 'volumes', 'my volume', 'revolumed', 'volume/data', 'v_o_lume', 'other'];
  const ranks = order.map((path) => rank(['volume'], '/' + path));
  assert.deepEqual([...ranks].sort((a, b) => b - a), ranks);
  assert.equal(ranks.at(-1), 0);
  assert.ok(rank(['entry', 'mask'], '/entry/data/mask') > 0);
  assert.equal(rank(['entry', 'nothing'], '/entry/data/mask'), 0);
});

Deno.test('the filter finds files and datasets, and says what it leaves out', () => {
  const found = (text) => filtered(text, FILES, known).map(({ kind, label }) => kind + ' ' + label);
  const unread = 'unread Search one unopened file too';
  assert.deepEqual(found('mask'), ['dataset /entry/data/mask', unread]);
  assert.deepEqual(found('B.H5'), ['file day/b.h5', unread]);
  assert.equal(found('a vol')[0], 'dataset /entry/data/volume');
  assert.deepEqual(found('zzz'), ['note nothing matches', unread]);
  assert.deepEqual(filtered('zzz', FILES, known).at(-1).unread, ['day/b.h5']);
  const failed = (file) => known(file) || { list: null, error: 'It is damaged.' };
  assert.equal(filtered('zzz', FILES, (file) => known(file)?.list ? known(file) : failed(file)).length, 1);
  const many = Array.from({ length: 150 }, (_, n) => ({ file: n + '.h5', size: 1, modified: 0 }));
  const more = filtered('zzz', many, () => undefined).at(-1);
  assert.equal(more.label, 'Search 150 unopened files too (100 at a time)');
  assert.equal(more.unread.length, 100);
  const list = Array.from({ length: 1_000 }, (_, n) => record('/spots/' + n));
  const rows = filtered('spots', [FILES[0]], () => ({ list, error: null }));
  assert.equal(rows.at(-1).label, '800 more match; type more to see them');
});
