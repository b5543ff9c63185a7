import assert from 'node:assert/strict';

import { toRows, transpose } from '../../assets/data/typed-arrays.mjs';

Deno.test('an array of any shape and type is transposed', () => {
  for (const [rows, cols] of [[1, 1], [1, 70], [33, 65], [64, 32]]) {
    const flat = Uint16Array.from({ length: rows * cols }, (_, i) => i);
    const turned = transpose(flat, rows, cols);
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < cols; c += 1) assert.equal(turned[c * rows + r], flat[r * cols + c]);
    }
  }
  assert.deepEqual(transpose(BigInt64Array.of(1n, 2n, 3n), 1, 3), BigInt64Array.of(1n, 2n, 3n));
});

Deno.test('a transposed slice has the columns that were sent as its rows', () => {
  const bytes = BigUint64Array.of(1n, 2n, 3n, 4n, 5n, 2n ** 60n + 1n).buffer;
  const values = toRows({ bytes, dtype: 'uint64', shape: [2, 3], fill: NaN }, true);
  assert.deepEqual([values.rows, values.cols], [3, 2]);
  assert.deepEqual(Array.from(values.z, (row) => Array.from(row)), [[1, 4], [2, 5], [3, 2 ** 60]]);
  assert.equal(values.integers[5], 2n ** 60n + 1n);
});
