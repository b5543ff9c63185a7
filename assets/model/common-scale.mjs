/* One scale for three views: what is equally long in units is equally long on the screen, and each picture fits into its quarter.

   The scale is counted in px for a column of the main picture. The plane on the right has its rows, the plane below its columns. */

import { aspectOf } from './axes.mjs';
import { planeBeside } from './linked.mjs';
import { MIN_SIDE } from './pane-area.mjs';
/** @import { Size } from './pane-area.mjs' */
/** @import { View } from './view.mjs' */

/**
 * @typedef {{main: Size, right: Size, below: Size}} Spaces What each picture has for itself (px).
 * @typedef {{main: number, right: number, below: number}} Scales The most px for a column of each plane.
 * @typedef {{rows: number, cols: number, aspect: number}} Extent What is in view, in voxels, and the height of one by its width.
 */

// Beside its picture a quarter has ticks, the main one the colour bar and its histogram too, the others a slider (px).
const MAIN_EXTRA = { width: 202, height: 54 };
const SIDE_EXTRA = { width: 76, height: 104 };
// Of all, a quarter beside the main one has at most this share, and no less than its figures take (px).
const MOST_SHARE = 0.6;
const LEAST = { width: 236, height: 184 };

/** What is in view of each plane; null where voxels have no shape of their own on the screen.
 * @param {View} view @returns {{main: Extent, right: Extent, below: Extent} | null} */
function extentsOf(view) {
  const [main, right, below] = [view, planeBeside(view, 'right'), planeBeside(view, 'below')].map((plane) => {
    const aspect = aspectOf(plane);
    const { shape, rows, cols, x, y } = plane;
    return aspect === null ? null : {
      rows: y ? y[1] - y[0] : shape[rows],
      cols: x ? x[1] - x[0] : shape[cols],
      aspect,
    };
  });
  return main && right && below ? { main, right, below } : null;
}

/** The px for a column at which a plane fills a space. @param {Extent} extent @param {Size} space */
const fitting = ({ rows, cols, aspect }, { width, height }) => Math.min(width / cols, height / (rows * aspect));

/** The shorter side of a plane at a scale (px). @param {Extent} extent @param {number} scale */
const shortSide = ({ rows, cols, aspect }, scale) => Math.min(cols, rows * aspect) * scale;

/** The most px for a column of each plane of three views; null where each fills its space. Planes that are too narrow at any
 * scale, which fill theirs, do not count, and the main picture does not become narrower than that for the others.
 * @param {View} view That has an axis. @param {Spaces} spaces @returns {Scales | null} */
export function commonScales(view, spaces) {
  const extents = extentsOf(view);
  if (!extents) return null;
  const { main, right, below } = extents;
  // By columns of the main picture.
  const toRight = main.aspect / right.aspect;
  const own = fitting(main, spaces.main);
  const fits = [
    { extent: main, scale: own, each: 1 },
    { extent: right, scale: fitting(right, spaces.right), each: toRight },
    { extent: below, scale: fitting(below, spaces.below), each: 1 },
  ].filter(({ extent, scale }) => shortSide(extent, scale) >= MIN_SIDE);
  const common = Math.min(...fits.map(({ scale, each }) => scale / each));
  const scale = Math.min(Math.max(common, MIN_SIDE / shortSide(main, 1)), own);
  return { main: scale, right: scale * toRight, below: scale };
}

/** How wide the quarter on the right and how high the one below is (px), so that whole planes are as large as they can be at one
 * scale; null where each fills its quarter. @param {View} view That has an axis. @param {Size} all @returns {Size | null} */
export function quartersOf(view, all) {
  const extents = extentsOf({ ...view, x: null, y: null, depth: null });
  if (!extents) return null;
  const { main, right, below } = extents;
  const lengths = {
    width: [main.cols, right.cols * main.aspect / right.aspect],
    height: [main.rows * main.aspect, below.rows * below.aspect],
  };
  /** @param {'width' | 'height'} side */
  const free = (side) => Math.max(all[side] - MAIN_EXTRA[side] - SIDE_EXTRA[side], 0);
  /** @param {'width' | 'height'} side */
  const fit = (side) => free(side) / (lengths[side][0] + lengths[side][1]);
  const scale = Math.min(fit('width'), fit('height'));
  /** @param {'width' | 'height'} side */
  const size = (side) => {
    const [first, second] = lengths[side].map((length) => scale * length);
    const preferred = SIDE_EXTRA[side] + second + (free(side) - first - second) / 2;
    return Math.round(Math.min(Math.max(preferred, LEAST[side]), MOST_SHARE * all[side]));
  };
  return { width: size('width'), height: size('height') };
}
