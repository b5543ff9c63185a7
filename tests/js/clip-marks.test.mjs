import assert from 'node:assert/strict';

import { ABOVE_COLOR, BELOW_COLOR, codeWindow, markedWindow } from '../../assets/model/clip-marks.mjs';
import { colorAt, normMapping, placeInWindow } from '../../assets/model/colormap.mjs';
import { colorLut, quantize } from '../../assets/model/quantize.mjs';

const WINDOWS = {
  linear: [-200, 900],
  log: [3, 900],
  symlog: [-200, 900],
  sqrt: [30, 900],
  asinh: [-200, 900],
};

const codesOf = (values, mapping) =>
  Array.from(quantize({ z: [Float64Array.from(values)], rows: 1, cols: values.length }, mapping));

for (const [norm, [lo, hi]] of Object.entries(WINDOWS)) {
  Deno.test('the first and the last code are those of values outside the window alone: ' + norm, () => {
    const marked = markedWindow(norm, lo, hi);
    const mapping = codeWindow({ norm, lo, hi, marked });
    const width = hi - lo;
    const inside = [lo, lo + 1e-3 * width, hi - 1e-3 * width, hi];
    assert.deepEqual(codesOf(inside, mapping).filter((code) => code === 0 || code === 254), []);
    assert.deepEqual(codesOf([lo - 1e-4 * width, hi + 1e-4 * width], mapping), [0, 254]);
  });

  Deno.test('within the window colours are those without marks: ' + norm, () => {
    const colors = { norm, lo, hi, colorscale: 'viridis', reverse: false, middle: null };
    const marked = { ...colors, marked: markedWindow(norm, lo, hi) };
    const lut = new Uint8Array(colorLut(marked, '#000000').buffer);
    const map = normMapping(norm, lo, hi);
    for (const u of [0.01, 0.3, 0.77, 0.99]) {
      const value = map.from(map.to(lo) + u * (map.to(hi) - map.to(lo)));
      const [code] = codesOf([value], codeWindow(marked));
      const expected = colorAt(colors, placeInWindow(norm, colors, value));
      expected.forEach((part, k) => assert.ok(Math.abs(part - lut[4 * code + k]) <= 4, norm + ' ' + u));
    }
    assert.deepEqual(Array.from(lut.subarray(0, 3)), BELOW_COLOR);
    assert.deepEqual(Array.from(lut.subarray(4 * 254, 4 * 254 + 3)), ABOVE_COLOR);
  });
}

Deno.test('below a square root of zero nothing is marked', () => {
  const marked = markedWindow('sqrt', 0, 100);
  assert.deepEqual([marked.lo, marked.below], [0, false]);
});

Deno.test('a window as wide as doubles has no wider one', () => {
  assert.equal(markedWindow('linear', -1.7e308, 1.7e308), null);
});
