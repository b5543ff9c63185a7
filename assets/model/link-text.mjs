/* The deep link of a view, as address.mjs reads it. */

import { encodeValue } from './address.mjs';
import { MODES, SHARE } from './compare.mjs';
import { hundredths, within } from './link-plane.mjs';
import { isCategorical, kindsOf } from './kinds.mjs';
import { isDecodable, startOf } from './meaning.mjs';
import { OPACITY, overlayOf } from './overlay.mjs';
import { isFlipped, isTransposed, SIDES } from './plane.mjs';
import { formatTools, parseTools, planeOf } from './tools.mjs';
import { projectionOf } from './projection.mjs';
import { POOLS, selectionOf } from './viewport.mjs';
/** @import { View } from './view.mjs' */

/** @param {View} view @returns {string} */
export function formatLink(view) {
  /** @type {[string, string | number][]} */
  const query = [['file', view.file], ['dataset', view.dataset]];
  if (view.axis !== null && view.shape.length === 3) {
    query.push(['axis', view.axis], ['index', view.position[view.axis]]);
  } else if (view.axis !== null) {
    query.push(['selection', selectionOf(view)], ['axis', view.axis]);
  }
  if (isTransposed(view) || isStraightened(view)) query.push(['rows', view.rows], ['cols', view.cols]);
  const start = startOf(view.shape, view.meaning);
  const flip = SIDES.filter((side) => isFlipped(view, side));
  const asMeant = SIDES.filter((side) => start && start.flip.includes(view[side]));
  if (String(flip) !== String(asMeant)) query.push(['flip', flip.join(',') || 'none']);
  if (view.kind !== kindsOf(view.meaning, view.dtype)[0]) query.push(['kind', view.kind]);
  const overlay = overlayOf(view);
  if (overlay) query.push(['overlay', overlay]);
  if (overlay && view.opacity !== OPACITY) query.push(['opacity', view.opacity]);
  if (view.labels && (overlay || isCategorical(view))) query.push(['labels', view.labels]);
  if (isDecodable(view.meaning)) query.push(['decode', Number(view.decode)]);
  if (view.voxel) query.push(['voxel', view.voxel]);
  if (view.aspect !== 'voxel') query.push(['aspect', view.aspect]);
  if (view.part) query.push(['part', view.part]);
  query.push(['window', typeof view.window === 'string' ? view.window : view.window.join(',')]);
  query.push(['norm', view.norm]);
  query.push(['colorscale', view.colorscale + (view.reverse ? '_r' : '')]);
  if (view.centre !== null) query.push(['centre', view.centre]);
  if (view.clip) query.push(['clip', 1]);
  const projection = projectionOf(view);
  if (projection) query.push(['project', projection.reduction + ':' + projection.count]);
  if (view.pool !== POOLS[0]) query.push(['pool', view.pool]);
  // Plotly's axes reach beyond the slice where its sides are not those of the plot.
  const x = within(view.x, view.shape[view.cols], '', []);
  const y = within(view.y, view.shape[view.rows], '', []);
  if (x) query.push(['x', x.map(hundredths).join(',')]);
  if (y) query.push(['y', y.map(hundredths).join(',')]);
  if (view.compare) {
    query.push(['compare', view.compare]);
    if (view.mode !== MODES[0]) query.push(['comparing', view.mode]);
    if (view.difference !== null) query.push(['difference', view.difference]);
    if (view.share !== SHARE) query.push(['share', view.share]);
  }
  if (view.views === 3) {
    query.push(['views', 3], ['point', view.position.join(',')]);
    if (view.depth) query.push(['depth', view.depth.map(hundredths).join(',')]);
  }
  if (view.tools) {
    const plane = planeOf(view);
    query.push(['tools', formatTools(parseTools(view.tools, plane, view.shape.length).tools, plane)]);
  }
  if (view.frozen) query.push(['frozen', view.frozen]);
  return '?' + query.map(([key, value]) => key + '=' + encodeValue(value)).join('&');
}

/** Whether a plane is shown in the dataset's order that would be transposed without a word of the link.
 * @param {View} view */
function isStraightened({ shape, meaning, axis, rows, cols }) {
  const start = axis === null ? startOf(shape, meaning) : null;
  return start !== null && (start.rows !== rows || start.cols !== cols);
}
