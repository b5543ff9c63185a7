/* The scale bar in the lower left corner of the picture, where the size of a voxel is known. */

import { scaleBar, voxelLength } from '../model/axes.mjs';
import { element, setText } from './dom.mjs';
/** @import { Axis } from '../model/axes.mjs' */
/** @import { PlotArea } from '../model/pinch.mjs' */

// Distance from the edges of the plot area (px).
const INSET = 10;
// A bar on a picture that is smaller (px) would hide it.
const MIN_SIDE = 120;

/** @param {PlotArea} area @param {Axis} cols The axis of the columns. */
export function showScaleBar(area, cols) {
  const node = element('scale-bar');
  const length = voxelLength(cols);
  const voxels = Math.abs(area.x[1] - area.x[0]);
  const bar = length && Math.min(area.width, area.height) >= MIN_SIDE
    ? scaleBar(length * voxels / area.width, area.width)
    : null;
  node.hidden = !bar;
  if (!bar) return;
  node.style.left = area.left + INSET + 'px';
  node.style.top = area.top + area.height - INSET + 'px';
  node.style.width = bar.px + 'px';
  setText('scale-bar-text', bar.text);
}
