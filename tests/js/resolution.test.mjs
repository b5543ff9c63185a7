import assert from 'node:assert/strict';

import { bytesOfCell, cellsOnScreen, createDrawingBudget } from '../../assets/model/resolution.mjs';
import { viewportOf } from '../../assets/model/viewport.mjs';

function viewOf(shape, change) {
  const view = { shape: [9, ...shape], rows: 1, cols: 2, axis: 0, position: [0, 0, 0], x: null, y: null };
  return Object.assign(view, { dtype: 'uint16', kind: 'values', decode: false, overlay: '' }, change);
}

const stepOf = (view, pixels) => viewportOf(view, cellsOnScreen(view, pixels)).step;

Deno.test('a picture has about a cell for each pixel, and never much fewer', () => {
  const view = viewOf([1360, 1360]);
  assert.deepEqual([300, 590, 680, 900, 1180, 2000].map((side) => stepOf(view, side * side)), [4, 2, 2, 1, 1, 1]);
  assert.equal(stepOf(view, 690 * 690), 2);
  // Twice the density has blocks of half the size.
  const large = viewOf([8192, 8192]);
  assert.deepEqual([1, 2, 4].map((density) => stepOf(large, (600 * density) ** 2)), [13, 7, 3]);
});

Deno.test('a part of a slice has the pixels of all of it, also where it cuts blocks', () => {
  const view = viewOf([8192, 8192], { x: [1000.5, 3000.5], y: [10.5, 2010.5] });
  assert.equal(stepOf(view, 500 * 500), 4);
  assert.equal(stepOf(Object.assign(view, { x: [0.5, 100.5], y: [0.5, 100.5] }), 500 * 500), 1);
});

Deno.test('a cell has as many bytes as its values may have', () => {
  const bytes = (change) => bytesOfCell(viewOf([4, 4], change));
  assert.deepEqual([bytes({}), bytes({ dtype: 'float64' }), bytes({ dtype: 'bool' }), bytes({ dtype: 'complex128' })], [
    4,
    8,
    4,
    8,
  ]);
  assert.deepEqual([bytes({ decode: true }), bytes({ overlay: '/labels' })], [8, 12]);
  assert.deepEqual([bytes({ kind: 'labels' }), bytes({ kind: 'color', dtype: 'uint8' })], [2, 4]);
});

Deno.test('a fast machine draws more, a busy one is forgiven, and a slow one learns', () => {
  const budget = createDrawingBudget(150, 1000);
  assert.equal(budget.cells(), 1000);
  budget.add(1000, 15);
  assert.equal(budget.cells(), 10_000);
  // Few cells say nothing of many.
  budget.add(100, 10);
  assert.equal(budget.cells(), 10_000);
  budget.add(8000, 600);
  assert.equal(budget.cells(), 10_000);
  for (let i = 0; i < 5; i += 1) budget.add(8000, 600);
  assert.equal(budget.cells(), 2000);
});
