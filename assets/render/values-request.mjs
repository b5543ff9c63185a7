/* The values that the heatmap needs for a view, and what is drawn of them. */

import { toPixels, toRows } from '../data/typed-arrays.mjs';
import { aspectOf, axisOf } from '../model/axes.mjs';
import { channelDimension, isCategorical } from '../model/kinds.mjs';
import { valueUnit } from '../model/meaning.mjs';
import { overlayOf, overlayQuery } from '../model/overlay.mjs';
import { isFlipped, isTransposed } from '../model/plane.mjs';
import { projectionQuery } from '../model/projection.mjs';
import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';
/** @import { SliceAnswer } from '../data/slice-loader.mjs' */
/** @import { Axis } from '../model/axes.mjs' */
/** @import { Cells, Values, ValuesRequest } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { Dates } from '../model/dates.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Range, SliceQuery } from '../model/viewport.mjs' */
/** @import { Readout } from './readout.mjs' */

/** @typedef {{x: boolean, y: boolean}} Flips Whether columns run from right to left, and rows from the bottom up. */

/** @typedef {{mapping: ColorMapping, cells: Cells, name: string, unit: string}} Bar What lies over the picture, and has the colour bar
 *   and the histogram. */

/**
 * @typedef {object} PlotScene What the plot draws, see plot.mjs.
 * @property {Cells} cells
 * @property {ValuesRequest} request
 * @property {[rows: number, cols: number]} shape Of the slice (voxels).
 * @property {[rows: Axis, cols: Axis]} axes
 * @property {number | null} aspect Height of a voxel by its width; null where the picture fills the plot.
 * @property {string} unit Of the values.
 * @property {Dates | null} dates What the values are, where they are dates.
 * @property {ColorMapping} mapping
 * @property {Bar | null} [bar]
 * @property {Range | null} x Range in view; null for all.
 * @property {Range | null} y
 * @property {Flips} flip
 * @property {(row: number, col: number) => string} label The hover label of a cell.
 */

/** The request for the values of a view at no more than `limit` cells. A slice that was painted has been counted: its
 * values carry no viewer (`viewerId` null).
 * @param {View} view @param {number} limit @param {string | null} viewerId @returns {ValuesRequest} */
export function describeValues(view, limit, viewerId) {
  const viewport = viewportOf(view, limit);
  /** @type {SliceQuery} */
  const query = {
    file: view.file,
    dataset: view.dataset,
    selection: selectionOf(view, viewport),
    ...encodingOf(view),
    pool: poolOf(view),
    part: view.part,
  };
  const how = [view.generation, isTransposed(view), view.kind, overlayOf(view)];
  const key = JSON.stringify([query, how]);
  const slice = JSON.stringify([{ ...query, selection: selectionOf(view) }, how]);
  // Neither decides which values these are.
  if (viewerId !== null) Object.assign(query, { viewer: viewerId });
  if (view.window === 'volume' && view.kind === 'values') Object.assign(query, { window: 'volume', norm: view.norm });
  return {
    generation: view.generation,
    view,
    key,
    slice,
    query,
    over: overlayQuery(view, query),
    viewport,
    axis: view.axis,
    index: view.axis === null ? 0 : view.position[view.axis],
    position: view.position,
    rows: view.rows,
    cols: view.cols,
    shape: view.shape,
    x: view.x,
    y: view.y,
    part: view.part,
    painted: viewerId === null,
  };
}

/** Whether values are of the part of a slice that is requested, at whichever steps.
 * @param {ValuesRequest} drawn @param {ValuesRequest} requested @returns {boolean} */
export function isSamePart({ slice, x, y }, requested) {
  return slice === requested.slice && String(x) === String(requested.x) && String(y) === String(requested.y);
}

/** Whether values are what is requested, or finer.
 * @param {ValuesRequest} drawn @param {ValuesRequest} requested @returns {boolean} */
