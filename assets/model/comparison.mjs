/* A second dataset beside the picture: which one, how it lies under the first, and how the two differ. */

import { alongIn, axisOf, indexIn } from './axes.mjs';
import { markedWindow } from './clip-marks.mjs';
import { differenceColoring } from './difference.mjs';
import { isDecodable } from './meaning.mjs';
import { channelDimension, isCategorical, kindsOf } from './kinds.mjs';
import { PARTS } from './viewport.mjs';
/** @import { Along, Measured } from './axes.mjs' */
/** @import { Cells } from './cells.mjs' */
/** @import { ColorMapping } from './colormap.mjs' */
/** @import { Kind, Meaning } from './meaning.mjs' */
/** @import { Found, View } from './view.mjs' */
/** @import { Range } from './viewport.mjs' */

// Cells that the scale of a difference is made from, at least.
const SAMPLED = 20000;

/** @typedef {Pick<View, 'difference' | 'norm' | 'colorscale' | 'reverse' | 'clip'>} DifferenceColors */

/** @type {DifferenceColors} */
const PLAIN = { difference: null, norm: 'linear', colorscale: 'rdbu', reverse: false, clip: false };
/** @type {Along} */
const SAME = { offset: 0, scale: 1 };
// Pictures that differ by less at their ends (voxels) have voxels of one size.
const ALIKE = 0.5;

/**
 * @typedef {{shape: readonly number[], meaning: Meaning | null, dtype?: string}} Other Another dataset.
 * @typedef {object} Laid Where the voxels of a view lie in another dataset.
 * @property {Along} rows
 * @property {Along} cols
 * @property {boolean} exact Voxel on voxel.
 * @property {readonly number[]} dimensions Of the other dataset, for each of the view; -1 for channels of colours.
 */

/** The kind of picture that another dataset is beside a view: what it means beside one that is shown as what it means, as an image
 * beside its labels; otherwise what was chosen for the view, where it can be that.
 * @param {Pick<View, 'kind' | 'meaning' | 'dtype'>} view @param {Other} other @returns {Kind} */
export function kindBeside(view, { meaning, dtype = '' }) {
  const kinds = kindsOf(meaning, dtype);
  const isMeant = view.kind === kindsOf(view.meaning, view.dtype)[0];
  return !isMeant && kinds.includes(view.kind) ? view.kind : kinds[0];
}

/** Why two pictures have no difference: a sentence, empty where they have one. @param {View} view @param {View} other */
export function whyNoDifference(view, other) {
  if (view.kind === 'color' || other.kind === 'color') return 'Colours have no difference.';
  return isCategorical(view) === isCategorical(other) ? '' : 'Labels and values have no difference.';
}

/** The dimensions that have no channels of colours. @param {readonly number[]} shape @param {number | null} channels */
const withoutChannels = (shape, channels) => shape.map((_, d) => d).filter((d) => d !== channels);

/** The dimension of another dataset for each of a view, -1 for channels: of the same name where all have one, otherwise in
 * their order. Null where there are more of one than of the other.
 * @param {View} view @param {Other} other @returns {number[] | null} */
function dimensionsIn(view, other) {
  const own = withoutChannels(view.shape, channelDimension(view));
  const theirs = withoutChannels(other.shape, channelDimension({ ...other, kind: kindBeside(view, other) }));
  if (own.length !== theirs.length) return null;
  const [names, others] = [{ of: view, at: own }, { of: other, at: theirs }].map(({ of, at }) =>
    at.map((d) => of.meaning?.axes[d]?.name || '')
  );
  const isNamed = new Set(names).size === names.length && names.every((name) => name && others.includes(name));
  return view.shape.map((_, d) => {
    const i = own.indexOf(d);
    return i < 0 ? -1 : theirs[isNamed ? others.indexOf(names[i]) : i];
  });
}

/** How another dataset lies under a view. Pictures of one size with voxels of one size, and those without units, are laid voxel on
 * voxel; others at the same place where both have units. Null where that cannot be done. The sliced dimensions may be of
 * other lengths, and channels of colours are no dimension. @param {View} view @param {Other} other @returns {Laid | null} */
export function laidUnder(view, other) {
  const dimensions = dimensionsIn(view, other);
  if (!dimensions) return null;
  const { shape, meaning } = other;
  const sides = [view.rows, view.cols];
  // A size that was typed is that of the view's voxels.
  const [rows, cols] = sides.map((d) => alongIn(axisOf(view, d), axisOf({ shape, meaning, voxel: '' }, dimensions[d])));
  const isSameSize = sides.every((d) => shape[dimensions[d]] === view.shape[d]);
  const isAlike = !rows || !cols ||
    [rows, cols].every(({ scale }, i) => Math.abs(scale - 1) * view.shape[sides[i]] < ALIKE);
  if (isSameSize && isAlike) return { rows: SAME, cols: SAME, exact: true, dimensions };
  return rows && cols ? { rows, cols, exact: false, dimensions } : null;
}

