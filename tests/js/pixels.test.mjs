import assert from 'node:assert/strict';

import { pixelsOfAnswer, toPixels } from '../../assets/data/typed-arrays.mjs';
import { channelsOf, palettePixels, pixelsOf } from '../../assets/model/pixels.mjs';
import { encodePixels } from '../../assets/render/png.mjs';

Deno.test('pixels are the channels, over white where they are not opaque', () => {
  const [a, b] = pixelsOf(Uint8Array.of(1, 2, 3, 4, 5, 6), 3);
  assert.deepEqual([channelsOf(a), channelsOf(b)], [[1, 2, 3], [4, 5, 6]]);
  const [clear, half] = pixelsOf(Uint8Array.of(9, 9, 9, 0, 0, 100, 200, 51), 4);
  assert.deepEqual([channelsOf(clear), channelsOf(half)], [[255, 255, 255], [204, 224, 244]]);
  assert.deepEqual(channelsOf(palettePixels(Uint8Array.of(1), [[0, 0, 0], [7, 8, 9]])[0]), [7, 8, 9]);
});

Deno.test('a colour picture is its luminance as values', () => {
  const bytes = Uint8Array.of(255, 255, 255, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 255, 10, 10, 10).buffer;
  const answer = { bytes, dtype: 'uint8', shape: [2, 3, 3], fill: NaN };
  assert.deepEqual(Array.from(toPixels(answer, false, null).z, (row) => Array.from(row)), [[255, 0, 182], [
    54,
    18,
    10,
  ]]);
  const turned = toPixels(answer, true, null);
  assert.deepEqual([turned.rows, turned.cols, turned.pixels[1]], [3, 2, pixelsOfAnswer(answer, null)[3]]);
  assert.throws(() => pixelsOfAnswer({ bytes, shape: [2, 2, 3] }, null), /not complete/);
});

Deno.test('pixels are written as a PNG of true colours', async () => {
  const words = pixelsOf(Uint8Array.of(1, 2, 3, 4, 5, 6), 3);
  const bytes = new Uint8Array(await encodePixels(words, 1, 2).arrayBuffer());
  const view = new DataView(bytes.buffer);
  assert.deepEqual([view.getUint32(16), view.getUint32(20), bytes[24], bytes[25]], [2, 1, 8, 2]);
  // In the stored block, behind the filter of the row.
  const data = 8 + 25 + 8 + 2 + 5;
  assert.deepEqual(Array.from(bytes.subarray(data, data + 7)), [0, 1, 2, 3, 4, 5, 6]);
});
