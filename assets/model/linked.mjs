/* Three views through one point: the planes beside the main one, and how zoom and point go along from plane to plane.

       main:  rows × columns      right:  rows × axis
       below: axis × columns

   The point is the view's position. A dimension that is on the screen has a range; that of the axis, which is on the
   screen in the planes beside the main one alone, is the view's `depth`. */

import { lengthRatio } from './axes.mjs';
import { firstIndex } from './link-plane.mjs';
import { startOf } from './meaning.mjs';
/** @import { View } from './view.mjs' */
/** @import { PlotArea } from './pinch.mjs' */
/** @import { Range } from './viewport.mjs' */

/**
 * @typedef {'right' | 'below'} Place Of a plane beside the main one.
 * @typedef {Pick<View, 'shape' | 'axis' | 'rows' | 'cols' | 'position' | 'x' | 'y' | 'depth' | 'meaning' | 'voxel'>} Located
 * @typedef {Partial<Pick<View, 'x' | 'y' | 'depth' | 'position'>>} RangeChange
 */

/** All voxels of a dimension. @param {Pick<View, 'shape'>} view @param {number} d @returns {Range} */
const all = ({ shape }, d) => [-0.5, shape[d] - 0.5];

/** The range of a dimension of the three planes; null for all of it.
 * @param {Pick<Located, 'rows' | 'cols' | 'x' | 'y' | 'depth'>} view @param {number} d @returns {Range | null} */
function rangeOf(view, d) {
  if (d === view.rows) return view.y;
  return d === view.cols ? view.x : view.depth;
}

/** The plane beside the main one at a place, as a view of its own.
 * @param {View} view That has an axis. @param {Place} place @returns {View} */
export function planeBeside(view, place) {
  const axis = /** @type {number} */ (view.axis);
  const [rows, cols] = place === 'right' ? [view.rows, axis] : [axis, view.cols];
  const y = rangeOf(view, rows);
  const x = rangeOf(view, cols);
  const zoomed = Boolean(x || y);
  return Object.freeze(Object.assign({}, view, {
    rows,
    cols,
    axis: place === 'right' ? view.cols : view.rows,
    y: zoomed ? y || all(view, rows) : null,
    x: zoomed ? x || all(view, cols) : null,
  }));
}

/** The range along dimension `d` that is as long as `range` is along `like`, around the point: in units where both
 * dimensions have the same, else in voxels.
 * @param {Located} view @param {number} d @param {Range} range @param {number} like @returns {Range} */
export function matched(view, d, range, like) {
  const span = (range[1] - range[0]) * (lengthRatio(view, like, d) ?? 1);
  return around(view.position[d], span, view.shape[d]);
}

/** A range of a length with its middle at a voxel, as far as there are voxels.
 * @param {number} at @param {number} span @param {number} count @returns {Range} */
function around(at, span, count) {
  if (span >= count) return [-0.5, count - 0.5];
  const start = Math.min(Math.max(at - span / 2, -0.5), count - 0.5 - span);
  return [start, start + span];
}

/** The voxel in the middle of a range. @param {Range} range @param {number} count */
const middleOf = ([from, to], count) => Math.min(Math.max(Math.round((from + to) / 2), 0), count - 1);

/** Whether the index of a dimension was chosen: it is not the one that the dataset was opened with.
 * @param {Located} view @param {number} d */
const isChosen = ({ shape, meaning, position }, d) => position[d] !== firstIndex(shape, startOf(shape, meaning), d);

/** @param {Range} range @param {number} at */
const has = (range, at) => at >= range[0] - 1e-6 && at <= range[1] + 1e-6;

/** Ranges that have the point in them: those that the point has left are moved.
 * @param {Located} view @returns {RangeChange} */
function followed(view) {
  /** @type {RangeChange} */
  const change = {};
  for (const [name, d] of /** @type {const} */ ([['y', view.rows], ['x', view.cols], ['depth', view.axis]])) {
    const range = view[name];
    if (d === null || !range || has(range, view.position[d])) continue;
    change[name] = around(view.position[d], range[1] - range[0], view.shape[d]);
  }
  return change;
}

/** The change to three views: the point is moved into what is in view, and the axis has a range like that of the rows.
 * @param {Located} view @returns {RangeChange} */
export function opened(view) {
  const position = view.position.slice();
  for (const [range, d] of /** @type {const} */ ([[view.y, view.rows], [view.x, view.cols]])) {
    if (range && !has(range, position[d])) position[d] = middleOf(range, view.shape[d]);
  }
  return Object.assign({ position }, ranged(Object.assign({}, view, { position }), new Map()));
}

