import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { flagName, startOf, valueUnit } from '../../assets/model/meaning.mjs';
import { poolOf } from '../../assets/model/viewport.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce } from '../../assets/model/view.mjs';

const AXIS = { name: '', unit: '', coordinates: null, edges: false, dates: false };

function meaningOf(rank, change) {
  return Object.assign({
    kind: 'values',
    rows: rank - 2,
    columns: rank - 1,
    channels: null,
    palette: null,
    index: Array(rank).fill(null),
    axes: Array(rank).fill(AXIS),
    up: false,
    aspect: null,
    value: { unit: 'K', scale: 1, offset: 0, flags: [], decoded_dtype: null },
    suggested: { colorscale: null, window: null, norm: null },
  }, change);
}

function viewOf(shape, meaning, link = '', dtype = 'int16') {
  const record = { dataset: '/d', shape, dtype };
  const found = { file: 'a.h5', listed: null, generation: 1, record, meaning };
  return createView(found, parseLink(link), null, false).view;
}

const linkOf = (view) => formatLink(view).replace(/.*dataset=\/d/, '');
const again = (view) => viewOf(view.shape, view.meaning, formatLink(view), view.dtype);

Deno.test('a dataset opens at the plane and index that it means, and a link comes before that', () => {
  const shape = [5, 60, 7, 80];
  const meaning = meaningOf(4, { rows: 3, columns: 1, index: [4, null, 0, null], up: true });
  const view = viewOf(shape, meaning);
  assert.deepEqual([view.axis, view.rows, view.cols, view.flip], [2, 3, 1, [3]]);
  assert.deepEqual([view.position[0], view.position[2]], [4, 0]);
  const linked = viewOf(shape, meaning, '?axis=1&index=9');
  assert.deepEqual([linked.axis, linked.rows, linked.cols, linked.position[1]], [1, 2, 3, 9]);
  const turned = reduce(reduce(view, { type: 'flip', side: 'rows' }), { type: 'transpose' });
  for (const one of [view, linked, turned, reduce(view, { type: 'axis', axis: 0 })]) {
    const back = again(one);
    assert.deepEqual([back.axis, back.rows, back.cols], [one.axis, one.rows, one.cols]);
    assert.equal(linkOf(back), linkOf(one));
  }
  assert.match(linkOf(turned), /flip=none/);
  assert.equal(startOf([3, 4], meaning), null);
  assert.deepEqual(viewOf([2, 60, 7, 80], meaning).position[0], 1);
});

Deno.test('a plane that is meant transposed is shown straight by its link', () => {
  const view = viewOf([30, 40], meaningOf(2, { rows: 1, columns: 0 }));
  assert.deepEqual([view.axis, view.rows, view.cols], [null, 1, 0]);
  const straight = reduce(view, { type: 'transpose' });
  for (const one of [view, straight]) assert.deepEqual([again(one).rows, again(one).cols], [one.rows, one.cols]);
});

Deno.test('channels are no dimension of a colour picture, and one to slice of its values', () => {
  const meaning = meaningOf(3, { kind: 'color', rows: 0, columns: 1, channels: 2, index: [null, null, 0] });
  const view = viewOf([30, 40, 3], meaning, '', 'uint8');
  assert.deepEqual([view.kind, view.axis, view.rows, view.cols], ['color', null, 0, 1]);
  const values = reduce(view, { type: 'kind', kind: 'values' });
  assert.deepEqual([values.kind, values.axis], ['values', 2]);
  assert.deepEqual(reduce(values, { type: 'kind', kind: 'color' }).axis, null);
  const sliced = reduce(values, { type: 'axis', axis: 0 });
  assert.deepEqual(reduce(sliced, { type: 'kind', kind: 'color' }).rows, 0);
  const side = reduce(view, { type: 'side', side: 'rows', dimension: 2 });
  assert.deepEqual([side.kind, side.axis, side.rows, side.cols], ['values', 0, 2, 1]);
  assert.equal(viewOf([30, 40, 3], meaning, '?axis=2&index=1', 'uint8').kind, 'values');
  for (const one of [view, values, sliced, side]) assert.equal(again(one).kind, one.kind);
});

Deno.test('values are decoded unless a link says otherwise, and bounds of one kind are none of the other', () => {
  const value = { unit: 'K', scale: 0.01, offset: 273, flags: [], decoded_dtype: 'float32' };
  const view = viewOf([4, 5], meaningOf(2, { value }), '?window=1,2');
  assert.deepEqual([view.decode, valueUnit(view)], [true, 'K']);
  const raw = reduce(view, { type: 'decode', on: false });
  assert.deepEqual([raw.decode, raw.window, valueUnit(raw)], [false, 'volume', '']);
  for (const one of [view, raw]) assert.equal(again(one).decode, one.decode);
  const plain = viewOf([4, 5], meaningOf(2));
  assert.equal(reduce(plain, { type: 'decode', on: true }), plain);
  assert.deepEqual([plain.decode, valueUnit(plain)], [false, 'K']);
});

Deno.test('the colours that an author suggests are those of the first view', () => {
  const suggested = { colorscale: 'Viridis_r', window: [3, 9], norm: 'log' };
  const view = viewOf([4, 5], meaningOf(2, { suggested }));
  assert.deepEqual([view.colorscale, view.reverse, view.window, view.norm], ['viridis', true, [3, 9], 'log']);
  const odd = viewOf([4, 5], meaningOf(2, { suggested: { colorscale: 'jet', window: [9, 3], norm: 'cubic' } }));
  assert.deepEqual([odd.colorscale, odd.window, odd.norm], ['gray', 'volume', 'linear']);
  assert.equal(viewOf([4, 5], meaningOf(2, { suggested }), '?norm=sqrt').norm, 'sqrt');
});

Deno.test('labels are never averaged', () => {
  const view = viewOf([4, 5], meaningOf(2, { kind: 'labels' }), '?labels=-3', 'uint16');
  assert.deepEqual([view.kind, view.labels, poolOf(view)], ['labels', '-3', 'nearest']);
  assert.equal(again(view).labels, '-3');
  assert.equal(viewOf([4, 5], null, '?kind=labels', 'float32').kind, 'values');
});

Deno.test('flags have names, alone or as bits', () => {
  const flags = [{ value: 1, name: 'cloud' }, { value: 2, name: 'ice' }, { value: 4, name: 'glint' }];
  assert.deepEqual([1, 5, 0, 8].map((value) => flagName(flags, value)), ['cloud', 'cloud, glint', '', '']);
  assert.equal(flagName([{ value: 0, name: 'land' }, { value: 3, name: 'sea' }], 3), 'sea');
  assert.equal(flagName([], 1), '');
});
