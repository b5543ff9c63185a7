/* The values that the heatmap needs for a view, and what is drawn of them. */

import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';
/** @import { Cells, Values, ValuesRequest } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Range, SliceQuery } from '../model/viewport.mjs' */
/** @import { Readout } from './readout.mjs' */

/**
 * @typedef {object} PlotScene What the plot draws, see plot.mjs.
 * @property {Cells} cells
 * @property {ValuesRequest} request
 * @property {[rows: number, cols: number]} shape Of the slice (voxels).
 * @property {[rows: string, cols: string]} titles Of the axes.
 * @property {ColorMapping} mapping
 * @property {Range | null} x Range in view; null for all.
 * @property {Range | null} y
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
    format: 'raw',
    pool: poolOf(view),
    part: view.part,
  };
  const key = JSON.stringify([view.generation, query]);
  // Neither decides which values these are.
  if (viewerId !== null) Object.assign(query, { viewer: viewerId });
  if (view.window === 'volume') Object.assign(query, { window: 'volume', norm: view.norm });
  return {
    generation: view.generation,
    view,
    key,
    query,
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

/** Cells know where they lie, and what they are.
 * @param {Values} values @param {ValuesRequest} request @returns {Cells} */
export function withViewport(values, { viewport, query }) {
  const { step, rowStep, colStep, row0, col0 } = viewport;
  const meta = Object.assign(
    { selection: query.selection, pool: query.pool },
    // The magnitude is what a request without a part returns.
    query.part && query.part !== 'abs' ? { part: query.part } : {},
  );
  return Object.assign(values, { step, rowStep, colStep, row0, col0, meta });
}

/** @param {ValuesRequest} request @param {Cells} cells @param {ColorMapping} mapping
 * @param {Pick<View, 'x' | 'y'>} ranges @param {Pick<Readout, 'label'>} readout @returns {PlotScene} */
export function sceneOf(request, cells, mapping, { x, y }, readout) {
  return {
    cells,
    request,
    shape: [request.shape[request.rows], request.shape[request.cols]],
    titles: ['axis ' + request.rows, 'axis ' + request.cols],
    mapping,
    x,
    y,
    label: (r, c) => readout.label(request, cells, r, c),
  };
}