/** Whether a dataset of this shape may be one that can be laid under a view, which its units and names decide.
 * @param {View} view @param {readonly number[]} shape */
export function mayLie(view, shape) {
  const own = withoutChannels(view.shape, channelDimension(view));
  const sides = [view.rows, view.cols];
  if (sides.map((d) => axisOf(view, d)).every((axis) => alongIn(axis, axis)) && shape.length === own.length) {
    return true;
  }
  const isNamed = own.every((d) => view.meaning?.axes[d]?.name);
  const sizes = own.map((d) => view.shape[d]);
  // Channels of colours may be anywhere.
  const those = [shape, ...shape.flatMap((n, d) => n === 3 || n === 4 ? [shape.filter((_, i) => i !== d)] : [])];
  return those.some((one) =>
    one.length === own.length && (sides.every((d) => one[own.indexOf(d)] === view.shape[d]) ||
      (isNamed && String(one.slice().sort()) === String(sizes.slice().sort())))
  );
}

/** Why a dataset cannot be laid under a view: a sentence, empty where it can.
 * @param {View} view @param {string} dataset @param {Other | null} other */
export function whyUnlike(view, dataset, other) {
  if (other && laidUnder(view, other)) return '';
  const [own, theirs] = [view.shape, other ? other.shape : []].map((one) => one.join(' × ') || 'no shape');
  return dataset + ' has ' + theirs + ' voxels and this picture is of ' + own +
    ': pictures of one size can be compared.';
}

/** @param {Along} along @param {number} at */
export const placeIn = ({ offset, scale }, at) => offset + scale * at;

/** The ranges and directions in which another dataset has what a view has in view.
 * @param {View} view @param {Laid} laid @returns {Partial<View>} */
function rangesLike(view, laid) {
  const same = view.flip.map((d) => laid.dimensions[d]);
  if (laid.exact) return { flip: same.sort((a, b) => a - b) };
  const { rows, cols, dimensions } = laid;
  /** @param {Range | null} shown @param {number} d @param {Along} along @returns {Range} */
  const range = (shown, d, along) => {
    const [a, b] = (shown || [-0.5, view.shape[d] - 0.5]).map((at) => placeIn(along, at));
    return a < b ? [a, b] : [b, a];
  };
  const sides = [{ along: rows, d: view.rows }, { along: cols, d: view.cols }];
  const turned = sides.filter(({ along }) => along.scale < 0).map(({ d }) => dimensions[d]);
  const kept = same.filter((d) => !turned.includes(d));
  return {
    x: range(view.x, view.cols, cols),
    y: range(view.y, view.rows, rows),
    flip: [...kept, ...turned.filter((d) => !same.includes(d))].sort((a, b) => a - b),
  };
}

/** Whether none of a dataset is in view. @param {Pick<View, 'shape' | 'rows' | 'cols' | 'x' | 'y'>} like */
export function isOutside({ shape, rows, cols, x, y }) {
  return [[x, shape[cols]], [y, shape[rows]]].some(([range, n]) =>
    Array.isArray(range) && (range[1] <= -0.5 || range[0] >= Number(n) - 0.5)
  );
}

/** The index of another dataset in a dimension of its own that stands for one of a view: at the same place where both have
 * coordinates in units of one kind, otherwise the same one. It may lie beyond its ends.
 * @param {View} view @param {Measured} other @param {number} d @param {number} [theirs] @returns {number} */
export const indexLike = (view, other, d, theirs = d) =>
  indexIn(axisOf(view, d), view.position[d], axisOf(other, theirs));

/** The same slice of another dataset (`indexLike`), at the same place (`laidUnder`), in the same window. Beyond its ends that is its
 * first or last slice. Null where it cannot be laid under the view.
 * @param {View} view @param {Found} found @returns {View | null} */
