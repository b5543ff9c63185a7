/* Frozen profiles: lines on slices whose values stay in the chart of profiles, as text in links and in a view.

       700,:,:/120,30,400,80,w3;:,12,:/5,5,90,90/mean:9

   Items stand between semicolons: the slice in NumPy's syntax, the line as model/tools.mjs has it, and the projection of
   slices if it is one, of more than three dimensions with the axis that it goes across (`mean:9,1`). */

import { parseProjection, projectionQuery } from './projection.mjs';
import { formatTools, parseTools } from './tools.mjs';
/** @import { Tool } from './tools.mjs' */
/** @import { View } from './view.mjs' */

/**
 * @typedef {object} Frozen
 * @property {Tool} line
 * @property {readonly number[]} position Index of each dimension; those of the line's plane mean nothing.
 * @property {number | null} axis Across which the projection goes.
 * @property {string} project As a view has it; empty for the slice alone.
 */

export const MAX_FROZEN = 5;
const KIND = 'line:';

/** @param {string} text @param {readonly number[]} shape @returns {{frozen: Frozen[], wrong: string[]}} `wrong` has the
 * items that are not understood or outside of the shape, and what is beyond the largest number. */
export function parseFrozen(text, shape) {
  /** @type {Frozen[]} */
  const frozen = [];
  /** @type {string[]} */
  const wrong = [];
  for (const item of text.split(';').filter(Boolean)) {
    const found = frozen.length < MAX_FROZEN ? parseItem(item, shape) : null;
    if (found) frozen.push(found);
    else wrong.push(item);
  }
  return { frozen, wrong };
}

/** @param {string} item @param {readonly number[]} shape @returns {Frozen | null} */
function parseItem(item, shape) {
  const [slice, points = '', projection = '', ...rest] = item.split('/');
  const indices = slice.split(',');
  const plane = indices.map((_, d) => d).filter((d) => indices[d] === ':');
  const fixed = indices.map((_, d) => d).filter((d) => indices[d] !== ':');
  if (rest.length || indices.length !== shape.length || plane.length !== 2) return null;
  if (!fixed.every((d) => /^\d{1,9}$/.test(indices[d]) && Number(indices[d]) < shape[d])) return null;
  const [line] = parseTools(KIND + points, [plane[0], plane[1]], shape.length).tools;
  const [project, across] = projection.split(',');
  const axis = across === undefined ? fixed[0] ?? null : fixed.find((d) => String(d) === across) ?? null;
  if (!line || (projection && (axis === null || !parseProjection(project)))) return null;
  return { line, position: indices.map((at) => (at === ':' ? 0 : Number(at))), axis, project };
}

/** @param {readonly Frozen[]} frozen @returns {string} */
export function formatFrozen(frozen) {
  return frozen.map(({ line, position, axis, project }) => {
    const slice = position.map((at, d) => (line.plane.includes(d) ? ':' : at)).join(',');
    const across = position.length > 3 ? ',' + axis : '';
    return slice + '/' + formatTools([line], line.plane).slice(KIND.length) + (project ? '/' + project + across : '');
  }).join(';');
}

/** The profile along a line as a view has it. @param {View} view @param {Tool} line @returns {Frozen} */
export function frozenAt(view, line) {
  return { line, position: view.position, axis: view.axis, project: projectionQuery(view).project || '' };
}

/** A text with one more, which is the last one; the first ones make room.
 * @param {string} text @param {Frozen} frozen @returns {string} */
export function withFrozen(text, frozen) {
  const added = formatFrozen([frozen]);
  return text.split(';').filter((item) => item && item !== added).concat(added).slice(-MAX_FROZEN).join(';');
}

/** The slice of a frozen profile, as a view of the dataset. @param {View} view @param {Frozen} frozen @returns {View} */
export function sliceOf(view, { line: { plane: [rows, cols] }, position, axis, project }) {
  return { ...view, rows, cols, axis, position, project };
}
