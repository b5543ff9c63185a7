/* Projections: some slices around that of the view reduced to one, as `/api/v1/slice` does it with `project`. */

/** @import { View } from './view.mjs' */
/** @import { Span } from './viewport.mjs' */

/** @typedef {'mean' | 'max' | 'min' | 'sum' | 'sd'} Reduction */

// At most so many slices, as in dashboard/frames/projection.py.
const MAX_SLICES = 65_536;
export const SLICES = 9;
/** @type {readonly Reduction[]} */
export const REDUCTIONS = ['mean', 'max', 'min', 'sum', 'sd'];
/** @type {Record<Reduction, string>} */
const NAMES = { mean: 'mean', max: 'maximum', min: 'minimum', sum: 'sum', sd: 'standard deviation' };

/** What `mean:9` says; null where it is not understood.
 * @param {string} text @returns {{reduction: Reduction, count: number} | null} */
export function parseProjection(text) {
  const [, name, digits] = /^(\w+):(\d{1,9})$/.exec(text) || [];
  const reduction = REDUCTIONS.find((one) => one === name);
  const count = Number(digits);
  return reduction && count >= 1 ? { reduction, count } : null;
}

/** The projection of a view, with no more slices than there are; null for none.
 * @param {Pick<View, 'project' | 'kind' | 'axis' | 'shape'>} view @returns {{reduction: Reduction, count: number} | null} */
export function projectionOf({ project, kind, axis, shape }) {
  const chosen = kind === 'values' && axis !== null ? parseProjection(project) : null;
  return chosen && axis !== null ? { ...chosen, count: Math.min(chosen.count, shape[axis], MAX_SLICES) } : null;
}

/** A sentence where a view has a projection of more slices than there are, or has none across which there is one; else empty.
 * @param {Pick<View, 'project' | 'kind' | 'axis' | 'shape'>} view @param {string} who What asks for it. */
export function projectionNote(view, who) {
  const asked = parseProjection(view.project);
  if (!asked) return '';
  const shown = projectionOf(view);
  const wish = who + ' asks for the ' + NAMES[asked.reduction] + ' of ' + asked.count + ' slices, but ';
  if (!shown || view.axis === null) return wish + 'this picture has none to project.';
  if (shown.count === asked.count) return '';
  const most = shown.count === view.shape[view.axis]
    ? 'there are only ' + shown.count + ' along this axis'
    : 'at most ' + shown.count + ' are projected';
  return wish + most + ': this is of ' + shown.count + '.';
}

/** What a request for slices says of it: the axis only where it is not the first dimension that is fixed.
 * @param {Pick<View, 'project' | 'kind' | 'axis' | 'shape' | 'rows' | 'cols'>} view
 * @returns {{project?: string, axis?: number}} */
export function projectionQuery(view) {
  const chosen = projectionOf(view);
  if (!chosen || view.axis === null) return {};
  const project = chosen.reduction + ':' + chosen.count;
  const first = view.shape.findIndex((_, d) => d !== view.rows && d !== view.cols);
  return view.axis === first ? { project } : { project, axis: view.axis };
}

/** The slices that are reduced: of an even number, one more lies below the index than above. Null for none.
 * @param {Pick<View, 'project' | 'kind' | 'axis' | 'shape' | 'position'>} view @returns {Span | null} */
export function slabOf(view) {
  const chosen = projectionOf(view);
  if (!chosen || view.axis === null) return null;
  const start = view.position[view.axis] - Math.floor(chosen.count / 2);
  return [Math.max(start, 0), Math.min(start + chosen.count, view.shape[view.axis])];
}

/** What is shown, as in `mean of 9 slices`; empty for slices as they are. At the ends there are fewer.
 * @param {Pick<View, 'project' | 'kind' | 'axis' | 'shape' | 'position'>} view @returns {string} */
export function projectionText(view) {
  const chosen = projectionOf(view);
  const slab = slabOf(view);
  if (!chosen || !slab) return '';
  const count = slab[1] - slab[0];
  return NAMES[chosen.reduction] + ' of ' + count + (count === 1 ? ' slice' : ' slices');
}

/** What bounds of a contrast window are of: those of a sum or a deviation mean nothing for the values.
 * @param {string} project @returns {string} */
export function scaleOf(project) {
  const chosen = parseProjection(project);
  if (chosen?.reduction === 'sum') return project;
  return chosen?.reduction === 'sd' ? 'sd' : '';
}
