/* What tools are called, and where they are, in words. */

import { formatNumber } from '../../model/number-format.mjs';
import { placesOf } from '../../model/tool-geometry.mjs';
/** @import { Tool, ToolKind } from '../../model/tools.mjs' */

/** @type {Record<ToolKind, string>} */
export const NAMES = {
  point: 'Point',
  line: 'Line',
  ruler: 'Ruler',
  rect: 'Rectangle',
  ellipse: 'Ellipse',
  poly: 'Polygon',
};

/** @param {Tool} tool @param {number} index */
export const nameOf = ({ kind }, index) => NAMES[kind] + ' ' + (index + 1);

/** A tool and its places, row and column each. @param {Tool} tool @param {number} index */
export function describe(tool, index) {
  const places = placesOf(tool).map((place) => place.map((value) => formatNumber(value, 6)).join(', '));
  if (tool.kind === 'poly') {
    return nameOf(tool, index) + ' with ' + places.length + ' vertices, the first at ' + places[0];
  }
  return nameOf(tool, index) + ' at ' + places.join(' to ');
}
