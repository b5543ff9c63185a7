import assert from 'node:assert/strict';

import { colorbarTicks } from '../../assets/model/colorbar.mjs';
import { formatBound, formatExact, typedNumber } from '../../assets/model/number-format.mjs';
import { nextIndex } from '../../assets/model/playback.mjs';
import { colorLut } from '../../assets/model/quantize.mjs';
import { poolOf, viewportOf } from '../../assets/model/viewport.mjs';

Deno.test('the table of colours has both ends and the gap', () => {
  const bytes = (reverse, gap, code) =>
    Array.from(new Uint8Array(colorLut({ colorscale: 'viridis', reverse }, gap).buffer, 4 * code, 4));
  assert.deepEqual(bytes(false, '#c9d0d4', 0), [0x44, 1, 0x54, 255]);
  assert.deepEqual(bytes(false, '#c9d0d4', 254), [0xfd, 0xe7, 0x25, 255]);
  assert.deepEqual(bytes(false, '#c9d0d4', 255), [0xc9, 0xd0, 0xd4, 255]);
  assert.deepEqual(bytes(true, '#000000', 0), [0xfd, 0xe7, 0x25, 255]);
});

Deno.test('the step is the smallest with no more cells than pixels', () => {
  const view = { shape: [9, 1360, 1360], rows: 1, cols: 2, x: null, y: null };
  const zoomed = { shape: [9, 1360, 1360], rows: 1, cols: 2, x: [99.5, 499.5], y: [10, 610] };
  assert.deepEqual([479 * 479, 680 * 680, 2e6].map((limit) => viewportOf(view, limit).step), [3, 2, 1]);
  const found = viewportOf(zoomed, 479 * 479);
  assert.deepEqual([found.step, found.row0, found.row1], [2, 10, 612]);
});

Deno.test('of a view that is too large to be decoded, voxels of some chunks are shown', () => {
  const view = { shape: [640, 16384, 16384], chunks: [64, 64, 64], rows: 1, cols: 2, x: null, y: null };
  Object.assign(view, { dtype: 'uint16', kind: 'values', pool: 'mean' });
  const found = viewportOf(view, 680 * 680);
  assert.deepEqual([found.rowStep, found.colStep, poolOf(view)], [384, 384, 'nearest']);
  const chunks = Math.ceil(16384 / 384) ** 2;
  assert.ok(chunks * 64 ** 3 * 2 <= 2 ** 30);
  // What can be decoded is.
  const zoomed = Object.assign({}, view, { x: [99.5, 5000.5], y: [10, 4910] });
  assert.deepEqual([viewportOf(zoomed, 680 * 680).step, poolOf(zoomed)], [8, 'mean']);
  const planes = Object.assign({}, view, { chunks: [1, 1024, 1024] });
  assert.deepEqual([viewportOf(planes, 680 * 680).step, poolOf(planes)], [25, 'mean']);
  assert.equal(poolOf(Object.assign({}, view, { chunks: null })), 'mean');
});

Deno.test('each direction is pooled by itself', () => {
  const cases = [
    [[8398, 2], 462400, [3, 1]],
    [[2, 8398], 462400, [1, 3]],
    [[1_000_000, 3], 462400, [245, 1]],
    [[2, 1_000_000], 462400, [1, 245]],
    [[1, 1], 462400, [1, 1]],
    [[500, 1], 462400, [1, 1]],
    [[10_000, 400], 462400, [3, 3]],
    [[1_000_000, 3], 6000, [500, 1]],
  ];
  for (const [shape, limit, steps] of cases) {
    const found = viewportOf({ shape, rows: 0, cols: 1, x: null, y: null }, limit);
    assert.deepEqual([found.rowStep, found.colStep], steps, String(shape));
    assert.ok(Math.ceil(shape[0] / steps[0]) * Math.ceil(shape[1] / steps[1]) <= limit);
  }
});

Deno.test('a value has all its digits', () => {
  const float16 = 0.142822265625;
  const cases = [
    [16777246, 'uint32', '16777246'],
    [16777246, 'float32', '16777246'],
    [Math.fround(0.1), 'float32', '0.1'],
    [float16, 'float16', '0.1428'],
    [65504, 'float16', '65504'],
    [1.000000000001, 'float64', '1.000000000001'],
    [1e300, 'float64', '1e300'],
    [-0.00001, 'float64', '−1e-5'],
    [2 ** 53, 'int64', '9007199254740992'],
  ];
  for (const [value, dtype, text] of cases) assert.equal(formatExact(value, dtype), text);
});

Deno.test('ticks of the colour bar are distinct', () => {
  const cases = [
    [[16777217.63, 16777279.37], ['16777220', '16777240', '16777260'], ''],
    [[2 ** 53, 2 ** 53 + 64], ['+0', '+20', '+40'], '9007199254741000'],
    [[-1.7e308, 1.7e308], ['−1e308', '0', '1e308'], ''],
    [[2 ** 63, 2 ** 63 + 2048], ['9.223e18'], ''],
    [[0, 5e-324], ['0', '4.941e-324'], ''],
  ];
  for (const [[lo, hi], texts, offset] of cases) {
    const found = colorbarTicks({ lo, hi, norm: 'linear' });
    assert.deepEqual([found.texts, found.offset], [texts, offset]);
    assert.ok(found.positions.every((t) => t >= 0 && t <= 1));
  }
});

Deno.test('playing loops, stops or bounces at the end', () => {
  const cases = [
    [3, 1, 'loop', [4, 1]],
    [9, 1, 'loop', [0, 1]],
    [0, -1, 'loop', [9, 1]],
    [7, 25, 'loop', [2, 1]],
    [9, 1, 'stop', null],
    [7, 5, 'stop', [9, 1]],
    [0, -1, 'stop', null],
    [9, 1, 'bounce', [8, -1]],
    [8, 3, 'bounce', [7, -1]],
    [0, -1, 'bounce', [1, -1]],
    [1, -3, 'bounce', [2, -1]],
    [5, 3, 'bounce', [8, 1]],
  ];
  for (const [index, by, end, found] of cases) assert.deepEqual(nextIndex(index, by, 10, end), found);
});

Deno.test('large numbers have an exponent in fields where that is shorter', () => {
  assert.deepEqual([3e15, -3e15, 12345678, 0.0001, 250].map(typedNumber), [
    '3e15',
    '-3e15',
    '12345678',
    '0.0001',
    '250',
  ]);
  assert.equal(formatBound(-4.5e12, -4.5e12, 4.5e12), '-4.5e12');
});
