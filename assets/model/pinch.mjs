/* Two fingers on the plot: the ranges of its axes that keep the voxels under the fingers. */

/** @import { Range } from './viewport.mjs' */

/**
 * @typedef {{x: number, y: number, distance: number}} Grip Where fingers are, and how far from each other (px).
 */

/**
 * @typedef {object} PlotArea
 * @property {number} left In px, as width and height.
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {Range} x The voxels at its left and right edge: from high to low where columns are flipped.
 * @property {Range} y The same at its top and bottom.
 */

// Zooming in ends where so few voxels are in view.
const MIN_VOXELS = 2;

/** The centroid and the distance of touches {clientX, clientY}, of which there are one or two (px).
 * @param {{clientX: number, clientY: number}[]} touches @returns {Grip} */
export function gripOf(touches) {
  const [a, b = a] = touches;
  return {
    x: (a.clientX + b.clientX) / 2,
    y: (a.clientY + b.clientY) / 2,
    distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY),
  };
}

/** The ranges {x, y} after fingers have gone from grip `from` to `to`; null where the whole slice is in view. `area` is
 * the plot area as it was at `from`, {width, height (px), x, y (voxels)}, `size` the slice as {rows, cols}.
 * @param {PlotArea} area @param {Grip} from @param {Grip} to @param {{rows: number, cols: number}} size
 * @returns {{x: Range, y: Range} | null} */
export function moveGrip(area, from, to, size) {
  const spans = { x: Math.abs(area.x[1] - area.x[0]), y: Math.abs(area.y[1] - area.y[0]) };
  const zoom = from.distance && to.distance ? to.distance / from.distance : 1;
  const most = Math.min(size.cols / spans.x, size.rows / spans.y);
  const least = Math.max(Math.min(MIN_VOXELS / spans.x, 1), Math.min(MIN_VOXELS / spans.y, 1));
  // Both axes by one factor: voxels keep their shape.
  const factor = Math.max(Math.min(1 / zoom, Math.max(most, 1)), least);
  if (factor >= most && most >= 1 - 1e-9) return null;
  return {
    x: moved(area.x, from.x - area.left, to.x - area.left, area.width, factor, size.cols),
    y: moved(area.y, from.y - area.top, to.y - area.top, area.height, factor, size.rows),
  };
}

/** A range of an axis: the voxel at `from` px is at `to` px afterwards, as far as there are voxels.
 * @param {Range} range @param {number} from @param {number} to @param {number} length @param {number} factor
 * @param {number} count @returns {Range} */
function moved([low, high], from, to, length, factor, count) {
  if (high < low) return moved([high, low], length - from, length - to, length, factor, count);
  const span = (high - low) * factor;
  const voxel = low + (from / length) * (high - low);
  const unclamped = voxel - (to / length) * span;
  const start = span >= count ? (count - span) / 2 - 0.5 : Math.min(Math.max(unclamped, -0.5), count - 0.5 - span);
  return [start, start + span];
}
