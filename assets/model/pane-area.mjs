/* Where a picture beside the main one lies in its frame, and how the wheel zooms it. */

/** @import { PlotArea } from './pinch.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Range } from './viewport.mjs' */

/** @typedef {{width: number, height: number}} Size In px. */

/* A side that would be shorter (px) is filled instead. */
export const MIN_SIDE = 40;
const MARGIN = { left: 58, right: 14, top: 8, bottom: 34 };

/** All voxels of a dimension. @param {Pick<View, 'shape'>} view @param {number} d @returns {Range} */
const all = ({ shape }, d) => [-0.5, shape[d] - 0.5];

/** What a frame of a size has for the picture itself. @param {Size} size @returns {Size} */
export const spaceOf = ({ width, height }) => ({
  width: Math.max(width - MARGIN.left - MARGIN.right, 0),
  height: Math.max(height - MARGIN.top - MARGIN.bottom, 0),
});

/** Where a plane lies in a frame of a size, with its ticks at the left and below; null where there is no space.
 * @param {Pick<View, 'shape' | 'rows' | 'cols' | 'x' | 'y' | 'flip'>} view @param {Size} size
 * @param {number | null} aspect Height of a voxel by its width; null where the picture fills the frame.
 * @param {{most?: number, beside?: {left?: number, top?: number}}} [how] The most px for a column, and where in the frame the
 *   picture is preferred instead of the middle. @returns {PlotArea | null} */
export function areaOf(view, size, aspect, { most = Infinity, beside = {} } = {}) {
  const space = spaceOf(size);
  if (space.width < 8 || space.height < 8) return null;
  const x = view.x || all(view, view.cols);
  const y = view.y || all(view, view.rows);
  const ratio = (x[1] - x[0]) / ((y[1] - y[0]) * (aspect || 1));
  const wide = Math.min(space.width, space.height * ratio);
  const inShape = aspect !== null && Math.min(wide, wide / ratio) >= Math.min(MIN_SIDE, space.width, space.height);
  const shown = Math.min(wide, most * (x[1] - x[0]));
  const width = inShape ? Math.max(Math.round(shown), 1) : space.width;
  const height = inShape ? Math.max(Math.round(shown / ratio), 1) : space.height;
  /** @param {number} least @param {number} free @param {number} [preferred] */
  const start = (least, free, preferred = least + free / 2) =>
    Math.floor(Math.min(Math.max(preferred, least), least + free));
  return {
    left: start(MARGIN.left, space.width - width, beside.left),
    top: start(MARGIN.top, space.height - height, beside.top),
    width,
    height,
    ...rangesOf(view),
  };
}

/** The voxels at the edges of a plane: from high to low where a dimension is flipped.
 * @param {Pick<View, 'shape' | 'rows' | 'cols' | 'x' | 'y' | 'flip'>} view @returns {Pick<PlotArea, 'x' | 'y'>} */
export function rangesOf(view) {
  /** @param {Range} range @param {number} d @returns {Range} */
  const directed = (range, d) => (view.flip.includes(d) ? [range[1], range[0]] : range);
  return {
    x: directed(view.x || all(view, view.cols), view.cols),
    y: directed(view.y || all(view, view.rows), view.rows),
  };
}

/** The ranges of an area after the wheel has zoomed by a factor about a place (px), below 1 to zoom in; null where all is in
 * view. @param {PlotArea} area @param {number} left @param {number} top @param {number} factor
 * @param {{rows: number, cols: number}} count @returns {{x: Range, y: Range} | null} */
export function zoomedAt(area, left, top, factor, count) {
  const spans = { x: Math.abs(area.x[1] - area.x[0]), y: Math.abs(area.y[1] - area.y[0]) };
  const least = Math.max(Math.min(2 / spans.x, 1), Math.min(2 / spans.y, 1));
  const most = Math.min(count.cols / spans.x, count.rows / spans.y);
  const by = Math.min(Math.max(factor, least), Math.max(most, 1));
  if (by >= most - 1e-9 && factor > 1) return null;
  /** @param {Range} range @param {number} share @param {number} n @returns {Range} */
  const zoomed = ([from, to], share, n) => {
    const place = from + share * (to - from);
    const ends = [place + (from - place) * by, place + (to - place) * by].sort((a, b) => a - b);
    const span = Math.min(ends[1] - ends[0], n);
    const start = Math.min(Math.max(ends[0], -0.5), n - 0.5 - span);
    return [start, start + span];
  };
  return {
    x: zoomed(area.x, (left - area.left) / area.width, count.cols),
    y: zoomed(area.y, (top - area.top) / area.height, count.rows),
  };
}
