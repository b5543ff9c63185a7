/* The distribution of values: counts, percentiles, what lies outside a window, and how a histogram is laid out. */

import { normMapping, overflowFactor, widenedWindow } from './colormap.mjs';
/** @import { Values } from './cells.mjs' */
/** @import { Ends, Norm } from './colormap.mjs' */
/** @import { Span } from './viewport.mjs' */

/**
 * @typedef {object} Histogram
 * @property {ArrayLike<number>} counts
 * @property {ArrayLike<number>} edges One more than counts; the last bin has its upper edge.
 * @property {number} n Values that are counted, those beyond the edges included.
 * @property {number} below How many lie below the edges.
 * @property {number} above
 * @property {number} missing Cells without a finite value.
 * @property {number | null} min
 * @property {number | null} max
 * @property {number} seen The share of the volume that is counted, 1 for all of it, and of a slice.
 */

/**
 * @typedef {object} ValueAxis
 * @property {number} lo
 * @property {number} hi
 * @property {(value: number) => number} place Of a value, 0…1 between the ends.
 * @property {(place: number) => number} value
 */

/** @typedef {Pick<Values, 'z' | 'rows' | 'cols' | 'fill' | 'min' | 'max'>} Cells */

// The share of values at either end that the axis may leave out: a few outliers would leave nothing of the rest.
const BEYOND_AXIS = 0.001;
const MARGIN = 0.04;

// Logarithmic bars show counts down to one in this many of the largest.
const DECADES = 1e4;

/** As `numpy.histogram(values, bins)` of the values that are there; integers with fewer places than bins have one for
 * each, centred on it. @param {Cells} cells @param {number} bins @returns {Histogram} */
export function histogramOf(cells, bins) {
  const { z, rows, cols, fill, min, max } = cells;
  const all = rows * cols;
  if (!Number.isFinite(min)) {
    return { counts: [0], edges: [0, 1], n: 0, below: 0, above: 0, missing: all, min: null, max: null, seen: 1 };
  }
  const isFew = !isFloat(z[0]) && max - min < bins;
  const count = isFew ? max - min + 1 : bins;
  const isOne = isFew || min === max;
  const [from, to] = isOne ? [min - 0.5, max + 0.5] : [min, max];
  const edges = Float64Array.from({ length: count + 1 }, (_, i) => from + i * ((to - from) / count));
  edges[count] = to;
  const counts = new Float64Array(count);
  const scale = count / (to - from);
  let n = 0;
  for (const row of z) {
    for (let c = 0; c < cols; c += 1) {
      const v = row[c];
      if (!(v >= min && v <= max) || v === fill) continue;
      let bin = Math.floor((v - from) * scale);
      if (bin >= count) bin = count - 1;
      // Rounding may have put it into the next one.
      if (v < edges[bin]) bin -= 1;
      else if (bin < count - 1 && v >= edges[bin + 1]) bin += 1;
      counts[bin] += 1;
      n += 1;
    }
  }
  return { counts, edges, n, below: 0, above: 0, missing: all - n, min, max, seen: 1 };
}

/** @param {ArrayLike<number>} row */
const isFloat = (row) => row instanceof Float32Array || row instanceof Float64Array;

/** The finite values of a norm's domain, of the cells in a range of rows and columns if these are given.
 * @param {Cells} cells @param {Norm} norm @param {{rows: Span, cols: Span}} [part] @returns {Float64Array} */
export function valuesIn({ z, rows, cols, fill }, norm, part) {
  const [top, bottom] = part ? part.rows : [0, rows];
  const [left, right] = part ? part.cols : [0, cols];
  const out = new Float64Array((bottom - top) * (right - left));
  let n = 0;
  for (let r = top; r < bottom; r += 1) {
    const row = z[r];
    for (let c = left; c < right; c += 1) {
      const v = row[c];
      if (v === fill || !Number.isFinite(v) || (norm === 'log' && v <= 0) || (norm === 'sqrt' && v < 0)) continue;
      out[n] = v;
      n += 1;
    }
  }
  return out.subarray(0, n);
}

/** The window from the `percent`th percentile to the one as far from the top, as by `numpy.percentile`; where both are the
 * same value, of the extremes. Null without values. The order of `values` is changed.
 * @param {Float64Array} values @param {number} percent Below 50. @returns {Ends | null} */
export function percentileWindow(values, percent) {
  if (!values.length) return null;
  const [lo, hi] = [percent, 100 - percent].map((q) => quantile(values, q / 100));
  if (lo < hi) return { lo, hi };
  const [least, most] = [0, 1].map((q) => quantile(values, q));
  return least < most ? { lo: least, hi: most } : widenedWindow(least);
}

/** Half of a window about zero that leaves out `percent` of the values and of their opposites at either end; null without values.
 * @param {Float64Array} values @param {number} percent Below 50. @returns {number | null} */
export function centredHalf(values, percent) {
  const both = new Float64Array(2 * values.length);
  values.forEach((value, i) => both.set([value, -value], 2 * i));
  const found = percentileWindow(both, percent);
  return found && found.hi > 0 ? found.hi : null;
}

/** Interpolated between the two values next to it. @param {Float64Array} values @param {number} share */
function quantile(values, share) {
  const place = share * (values.length - 1);
  const index = Math.floor(place);
  const below = nth(values, index);
  if (index === place) return below;
  // What lies behind the nth is not less.
  let above = Infinity;
  for (let i = index + 1; i < values.length; i += 1) if (values[i] < above) above = values[i];
  return below + (above - below) * (place - index);
}

/** The nth smallest value, with all smaller ones before it (Hoare's selection).
 * @param {Float64Array} values @param {number} n */
