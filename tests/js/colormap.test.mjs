import assert from 'node:assert/strict';

import { colorAt, COLORSCALES, colorStops, normMapping, NORMS, placeInWindow } from '../../assets/model/colormap.mjs';
import { DIVERGING } from '../../assets/model/color-tables.mjs';

const colors = (more) => ({ colorscale: 'rdbu', reverse: false, middle: null, norm: 'linear', lo: -1, hi: 3, ...more });

Deno.test('all scales have colours, and reversed ones the same in the other order', () => {
  for (const colorscale of COLORSCALES) {
    const ends = [0, 1].map((t) => colorAt(colors({ colorscale }), t));
    assert.deepEqual([1, 0].map((t) => colorAt(colors({ colorscale, reverse: true }), t)), ends);
    assert.ok(ends.flat().every((part) => part >= 0 && part <= 255), colorscale);
  }
  assert.ok(DIVERGING.every((name) => COLORSCALES.includes(name)));
});

Deno.test('a centred scale has its middle colour at the centre, and equal steps on both sides', () => {
  const middle = colorAt(colors(), 0.5);
  for (const [centre, norm] of [[0, 'linear'], [2.5, 'linear'], [0.3, 'asinh'], [1, 'symlog']]) {
    const place = placeInWindow(norm, { lo: -1, hi: 3 }, centre);
    assert.deepEqual(colorAt(colors({ middle: place }), place), middle, norm);
  }
  const quarter = colors({ middle: placeInWindow('linear', { lo: -1, hi: 3 }, 0) });
  assert.deepEqual(colorAt(quarter, 1), colorAt(colors(), 1));
  // As far below the centre as 1 is above it, of 3.
  assert.deepEqual(colorAt(quarter, 0), colorAt(colors(), 0.5 - 1 / 6));
});

Deno.test('a centre outside of the window, or of the norm, leaves one side of the scale', () => {
  const middle = placeInWindow('linear', { lo: -1, hi: 3 }, -5);
  assert.deepEqual(colorAt(colors({ middle }), 0), colorAt(colors(), 0.75));
  assert.equal(placeInWindow('log', { lo: 1, hi: 100 }, -5), 0);
});

Deno.test("Plotly's stops begin at 0 and end at 1, and rise", () => {
  for (const norm of NORMS) {
    for (const middle of [null, 0.2]) {
      const { warped, plain } = colorStops(colors({ norm, lo: 1, hi: 1000, middle }));
      for (const stops of [warped, plain]) {
        const places = stops.map(([place]) => place);
        assert.deepEqual([places[0], places.at(-1)], [0, 1]);
        assert.deepEqual(places, places.slice().sort((a, b) => a - b), norm);
      }
    }
  }
});

Deno.test('each norm has an inverse', () => {
  for (const norm of NORMS) {
    const map = normMapping(norm, 2, 5000);
    for (const v of [2, 49, 51, 5000]) assert.ok(Math.abs(map.from(map.to(v)) / v - 1) < 1e-12, norm);
  }
});