export function viewLike(view, { file, record, listed, generation, meaning = null }) {
  const { shape, dtype } = record;
  const laid = laidUnder(view, { shape, meaning, dtype });
  if (!laid) return null;
  const { dimensions } = laid;
  const complex = /^complex/.test(dtype);
  const other = { shape, meaning, voxel: view.voxel };
  return Object.freeze({
    ...view,
    ...rangesLike(view, laid),
    file,
    dataset: record.dataset,
    listed,
    generation,
    meaning,
    shape,
    chunks: record.chunks || null,
    dtype,
    complex,
    isEnum: false,
    part: complex ? view.part || PARTS[0] : null,
    kind: kindBeside(view, { shape, meaning, dtype }),
    overlay: '',
    decode: isDecodable(meaning) && view.decode,
    axis: view.axis === null ? null : dimensions[view.axis],
    rows: dimensions[view.rows],
    cols: dimensions[view.cols],
    position: shape.map((n, theirs) => {
      const d = dimensions.indexOf(theirs);
      if (d < 0) return 0;
      const isSliced = d !== view.rows && d !== view.cols;
      return Math.min(Math.max(isSliced ? indexLike(view, other, d, theirs) : view.position[d], 0), n - 1);
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

/** A scale whose middle is zero, in a window that was chosen or has 99 % of the differences; all of them where so many are
 * zero. Diverging colours and the norms of both signs are those of the view.
 * @param {Pick<Cells, 'z' | 'rows' | 'cols' | 'min' | 'max'>} cells
 * @param {DifferenceColors} [view] @returns {ColorMapping} */
export function differenceMapping(cells, view = PLAIN) {
  const hi = view.difference ?? most(cells);
  const coloring = differenceColoring(view);
  return {
    lo: -hi,
    hi,
    ...coloring,
    marked: view.clip ? markedWindow(coloring.norm, -hi, hi) : null,
    key: JSON.stringify(['difference', hi, coloring, view.clip]),
    empty: !Number.isFinite(cells.min),
    single: '',
  };
}

/** @param {Pick<Cells, 'z' | 'rows' | 'cols' | 'min' | 'max'>} difference */
function most({ z, rows, cols, min, max }) {
  const every = Math.max(1, Math.floor(rows * cols / SAMPLED));
  const sizes = [];
  for (let i = 0; i < rows * cols; i += every) sizes.push(Math.abs(z[Math.floor(i / cols)][i % cols]));
  const sorted = Float64Array.from(sizes.filter(Number.isFinite)).sort();
  const half = sorted[Math.floor(0.99 * (sorted.length - 1))] || Math.max(Math.abs(min), Math.abs(max));
  return Number.isFinite(half) && half > 0 ? half : 1;
}

/** Where the middle of a cell of a view lies in another grid: {row, col}; null outside.
 * @param {Cells} from @param {number} r @param {number} c @param {Cells} to @param {Laid} laid */
export function cellIn(from, r, c, to, laid) {
  const row = cellAlong(laid.rows, middle(from.row0, from.rowStep, r), to.row0, to.rowStep, to.rows);
  const col = cellAlong(laid.cols, middle(from.col0, from.colStep, c), to.col0, to.colStep, to.cols);
  return row === null || col === null ? null : { row, col };
}

/** The middle of a cell (voxels). @param {number} first @param {number} step @param {number} n */
const middle = (first, step, n) => first + n * step + (step - 1) / 2;

/** @param {Along} along @param {number} at @param {number} first @param {number} step @param {number} count */
function cellAlong(along, at, first, step, count) {
  // The nearest voxel, between two of them the lower one.
  const cell = Math.floor((Math.ceil(placeIn(along, at) - 0.5) - first) / step);
  return cell >= 0 && cell < count ? cell : null;
}

/** The values of another grid in the cells of a view: those of the nearest voxel, NaN where there is none.
 * @param {Cells} other @param {Cells} grid @param {Laid} laid @returns {Cells} */
export function onGrid(other, grid, laid) {
  const at = Array.from(
    { length: grid.cols },
    (_, c) => cellAlong(laid.cols, middle(grid.col0, grid.colStep, c), other.col0, other.colStep, other.cols),
  );
  const z = Array.from({ length: grid.rows }, (_, r) => {
    const row = cellAlong(laid.rows, middle(grid.row0, grid.rowStep, r), other.row0, other.rowStep, other.rows);
    return Float64Array.from(at, (col) => {
      const value = row === null || col === null ? NaN : other.z[row][col];
      return value === other.fill ? NaN : value;
    });
  });
  return { ...grid, z, integers: null, fill: NaN };
}

/** What a point of a cell is in another dataset (voxels), for a crosshair. @param {Cells} cells @param {number} r
 * @param {number} c @param {Laid} laid */
export function pointIn({ row0, rowStep, col0, colStep }, r, c, laid) {
  return { row: placeIn(laid.rows, middle(row0, rowStep, r)), col: placeIn(laid.cols, middle(col0, colStep, c)) };
}
