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

/** @param {Tool} tool @returns {string[]} Row and column of each place. */
const placeTexts = (tool) => placesOf(tool).map((place) => place.map((value) => formatNumber(value, 6)).join(', '));

/** A line by its ends, where it is none of the view's. @param {Tool} line */
export const endsText = (line) => NAMES[line.kind] + ' ' + placeTexts(line).join(' to ');

/** A tool and its places. @param {Tool} tool @param {number} index */
export function describe(tool, index) {
  const places = placeTexts(tool);
  if (tool.kind === 'poly') {
    return nameOf(tool, index) + ' with ' + places.length + ' vertices, the first at ' + places[0];
  }
  return nameOf(tool, index) + ' at ' + places.join(' to ');
}
