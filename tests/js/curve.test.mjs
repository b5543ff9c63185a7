import assert from 'node:assert/strict';

import { curveOf } from '../../assets/model/curve.mjs';

const rows = (cells, type = 'float32', start = 0) => ({
  start,
  stop: start + cells.length,
  total: 100,
  columns_in_all: 1,
  columns: [{ name: 'value', type, unit: 'counts' }],
  rows: cells.map((cell) => [cell]),
  cut: false,
});

Deno.test('a curve has its axis, or indices', () => {
  assert.deepEqual(curveOf(rows([1, 2], 'float32', 10), 'signal', null), {
    x: [10, 11],
    y: [1, 2],
    xTitle: 'index',
    yTitle: 'signal [counts]',
    note: '',
  });
  const regular = {
    axes: [{ name: 'energy', unit: 'eV', coordinates: { start: 5, step: 0.5 } }],
    value: { name: 'yield' },
  };
  const { x, xTitle, yTitle } = curveOf(rows([1, 2], 'float32', 10), 'signal', regular);
  assert.deepEqual([x, xTitle, yTitle], [[10, 10.5], 'energy [eV]', 'yield [counts]']);
  const given = { axes: [{ name: 't', unit: '', coordinates: { values: [3, 1, 4] } }] };
  assert.deepEqual(curveOf(rows([1, 2]), 'signal', given).x, [3, 1]);
  assert.equal(curveOf(rows([1, 2, 3, 4]), 'signal', given).xTitle, 'index', 'the values are too few');
});

Deno.test('what is no number is a gap, and complex values are their size', () => {
  assert.deepEqual(curveOf(rows(['nan', 'inf', 2]), 's', null).y, [null, null, 2]);
  assert.deepEqual(curveOf(rows(['true', 'false'], 'bool'), 's', null).y, [1, 0]);
  assert.deepEqual(curveOf(rows(['9007199254740993', 'AIR'], 'enum'), 's', null).y, [9007199254740992, 'AIR']);
  const complex = curveOf(rows(['3.0+4.0j', '-1e-05-0.0j', 'nan+0.0j'], 'complex64'), 's', null);
  assert.deepEqual([complex.y, complex.yTitle], [[5, 1e-5, null], '|s| [counts]']);
});

Deno.test('a curve of which nothing can be drawn says so', () => {
  assert.equal(curveOf(rows(['nan', 'inf', '-inf']), 's', null).note, 'None of these values is finite.');
  assert.equal(curveOf(rows([]), 's', null).note, 'There are no values.');
  assert.equal(curveOf(rows(['nan', 1]), 's', null).note, '');
});
