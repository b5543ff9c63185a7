/* Where a picture beside the main one lies in its frame, and how the wheel zooms it. */

/** @import { PlotArea } from './pinch.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Range } from './viewport.mjs' */

/** @typedef {{width: number, height: number}} Size In px. */

const MIN_SIDE = 40;
const MARGIN = { left: 44, right: 14, top: 8, bottom: 20 };

/** All voxels of a dimension. @param {Pick<View, 'shape'>} view @param {number} d @returns {Range} */
const all = ({ shape }, d) => [-0.5, shape[d] - 0.5];

/** Where a plane lies in a frame of a size, with its ticks at the left and below; null where there is no space.
 * @param {Pick<View, 'shape' | 'rows' | 'cols' | 'x' | 'y' | 'flip'>} view @param {Size} size
 * @param {number | null} aspect Height of a voxel by its width; null where the picture fills the frame.
 * @returns {PlotArea | null} */
export function areaOf(view, size, aspect) {
  const space = {
    w: size.width - MARGIN.left - MARGIN.right,
    h: size.height - MARGIN.top - MARGIN.bottom,
  };
  if (space.w < 8 || space.h < 8) return null;
  const x = view.x || all(view, view.cols);
  const y = view.y || all(view, view.rows);
  const ratio = (x[1] - x[0]) / ((y[1] - y[0]) * (aspect || 1));
  const wide = Math.min(space.w, space.h * ratio);
  const inShape = aspect !== null && Math.min(wide, wide / ratio) >= Math.min(MIN_SIDE, space.w, space.h);
  const width = inShape ? Math.round(wide) : space.w;
  const height = inShape ? Math.round(wide / ratio) : space.h;
  return {
    left: MARGIN.left + Math.floor((space.w - width) / 2),
    top: MARGIN.top + Math.floor((space.h - height) / 2),
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
