/* Which dimensions are the rows and columns of the picture, which one is sliced, and which ones are flipped. */

/** @import { View } from './view.mjs' */
/** @import { Range, Slice } from './viewport.mjs' */

/**
 * @typedef {'rows' | 'cols'} Side Of the picture.
 * @typedef {Pick<View, 'shape' | 'axis' | 'rows' | 'cols' | 'flip' | 'x' | 'y'>} Shown
 * @typedef {Partial<Pick<View, 'axis' | 'rows' | 'cols' | 'flip' | 'x' | 'y'>>} PlaneChange Null for a view, empty where
 *   nothing changes.
 */

/** @type {readonly Side[]} */
export const SIDES = ['rows', 'cols'];

/** Whether rows and columns stand in the other order than in the dataset, and than in what the server sends.
 * @param {Pick<Slice, 'rows' | 'cols'>} view */
export const isTransposed = ({ rows, cols }) => rows > cols;

/** Whether a side of the picture runs from right to left or from the bottom up.
 * @param {Pick<View, 'rows' | 'cols' | 'flip'>} view @param {Side} side */
export const isFlipped = (view, side) => view.flip.includes(view[side]);

/** Slice another axis. If it is one of those shown, the one that was sliced is shown instead, in the order that the
 * picture had. @param {Shown} view @param {number} axis @returns {PlaneChange} */
export function withAxis(view, axis) {
  if (view.axis === null || axis === view.axis || !isDimension(view, axis)) return {};
  if (axis !== view.rows && axis !== view.cols) return { axis };
  const pair = [axis === view.rows ? view.cols : view.rows, view.axis].sort((a, b) => a - b);
  const [rows, cols] = isTransposed(view) ? pair.reverse() : pair;
  return { axis, rows, cols, x: null, y: null };
}

/** Show a dimension along a side of the picture. What stood there takes its place: as the other side, as what is sliced,
 * or beside that. @param {Shown} view @param {Side} side @param {number} dimension @returns {PlaneChange} */
export function withSide(view, side, dimension) {
  if (dimension === view[side] || !isDimension(view, dimension)) return {};
  const other = side === 'rows' ? 'cols' : 'rows';
  if (dimension === view[other]) return transposed(view);
  const axis = dimension === view.axis ? view[side] : view.axis;
  return { [side]: dimension, axis, x: null, y: null };
}

/** Rows for columns; the voxels in view stay the same. @param {Shown} view @returns {PlaneChange} */
export function transposed({ rows, cols, x, y }) {
  return { rows: cols, cols: rows, x: y, y: x };
}

/** The other direction along a side. @param {Shown} view @param {Side} side @returns {PlaneChange} */
export function flipped(view, side) {
  const dimension = view[side];
  const others = view.flip.filter((d) => d !== dimension);
  return { flip: others.length < view.flip.length ? others : [...others, dimension].sort((a, b) => a - b) };
}

/** @param {Shown} view @param {number} dimension */
function isDimension({ shape }, dimension) {
  return Number.isInteger(dimension) && dimension >= 0 && dimension < shape.length;
}

/** A range as the axis of a plot has it, from its left or upper end. @param {Range} range @param {boolean} reverse
 * @returns {[number, number]} */
export function directed([low, high], reverse) {
  return reverse ? [high, low] : [low, high];
}
