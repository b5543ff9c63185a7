/* A second dataset beside the picture: which one, whether it is like the first, and how the two differ. */

import { axisOf, indexIn } from './axes.mjs';
import { isDecodable } from './meaning.mjs';
import { kindsOf } from './kinds.mjs';
import { PARTS } from './viewport.mjs';
/** @import { Measured } from './axes.mjs' */
/** @import { Cells } from './cells.mjs' */
/** @import { ColorMapping } from './colormap.mjs' */
/** @import { Found, View } from './view.mjs' */

// Cells that the scale of a difference is made from, at least.
const SAMPLED = 20000;

/** Why a dataset cannot be laid beside a view: a sentence, empty where it can. The sliced dimensions may be of other lengths.
 * @param {Pick<View, 'shape' | 'rows' | 'cols'>} view @param {string} dataset @param {readonly number[] | null} shape */
export function whyUnlike(view, dataset, shape) {
  const fits = shape && shape.length === view.shape.length && shape[view.rows] === view.shape[view.rows] &&
    shape[view.cols] === view.shape[view.cols];
  if (fits) return '';
  const [own, other] = [view.shape, shape || []].map((one) => one.join(' × ') || 'no shape');
  return dataset + ' has ' + other + ' voxels and this picture is of ' + own +
    ': pictures of one size can be compared.';
}

/** The index of another dataset in a dimension: at the same place where both have coordinates in units of one kind, otherwise
 * the same one. It may lie beyond its ends. @param {View} view @param {Measured} other @param {number} d @returns {number} */
export const indexLike = (view, other, d) => indexIn(axisOf(view, d), view.position[d], axisOf(other, d));

/** The same slice of another dataset (`indexLike`), in the same window. Beyond its ends that is its first or last one.
 * @param {View} view @param {Found} found @returns {View} */
export function viewLike(view, { file, record, listed, generation, meaning = null }) {
  const complex = /^complex/.test(record.dtype);
  const kinds = kindsOf(meaning, record.dtype);
  return Object.freeze({
    ...view,
    file,
    dataset: record.dataset,
    listed,
    generation,
    meaning,
    shape: record.shape,
    chunks: record.chunks || null,
    dtype: record.dtype,
    complex,
    isEnum: false,
    part: complex ? view.part || PARTS[0] : null,
    kind: kinds.includes(view.kind) ? view.kind : 'values',
    overlay: '',
    decode: isDecodable(meaning) && view.decode,
    position: view.position.map((at, d) => {
      const isSliced = d !== view.rows && d !== view.cols;
      const index = isSliced ? indexLike(view, { shape: record.shape, meaning, voxel: view.voxel }, d) : at;
      return Math.min(Math.max(index, 0), record.shape[d] - 1);
    }),
  });
}

/** The first minus the second, cell by cell, as doubles; NaN where either has no value. Both are of one grid.
 * @param {Cells} a @param {Cells} b @returns {Cells} */
export function differenceOf(a, b) {
  const { rows, cols } = a;
  const flat = new Float64Array(rows * cols);
  let [min, max, smallest] = [Infinity, -Infinity, Infinity];
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < cols; c += 1) {
      const [one, other] = [a.z[r][c], b.z[r][c]];
      const i = r * cols + c;
      const missing = one === a.fill || other === b.fill;
      // Integers of 64 bits are subtracted exactly.
      const value = a.integers && b.integers ? Number(BigInt(a.integers[i]) - BigInt(b.integers[i])) : one - other;
      flat[i] = missing ? NaN : value;
      if (missing || !Number.isFinite(value)) continue;
      if (value < min) min = value;
      if (value > max) max = value;
      if (value > 0 && value < smallest) smallest = value;
    }
  }
  const z = Array.from({ length: rows }, (_, r) => flat.subarray(r * cols, (r + 1) * cols));
  return {
    ...a,
    z,
    integers: null,
    pixels: null,
    overlay: null,
    dtype: 'float64',
    isEnum: false,
    fill: NaN,
    min,
    max,
    smallest,
  };
}

/** A scale that is white at zero, and as wide as 99 % of the differences; as all of them where so many are zero.
 * @param {Pick<Cells, 'z' | 'rows' | 'cols' | 'min' | 'max'>} difference @returns {ColorMapping} */
export function differenceMapping({ z, rows, cols, min, max }) {
  const every = Math.max(1, Math.floor(rows * cols / SAMPLED));
  const sizes = [];
  for (let i = 0; i < rows * cols; i += every) sizes.push(Math.abs(z[Math.floor(i / cols)][i % cols]));
  const sorted = Float64Array.from(sizes.filter(Number.isFinite)).sort();
  const most = sorted[Math.floor(0.99 * (sorted.length - 1))] || Math.max(Math.abs(min), Math.abs(max));
  const hi = Number.isFinite(most) && most > 0 ? most : 1;
  return {
    lo: -hi,
    hi,
    norm: 'linear',
    colorscale: 'rdbu',
    reverse: false,
    key: 'difference',
    empty: false,
    single: '',
  };
}

/** Where the middle of a cell of one grid lies in another: {r, c}; null outside.
 * @param {Cells} from @param {number} r @param {number} c @param {Cells} to */
export function cellIn(from, r, c, to) {
  /** @param {number} first @param {number} step @param {number} n @param {number} start @param {number} by */
  const at = (first, step, n, start, by) => Math.floor((start + n * by + (by - 1) / 2 - first) / step);
  const row = at(to.row0, to.rowStep, r, from.row0, from.rowStep);
  const col = at(to.col0, to.colStep, c, from.col0, from.colStep);
  return row >= 0 && row < to.rows && col >= 0 && col < to.cols ? { row, col } : null;
}