/** The ranges of all three dimensions after some of them were chosen; without any they are those of the view. What was not
 * chosen is as long as what was. Null where all is in view.
 * @param {Located} view @param {ReadonlyMap<number, Range>} chosen By dimension. @returns {RangeChange} */
export function ranged(view, chosen) {
  const dimensions = [view.rows, view.cols, view.axis].filter((d) => d !== null);
  /** @type {Map<number, Range>} */
  const ranges = new Map(chosen);
  if (!ranges.size && view.y && view.x) ranges.set(view.rows, view.y).set(view.cols, view.x);
  const [first] = ranges;
  if (!first || dimensions.every((d) => isWhole(ranges.get(d), view.shape[d]))) {
    return { x: null, y: null, depth: null };
  }
  for (const d of dimensions) if (!ranges.has(d)) ranges.set(d, matched(view, d, first[1], first[0]));
  return {
    y: /** @type {Range} */ (ranges.get(view.rows)),
    x: /** @type {Range} */ (ranges.get(view.cols)),
    depth: view.axis === null ? null : /** @type {Range} */ (ranges.get(view.axis)),
  };
}

/** @param {Range | undefined} range @param {number} length */
function isWhole(range, length) {
  return range !== undefined && range[0] <= -0.49 && range[1] >= length - 0.51;
}

/** What goes along to another plane of the same dataset: each dimension keeps its range, one that comes onto the screen
 * gets one as long as the others', and one that leaves it is sliced in the middle of what was in view, unless an index in
 * view was chosen. @param {Located & Pick<View, 'views'>} view @param {Pick<View, 'axis' | 'rows' | 'cols'>} to
 * @returns {RangeChange} */
function carried(view, to) {
  const position = view.position.slice();
  /** @type {RangeChange} */
  const none = { position, x: null, y: null, depth: null };
  if (!view.x || !view.y) return none;
  const ranges = new Map(/** @type {[number, Range][]} */ ([[view.rows, view.y], [view.cols, view.x]]));
  if (view.axis !== null && view.depth) ranges.set(view.axis, view.depth);
  for (const [d, range] of ranges) {
    const leaves = d !== to.rows && d !== to.cols;
    const stays = has(range, position[d]) && (view.views === 3 || isChosen(view, d));
    if (leaves && !stays) position[d] = middleOf(range, view.shape[d]);
  }
  const [[like, model]] = ranges;
  const moved = Object.assign({}, view, { position });
  /** @param {number} d */
  const range = (d) => ranges.get(d) || matched(moved, d, model, like);
  const isThree = view.views === 3 && to.axis !== null;
  return { position, y: range(to.rows), x: range(to.cols), depth: isThree ? range(Number(to.axis)) : null };
}

/** The point at another position; the ranges of three views follow it.
 * @param {Located & Pick<View, 'views'>} view @param {readonly number[]} position @returns {RangeChange} */
export function toPoint(view, position) {
  return view.views === 1 ? { position } : Object.assign({ position }, followed(Object.assign({}, view, { position })));
}

/** Another plane, with what goes along. @param {View} view @param {Partial<View>} change @returns {Partial<View>} */
export function toPlane(view, change) {
  const { axis, rows, cols } = Object.assign({}, view, change);
  // Of three views, the axis is on the screen too.
  const isOther = rows !== view.rows || cols !== view.cols || (view.views === 3 && axis !== view.axis);
  const turned = rows === view.cols && cols === view.rows;
  if (!isOther || turned || change.kind) return change;
  const next = Object.assign({}, change, carried(view, { axis, rows, cols }));
  return axis === null ? Object.assign(next, { views: 1, depth: null }) : next;
}

/* On the screen */

/** The voxel {row, col} at a place (px) in an area, the nearest one for what lies beyond.
 * @param {PlotArea} area @param {number} left @param {number} top
 * @param {{rows: number, cols: number}} count @returns {{row: number, col: number}} */
export function voxelAt(area, left, top, count) {
  /** @param {number} share @param {Range} range @param {number} n */
  const at = (share, [from, to], n) => Math.min(Math.max(Math.round(from + share * (to - from)), 0), n - 1);
  return {
    row: at((top - area.top) / area.height, area.y, count.rows),
    col: at((left - area.left) / area.width, area.x, count.cols),
  };
}

/** Where the middle of a voxel lies in an area (px from its left and upper edge).
 * @param {PlotArea} area @param {number} row @param {number} col */
export function placeOf(area, row, col) {
  return {
    left: (col - area.x[0]) / (area.x[1] - area.x[0]) * area.width,
    top: (row - area.y[0]) / (area.y[1] - area.y[0]) * area.height,
  };
}