export function isFine(drawn, requested) {
  const { viewport: has } = drawn;
  const { viewport: needs } = requested;
  if (drawn.key === requested.key) return true;
  return isSamePart(drawn, requested) && has.rowStep <= needs.rowStep && has.colStep <= needs.colStep;
}

/** Whether values have what is requested of a slice in them, and are at least as fine.
 * @param {ValuesRequest} drawn @param {ValuesRequest} requested @returns {boolean} */
export function covers({ slice, viewport: has }, { slice: requested, viewport: needs }) {
  return slice === requested && has.step <= needs.step && has.row0 <= needs.row0 && has.row1 >= needs.row1 &&
    has.col0 <= needs.col0 && has.col1 >= needs.col1;
}

/** How the values of a view are sent: labels and colours as they are in the file.
 * @param {View} view @returns {Pick<SliceQuery, 'format' | 'channels' | 'decode' | 'window' | 'norm' | 'project' | 'axis'>} */
export function encodingOf(view) {
  if (isCategorical(view)) return { format: 'raw' };
  if (view.kind !== 'color') return { format: 'raw', decode: view.decode ? 1 : null, ...projectionQuery(view) };
  const channels = channelDimension(view);
  if (view.dtype === 'uint8') return { format: 'raw', channels };
  return { format: 'u8', channels, window: String(view.window), norm: view.norm };
}

/** What is drawn of an answer. @param {ValuesRequest} request @param {SliceAnswer} answer @returns {Values} */
export function answeredValues(request, answer) {
  const { kind, meaning } = request.view;
  const transposed = isTransposed(request);
  const values = kind === 'color'
    ? toPixels(answer, transposed, meaning && meaning.palette)
    : toRows(answer, transposed);
  if (answer.overlay) values.overlay = toRows(answer.overlay, transposed);
  return values;
}

/** Cells know where they lie, and what they are.
 * @param {Values} values @param {ValuesRequest} request @returns {Cells} */
export function withViewport(values, request) {
  const { viewport, query } = request;
  const { step, rowStep, colStep, row0, col0 } = viewport;
  const meta = Object.assign(
    { selection: query.selection, pool: query.pool },
    // The magnitude is what a request without a part returns.
    query.part && query.part !== 'abs' ? { part: query.part } : {},
    // z is the slice that the server sends with its rows as columns.
    query.channels != null ? { channels: query.channels } : {},
    query.project ? { project: query.project } : {},
    // Where another one than the first that is fixed is projected across.
    query.axis === undefined ? {} : { axis: query.axis },
    query.decode ? { decode: /** @type {const} */ (1) } : {},
    isTransposed(request) ? { transpose: /** @type {const} */ (true) } : {},
  );
  return Object.assign(values, { step, rowStep, colStep, row0, col0, meta });
}

/** @param {ValuesRequest} request @param {Cells} cells @param {ColorMapping} mapping
 * @param {View} view Of the same plane. @param {Pick<Readout, 'label'>} readout
 * @param {Dates | null} dates What the values are, where they are dates. @returns {PlotScene} */
export function sceneOf(request, cells, mapping, view, readout, dates) {
  const { x, y, flip, voxel, aspect } = view;
  return {
    ...axesOf(Object.assign({}, request.view, { flip, voxel, aspect })),
    cells,
    request,
    shape: [request.shape[request.rows], request.shape[request.cols]],
    unit: valueUnit(request.view),
    dates,
    mapping,
    x,
    y,
    label: (r, c) => readout.label(request, cells, r, c),
  };
}

/** The axes of a picture of a view: directions, units, and the shape of a voxel.
 * @param {View} view @returns {Pick<PlotScene, 'flip' | 'axes' | 'aspect'>} */
export function axesOf(view) {
  return {
    flip: { x: isFlipped(view, 'cols'), y: isFlipped(view, 'rows') },
    axes: [axisOf(view, view.rows), axisOf(view, view.cols)],
    aspect: aspectOf(view),
  };
}
