import assert from 'node:assert/strict';

import {
  barsOf,
  histogramOf,
  outsideOf,
  outsideOfHistogram,
  percentileWindow,
  percentText,
  valueAxis,
  valuesIn,
  windowOfHistogram,
} from '../../assets/model/histogram.mjs';

function cellsOf(rows, fill = NaN) {
  const kept = rows.flatMap((row) => Array.from(row)).filter((v) => v !== fill && Number.isFinite(v));
  return {
    z: rows,
    rows: rows.length,
    cols: rows[0].length,
    fill,
    min: Math.min(Infinity, ...kept),
    max: Math.max(-Infinity, ...kept),
  };
}

Deno.test('equal bins from the least to the largest value, which is in the last one', () => {
  const found = histogramOf(cellsOf([Float32Array.of(0, 1, 2, 3), Float32Array.of(4, NaN, Infinity, -9)], -9), 4);
  assert.deepEqual(Array.from(found.edges), [0, 1, 2, 3, 4]);
  assert.deepEqual(Array.from(found.counts), [1, 1, 1, 2]);
  assert.deepEqual([found.n, found.missing, found.below, found.above], [5, 3, 0, 0]);
});

Deno.test('integers with fewer places than bins have a bin each', () => {
  const found = histogramOf(cellsOf([Uint16Array.of(7, 7, 9), Uint16Array.of(10, 7, 9)]), 100);
  assert.deepEqual(Array.from(found.edges), [6.5, 7.5, 8.5, 9.5, 10.5]);
  assert.deepEqual(Array.from(found.counts), [3, 0, 2, 1]);
});

Deno.test('one value has a bin around it, and no values none', () => {
  assert.deepEqual(Array.from(histogramOf(cellsOf([Float64Array.of(5, 5)]), 3).edges), [
    4.5,
    4.5 + 1 / 3,
    4.5 + 2 / 3,
    5.5,
  ]);
  const none = histogramOf(cellsOf([Float64Array.of(NaN, NaN)]), 3);
  assert.deepEqual([none.n, none.missing, none.min], [0, 2, null]);
});

Deno.test('percentiles are interpolated between values, and leave out what has no value', () => {
  const values = valuesIn(cellsOf([Float32Array.of(9, NaN, 1, 5), Float32Array.of(3, 7, -1, Infinity)], -1), 'linear');
  assert.deepEqual(Array.from(values).sort(), [1, 3, 5, 7, 9]);
  assert.deepEqual(percentileWindow(values, 10), { lo: 1.8, hi: 8.2 });
  assert.deepEqual(percentileWindow(values, 0), { lo: 1, hi: 9 });
});

Deno.test('percentiles of many values in any order are those of the sorted ones', () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const values = Float64Array.from({ length: 5001 }, (_, i) => i % 3 ? random() * 100 : Math.floor(random() * 4));
  const sorted = values.slice().sort();
  for (const percent of [0.1, 1, 2, 5, 25]) {
    const { lo, hi } = percentileWindow(values.slice(), percent);
    assert.ok(Math.abs(lo - sorted[percent * 50]) < 1e-9, String(percent));
    assert.ok(Math.abs(hi - sorted[5000 - percent * 50]) < 1e-9);
  }
});

Deno.test('where most values are the same one the window is of the extremes, and of one value wider than it', () => {
  assert.deepEqual(percentileWindow(Float64Array.from({ length: 1000 }, (_, i) => Number(i === 3) * 8), 1), {
    lo: 0,
    hi: 8,
  });
  assert.deepEqual(percentileWindow(Float64Array.of(4, 4), 1), { lo: 4, hi: 8 });
  assert.equal(percentileWindow(new Float64Array(), 1), null);
});

Deno.test('a norm leaves out what it has no place for, and a part what is not in view', () => {
  const cells = cellsOf([Int16Array.of(-2, 0, 3), Int16Array.of(4, 5, 6)]);
  assert.deepEqual(Array.from(valuesIn(cells, 'log')), [3, 4, 5, 6]);
  assert.deepEqual(Array.from(valuesIn(cells, 'sqrt')), [0, 3, 4, 5, 6]);
  assert.deepEqual(Array.from(valuesIn(cells, 'linear', { rows: [1, 2], cols: [0, 2] })), [4, 5]);
});

Deno.test('what lies outside of a window is counted, its ends are in it', () => {
  const cells = cellsOf([Float32Array.of(1, 2, 3, 4, 5, NaN, -Infinity)]);
  assert.deepEqual(outsideOf(cells, { lo: 2, hi: 3 }), { below: 1, above: 2, n: 5 });
});

Deno.test('of a histogram a bin is spread evenly', () => {
  const histogram = {
    counts: [10, 20, 10],
    edges: [0, 1, 2, 3],
    n: 42,
    below: 1,
    above: 1,
    missing: 0,
    min: -1,
    max: 9,
    seen: 1,
  };
  assert.deepEqual(outsideOfHistogram(histogram, { lo: 0.5, hi: 1.5 }), { below: 6, above: 21, n: 42 });
  const { lo, hi } = windowOfHistogram(histogram, 50 / 3);
  assert.ok(Math.abs(lo - 0.6) < 1e-9 && Math.abs(hi - 2.4) < 1e-9);
});

Deno.test('the axis has the window and nearly all values, in the distances of the norm', () => {
  const counts = Float64Array.from({ length: 100 }, () => 1000);
  counts[99] = 1;
  const edges = Float64Array.from({ length: 101 }, (_, i) => i * 10);
  edges[100] = 1e6;
  const histogram = { counts, edges, n: 99001, below: 0, above: 0, missing: 0, min: 0, max: 1e6, seen: 1 };
  const axis = valueAxis(histogram, 'linear', { lo: 100, hi: 200 });
  assert.ok(axis.lo < 0 && axis.hi < 1200 && axis.hi > 980);
  for (const norm of ['linear', 'log', 'symlog', 'sqrt', 'asinh']) {
    const other = valueAxis(histogram, norm, { lo: 5, hi: 2000 });
    for (const value of [5, 77, 2000]) {
      const place = other.place(value);
      assert.ok(place >= 0 && place <= 1, norm);
      assert.ok(Math.abs(other.value(place) / value - 1) < 1e-9, norm);
    }
  }
  assert.equal(valueAxis(histogram, 'log', { lo: 5, hi: 2000 }).place(-3), -1);
});

Deno.test('bars have all counts, whether bins are narrower or wider than they', () => {
  const axis = valueAxis(null, 'linear', { lo: 0, hi: 4 });
  const histogram = { counts: [1, 2, 3, 4], edges: [0, 1, 2, 3, 4] };
  for (const length of [2, 3, 400]) {
    const bars = barsOf(histogram, axis, length, false);
    assert.equal(Math.max(...bars), 1);
    const [first, last] = [0.5, 3.5].map((v) => bars[Math.floor(axis.place(v) * length)]);
    assert.ok(length < 4 || Math.abs(first / last - 0.25) < 1e-6);
  }
});

Deno.test('a share has as many digits as tell it from none and from all', () => {
  const texts = [[0, 9], [1, 1e6], [1, 300], [5, 100], [1, 3], [999, 1000], [5, 5], [1, 0]].map(([a, b]) =>
    percentText(a, b)
  );
  assert.deepEqual(texts, ['0 %', '< 0.01 %', '0.33 %', '5.0 %', '33 %', '99.9 %', '100 %', '0 %']);
});
