import assert from 'node:assert/strict';

import { gripOf, moveGrip } from '../../assets/model/pinch.mjs';

const SIZE = { rows: 100, cols: 200 };
const FULL = { left: 10, top: 20, width: 400, height: 200, x: [-0.5, 199.5], y: [-0.5, 99.5] };
const PART = { left: 10, top: 20, width: 400, height: 200, x: [49.5, 89.5], y: [39.5, 59.5] };

const grip = (x, y, distance) => ({ x, y, distance });
const voxelAt = (area, { x, y }) => [
  area.x[0] + ((x - area.left) / area.width) * (area.x[1] - area.x[0]),
  area.y[0] + ((y - area.top) / area.height) * (area.y[1] - area.y[0]),
];
const isNear = (a, b) => assert.ok(a.every((v, i) => Math.abs(v - b[i]) < 1e-9), `${a} is not ${b}`);

Deno.test('the voxel between the fingers stays between them', () => {
  const from = grip(110, 70, 80);
  const to = grip(150, 90, 160);
  const found = moveGrip(FULL, from, to, SIZE);
  isNear(voxelAt(Object.assign({}, FULL, found), to), voxelAt(FULL, from));
  isNear([found.x[1] - found.x[0], found.y[1] - found.y[0]], [100, 50]);
});

Deno.test('fingers that keep their distance pan', () => {
  const found = moveGrip(PART, grip(100, 100, 50), grip(60, 90, 50), SIZE);
  isNear(found.x, [53.5, 93.5]);
  isNear(found.y, [40.5, 60.5]);
});

Deno.test('one finger pans', () => {
  const from = gripOf([{ clientX: 100, clientY: 100 }]);
  assert.equal(from.distance, 0);
  isNear(moveGrip(PART, from, gripOf([{ clientX: 140, clientY: 100 }]), SIZE).x, [45.5, 85.5]);
});

Deno.test('the axes end where there are no voxels', () => {
  const found = moveGrip(PART, grip(100, 100, 50), grip(3000, -3000, 50), SIZE);
  isNear(found.x, [-0.5, 39.5]);
  isNear(found.y, [79.5, 99.5]);
});

Deno.test('the whole slice is the most that comes into view', () => {
  assert.equal(moveGrip(PART, grip(100, 100, 500), grip(100, 100, 50), SIZE), null);
  assert.equal(moveGrip(FULL, grip(100, 100, 50), grip(150, 100, 50), SIZE), null);
});

Deno.test('two voxels are the least that stays in view', () => {
  const found = moveGrip(PART, grip(100, 100, 1), grip(100, 100, 1000), SIZE);
  isNear([found.x[1] - found.x[0], found.y[1] - found.y[0]], [4, 2]);
});

Deno.test('two fingers have a centroid and a distance', () => {
  const found = gripOf([{ clientX: 10, clientY: 20 }, { clientX: 40, clientY: 60 }]);
  assert.deepEqual(found, { x: 25, y: 40, distance: 50 });
});

Deno.test('along a flipped axis the voxel under the fingers stays there too', () => {
  const area = Object.assign({}, PART, { x: [PART.x[1], PART.x[0]] });
  const there = moveGrip(PART, grip(100, 100, 50), grip(60, 90, 50), SIZE);
  const { left, width } = PART;
  const mirrored = (x) => 2 * left + width - x;
  const back = moveGrip(area, grip(mirrored(100), 100, 50), grip(mirrored(60), 90, 50), SIZE);
  assert.deepEqual(back, there);
});
