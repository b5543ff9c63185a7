import assert from 'node:assert/strict';

import { profileOf } from '../../assets/model/line-profile.mjs';

const SIZE = [6, 8];

function cellsOf(value, more = {}) {
  const z = Array.from({ length: SIZE[0] }, (_, r) => Float64Array.from({ length: SIZE[1] }, (__, c) => value(r, c)));
  return { z, rows: SIZE[0], cols: SIZE[1], row0: 0, col0: 0, step: 1, rowStep: 1, colStep: 1, fill: NaN, ...more };
}

function line(points, width = 1, sum = false) {
  return { kind: 'line', plane: [0, 1], points, width, sum };
}

const plane = (r, c) => 10 * r + c;
const close = (found, expected) => {
  assert.equal(found.length, expected.length);
  expected.forEach((value, i) =>
    assert.ok(Number.isNaN(value) ? Number.isNaN(found[i]) : Math.abs(found[i] - value) < 1e-9, `${found} ${expected}`)
  );
};

Deno.test('a profile has a value for each voxel of its way, between voxels too', () => {
  const { values, positions } = profileOf(cellsOf(plane), line([1, 1, 1, 5]), false, SIZE);
  close(values, [11, 12, 13, 14, 15]);
  close(positions, [0, 1, 2, 3, 4]);
  // 3-4-5: six samples, along which a plane rises evenly.
  const slope = profileOf(cellsOf(plane), line([0.5, 1, 3.5, 5]), false, SIZE);
  close(slope.values, [0, 1, 2, 3, 4, 5].map((i) => plane(0.5 + 0.6 * i, 1 + 0.8 * i)));
  close(profileOf(cellsOf(plane), line([2, 3, 2, 3]), false, SIZE).values, [23]);
});

Deno.test('a wide profile is the mean or the sum across it', () => {
  const square = (r) => r * r;
  close(profileOf(cellsOf(square), line([2, 1, 2, 3], 3), false, SIZE).values, [14, 14, 14].map((sum) => sum / 3));
  close(profileOf(cellsOf(square), line([2, 1, 2, 3], 3, true), false, SIZE).values, [14, 14, 14]);
  // Of an even width, the lines lie between voxels.
  close(profileOf(cellsOf(plane), line([2, 1, 2, 2], 2), false, SIZE).values, [21, 22]);
});

Deno.test('what has no value and what is outside does not count', () => {
  const holed = (r, c) => (r === 1 && c === 3 ? NaN : plane(r, c));
  close(profileOf(cellsOf(holed), line([1, 2, 1, 4]), false, SIZE).values, [12, NaN, 14]);
  close(profileOf(cellsOf(holed), line([1, 2, 1, 4], 3), false, SIZE).values, [12, 13, 14]);
  close(profileOf(cellsOf(plane, { fill: 13 }), line([1, 2, 1, 4]), false, SIZE).values, [12, NaN, 14]);
  close(profileOf(cellsOf(plane), line([0, 6, 0, 9]), false, SIZE).values, [6, 7, NaN, NaN]);
  close(profileOf(cellsOf(plane), line([0, 1, 0, 2], 3, true), false, SIZE).values, [1 + 11, 2 + 12]);
});

Deno.test('a transposed picture has R along its columns', () => {
  const turned = cellsOf(plane);
  close(profileOf(turned, line([1, 2, 4, 2]), true, [SIZE[1], SIZE[0]]).values, [21, 22, 23, 24]);
});

Deno.test('a pooled picture gives the profile of its cells', () => {
  // Means of 2 × 2 voxels, whose cells at the ends reach to the edge of the slice.
  const pooled = cellsOf((r, c) => plane(2 * r + 0.5, 2 * c + 0.5), { step: 2, rowStep: 2, colStep: 2 });
  close(profileOf(pooled, line([3, 2, 3, 6]), false, [12, 16]).values, [2, 3, 4, 5, 6].map((c) => plane(3, c)));
  close(profileOf(pooled, line([0, 3, 0, 4]), false, [12, 16]).values, [plane(0.5, 3), plane(0.5, 4)]);
});

Deno.test('a picture that has not all voxels of the line gives no profile', () => {
  assert.equal(profileOf(cellsOf(plane, { pixels: [] }), line([1, 1, 1, 5]), false, SIZE), null);
  const part = cellsOf(plane, { row0: 10, col0: 20 });
  close(profileOf(part, line([11, 21, 11, 23]), false, [100, 100]).values, [11, 12, 13]);
  assert.equal(profileOf(part, line([11, 21, 11, 40]), false, [100, 100]), null);
  assert.equal(profileOf(part, line([9.5, 21, 11, 22]), false, [100, 100]), null);
});
