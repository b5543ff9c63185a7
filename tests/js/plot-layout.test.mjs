import assert from 'node:assert/strict';

import { areaOf, boxOf } from '../../assets/render/plot-layout.mjs';

const SIZE = { width: 640, height: 500 };
const SCENE = { shape: [100, 200], x: null, y: null, aspect: 1, flip: { x: false, y: false } };

const near = (found, expected) => expected.forEach((v, i) => assert.ok(Math.abs(found[i] - v) < 1e-9, String(found)));

Deno.test('axes span the slice, with a strip beyond it where pixels are not in its ratio', () => {
  const area = areaOf(SCENE, SIZE);
  const { margin, plotWidth, plotHeight } = boxOf(SCENE, SIZE);
  assert.deepEqual([area.left, area.top, area.width, area.height], [margin.l, margin.t, plotWidth, plotHeight]);
  const [x, y] = [area.x[1] - area.x[0], area.y[1] - area.y[0]];
  // Voxels are square, and one of both sides is that of the slice.
  assert.ok(Math.abs(plotWidth / x - plotHeight / y) < 1e-9);
  assert.ok(Math.abs(Math.min(x - 200, y - 100)) < 1e-9 && Math.max(x - 200, y - 100) < 2);
  near([area.x[0] + area.x[1], area.y[0] + area.y[1]], [199, 99]);
});

Deno.test('ranges in view, flips and the shape of a voxel are those of the plot', () => {
  const zoomed = areaOf({ ...SCENE, x: [10, 30], y: [5, 25], flip: { x: true, y: true } }, SIZE);
  assert.ok(zoomed.x[0] > zoomed.x[1] && zoomed.y[0] > zoomed.y[1]);
  near([zoomed.x[0] + zoomed.x[1], zoomed.y[0] + zoomed.y[1]], [40, 30]);
  const tall = areaOf({ ...SCENE, aspect: 2 }, SIZE);
  const each = [tall.width / (tall.x[1] - tall.x[0]), tall.height / (tall.y[1] - tall.y[0])];
  assert.ok(Math.abs(each[1] - 2 * each[0]) < 1e-9);
});

Deno.test('a picture that fills the plot ends where its slice does', () => {
  const area = areaOf({ ...SCENE, aspect: null }, SIZE);
  near([...area.x, ...area.y], [-0.5, 199.5, -0.5, 99.5]);
});