function nth(values, n) {
  let [from, to] = [0, values.length - 1];
  while (from < to) {
    const pivot = values[(from + to) >> 1];
    let [i, j] = [from, to];
    while (i <= j) {
      while (values[i] < pivot) i += 1;
      while (values[j] > pivot) j -= 1;
      if (i > j) break;
      [values[i], values[j]] = [values[j], values[i]];
      i += 1;
      j -= 1;
    }
    if (n <= j) to = j;
    else if (n >= i) from = i;
    else break;
  }
  return values[n];
}

/** As `percentileWindow`, of a histogram: within a bin values are taken as evenly spread.
 * @param {Histogram} histogram @param {number} percent @returns {Ends | null} */
export function windowOfHistogram(histogram, percent) {
  if (!histogram.n) return null;
  const [lo, hi] = [percent, 100 - percent].map((q) => valueAt(histogram, q / 100));
  return lo < hi ? { lo, hi } : widenedWindow(lo);
}

/** The value below which a share of those counted lies. @param {Histogram} histogram @param {number} share */
function valueAt({ counts, edges, n, below }, share) {
  let left = share * n - below;
  if (left <= 0) return edges[0];
  for (let i = 0; i < counts.length; i += 1) {
    if (counts[i] >= left) return edges[i] + (edges[i + 1] - edges[i]) * (left / counts[i]);
    left -= counts[i];
  }
  return edges[counts.length];
}

/** How many values lie below and above a window, and of how many. @param {Cells} cells @param {Ends} window
 * @returns {{below: number, above: number, n: number}} */
export function outsideOf({ z, cols, fill }, { lo, hi }) {
  let [below, above, n] = [0, 0, 0];
  for (const row of z) {
    for (let c = 0; c < cols; c += 1) {
      const v = row[c];
      if (v === fill || !(v > -Infinity && v < Infinity)) continue;
      n += 1;
      if (v < lo) below += 1;
      else if (v > hi) above += 1;
    }
  }
  return { below, above, n };
}

/** The same of a histogram, values of a bin taken as evenly spread.
 * @param {Histogram} histogram @param {Ends} window */
export function outsideOfHistogram(histogram, { lo, hi }) {
  const upTo = (/** @type {number} */ value) => countUpTo(histogram, value);
  return { below: upTo(lo), above: histogram.n - upTo(hi), n: histogram.n };
}

/** @param {Histogram} histogram @param {number} value */
function countUpTo({ counts, edges, below }, value) {
  if (value <= edges[0]) return value < edges[0] ? 0 : below;
  let sum = below;
  for (let i = 0; i < counts.length && edges[i] < value; i += 1) {
    sum += counts[i] * Math.min((value - edges[i]) / (edges[i + 1] - edges[i]), 1);
  }
  return sum;
}

/** The axis of a histogram: its values but for a few outliers, and the window, in the norm's distances.
 * @param {Histogram | null} histogram @param {Norm} norm @param {Ends} window @returns {ValueAxis} */
export function valueAxis(histogram, norm, window) {
  let { lo, hi } = window;
  if (histogram && histogram.n) {
    const ends = [valueAt(histogram, BEYOND_AXIS), valueAt(histogram, 1 - BEYOND_AXIS)];
    if (norm !== 'log' || ends[0] > 0) lo = Math.min(lo, ends[0]);
    hi = Math.max(hi, ends[1]);
  }
  if (norm === 'sqrt') lo = Math.max(lo, 0);
  const map = normMapping(norm, lo, hi);
  const part = overflowFactor(map, lo, hi);
  const [from, to] = [map.to(lo) * part, map.to(hi) * part];
  const margin = (to - from) * MARGIN;
  const begin = norm === 'sqrt' ? Math.max(from - margin, 0) : from - margin;
  const span = to + margin - begin;
  const value = (/** @type {number} */ place) => map.from((begin + place * span) / part);
  return {
    lo: value(0),
    hi: value(1),
    place: (v) => {
      const place = (map.to(v) * part - begin) / span;
      return Number.isNaN(place) ? -1 : place;
    },
    value,
  };
}

/** The heights of `length` bars along an axis, 0…1, by count or by its logarithm.
 * @param {Histogram} histogram @param {ValueAxis} axis @param {number} length @param {boolean} isLog
 * @returns {Float64Array} */
export function barsOf({ counts, edges }, axis, length, isLog) {
  const bars = new Float64Array(length);
  for (let i = 0; i < counts.length; i += 1) {
    if (!counts[i]) continue;
    const from = Math.max(axis.place(edges[i]) * length, 0);
    const to = Math.min(axis.place(edges[i + 1]) * length, length);
    if (!(to > from)) continue;
    const each = counts[i] / (axis.place(edges[i + 1]) * length - axis.place(edges[i]) * length);
    for (let bar = Math.floor(from); bar < to; bar += 1) {
      bars[bar] += each * (Math.min(to, bar + 1) - Math.max(from, bar));
    }
  }
  const most = bars.reduce((a, b) => Math.max(a, b), 0);
  if (!most) return bars;
  return bars.map((count) => isLog ? Math.log1p(DECADES * count / most) / Math.log1p(DECADES) : count / most);
}

/** A share in percent, with as many digits as tell it from none and from all. @param {number} part @param {number} all */
export function percentText(part, all) {
  if (!all || part <= 0) return '0 %';
  const percent = 100 * part / all;
  if (percent < 0.01) return '< 0.01 %';
  if (percent >= 100) return '100 %';
  return (percent < 10
    ? percent.toPrecision(2)
    : percent > 99
    ? String(Math.floor(percent * 100) / 100)
    : percent.toFixed(0)) + ' %';
}
