/* The voxels in view: the selection that is requested, and the steps at which it is pooled. */

import { isCategorical } from './kinds.mjs';
/** @import { View } from './view.mjs' */

/**
 * @typedef {readonly [number, number]} Range Of a plot's axis, from low to high: voxel i covers i - 0.5 to i + 0.5.
 * @typedef {readonly [number, number]} Span First index and the one after the last.
 * @typedef {'mean' | 'max' | 'nearest'} Pool How the voxels of a block become one cell.
 * @typedef {'abs' | 'phase' | 'real' | 'imag'} Part What is shown of complex values.
 */

/**
 * @typedef {object} Slice A plane of a dataset.
 * @property {readonly number[]} shape Of the dataset.
 * @property {number} rows Dimension along the plot's y axis.
 * @property {number} cols Dimension along the plot's x axis.
 * @property {readonly number[]} position Index of each dimension; those of rows and columns mean nothing.
 */

/**
 * @typedef {object} Viewport The voxels in view, and the steps at which they are pooled.
 * @property {number} step The larger of both steps (voxels).
 * @property {number} rowStep
 * @property {number} colStep
 * @property {Span | null} rows Null for all.
 * @property {Span | null} cols
 * @property {number} row0 First row.
 * @property {number} col0
 * @property {number} row1 The row after the last one.
 * @property {number} col1
 */

/**
 * @typedef {object} SliceQuery Of `/api/v1/slice`.
 * @property {string} file
 * @property {string} dataset
 * @property {string} selection
 * @property {'raw' | 'u8'} format
 * @property {Pool} pool
 * @property {Part | null} part
 * @property {number | null} [channels] The dimension of colours, all of which are sent.
 * @property {1 | null} [decode] For values as they are meant.
 * @property {string} [project] A reduction and a number of slices, as `mean:9`.
 * @property {number} [axis] The dimension across which they lie, without it the first one that is fixed.
 * @property {string} [window] `volume`, `slice`, or both ends.
 * @property {string} [norm]
 * @property {string} [viewer] Who sees the slice; without it, it is not counted as a demand.
 * @property {1} [ahead] Fetched before it is requested.
 * @property {1} [beside] Of another picture than the main one.
 */

// How voxels become one cell, and what is shown of complex ones. The first of each is the default.
/** @type {readonly Pool[]} */
export const POOLS = ['mean', 'max', 'nearest'];
/** @type {readonly Part[]} */
export const PARTS = ['abs', 'phase', 'real', 'imag'];

// Cells are square unless one side of the view is longer than the other by this factor.
const SQUARE_RATIO = 8;

// Beyond it, cells of the short side are pooled only down to this number, and the long side is limited to the
// larger one: more cells than a screen has pixels, and fewer than the rows that a browser draws an image of.
const MIN_SHORT_CELLS = 64;
const MAX_LONG_CELLS = 4096;

// Of a view that needs more decoded bytes than these (LARGE_BYTES in dashboard/frames/single_cells.py), in tiles of so many
// bytes (TILE_BYTES in dashboard/addressing/chunk_grid.py), voxels are shown that lie in chunks of fewer bytes together, of
// about a second.
const LARGE_BYTES = 4 * 2 ** 30;
const TILE_BYTES = 32 * 2 ** 20;
const SPARSE_BYTES = 2 ** 30;

/** @param {Span | null | undefined} range @param {number} length @param {number} step @returns {string} */
function span(range, length, step) {
  if (!range && step === 1) return ':';
  if (!range) return '::' + step;
  const text = range[0] + ':' + Math.min(range[1], length);
  return step === 1 ? text : text + ':' + step;
}

/** The voxels that a range of the plot's axis shows, all of them without one.
 * @param {Range | null} range @param {number} length @returns {Span} */
export function voxelsIn(range, length) {
  if (!range) return [0, length];
  const start = Math.min(Math.max(Math.floor(range[0] + 0.5 + 1e-6), 0), length - 1);
  const stop = Math.max(Math.min(Math.ceil(range[1] + 0.5 - 1e-6), length), start + 1);
  return [start, stop];
}

/** The selection of a view in NumPy's syntax, of the voxels in `viewport` alone if that is given.
 * @param {Slice} view @param {Pick<Viewport, 'rows' | 'cols' | 'rowStep' | 'colStep'>} [viewport] @returns {string} */
export function selectionOf(view, viewport) {
  return view.shape.map((length, d) => {
    if (d === view.rows) return span(viewport && viewport.rows, length, viewport ? viewport.rowStep : 1);
    if (d === view.cols) return span(viewport && viewport.cols, length, viewport ? viewport.colStep : 1);
    return String(view.position[d]);
  }).join(',');
}

/** Steps {rowStep, colStep} at which height × width voxels are about `limit` cells. A table of a million rows and
 * three columns is pooled along its rows alone.
 * @param {number} height @param {number} width @param {number} limit @returns {{rowStep: number, colStep: number}} */
function steps(height, width, limit) {
  const square = Math.max(1, Math.ceil(Math.sqrt((height * width) / limit)));
  const [short, long] = height < width ? [height, width] : [width, height];
  if (long / short <= SQUARE_RATIO) return { rowStep: square, colStep: square };
  const shortStep = Math.min(square, Math.max(1, Math.floor(short / MIN_SHORT_CELLS)));
  const longCells = Math.min(MAX_LONG_CELLS, Math.max(1, Math.floor(limit / Math.ceil(short / shortStep))));
  const longStep = Math.max(1, Math.ceil(long / longCells));
  return height < width ? { rowStep: shortStep, colStep: longStep } : { rowStep: longStep, colStep: shortStep };
}

/** Every how many chunks along a side one has a voxel that is shown, where those of all voxels in view are too large to be
 * decoded; 0 where they are not. @param {View} view @returns {number} */
function sparseness({ shape, chunks, rows, cols, dtype, x, y }) {
  if (!chunks) return 0;
  const itemsize = Number(/\d+$/.exec(dtype)?.[0] || 8) / 8;
  /** @param {number[]} sides */
  const product = (sides) => sides.reduce((a, b) => a * b, 1);
  const thick = product(chunks.filter((_, d) => d !== rows && d !== cols)) * itemsize;
  const tile = Math.sqrt(TILE_BYTES / thick);
  const lengths = [[y, rows], [x, cols]].map(([range, d]) => {
    const [from, end] = voxelsIn(/** @type {Range | null} */ (range), shape[/** @type {number} */ (d)]);
    return Math.min(end - from + tile, shape[/** @type {number} */ (d)]);
  });
  const decoded = product(lengths) * thick;
  return decoded > LARGE_BYTES ? Math.ceil(Math.sqrt(decoded / SPARSE_BYTES)) : 0;
}

/** How voxels are pooled in a view. Labels and identifiers have no mean: of those the first of each block is shown, as it
 * is of a view that is too large to be decoded. @param {View} view @returns {Pool} */
export function poolOf(view) {
  if (isCategorical(view) || sparseness(view)) return 'nearest';
  const isLabel = !view.decode && (view.isEnum || /^(u?int64|bool)$/.test(view.dtype));
  return isLabel && view.pool === 'mean' ? 'nearest' : view.pool;
}

/** The voxels in view and the steps at which they are at most `limit` cells; `step` is the larger of both.
 * Starts and stops are multiples of the step, so that blocks stay the same ones while the view moves.
 * @param {View} view @param {number} limit @returns {Viewport} */
export function viewportOf(view, limit) {
  const rows = view.shape[view.rows];
  const cols = view.shape[view.cols];
  const r = voxelsIn(view.y, rows);
  const c = voxelsIn(view.x, cols);
  /** @param {Span} span @param {number} length @param {number} step @returns {Span} */
  const aligned = ([start, stop], length, step) => [
    Math.floor(start / step) * step,
    Math.min(Math.ceil(stop / step) * step, length),
  ];
  /** @param {Span} span @param {number} step @returns {number} */
  const cells = ([start, stop], step) => Math.ceil((stop - start) / step);
  let { rowStep, colStep } = steps(r[1] - r[0], c[1] - c[0], limit);
  const sparse = sparseness(view);
  if (view.chunks && sparse) {
    rowStep = Math.max(rowStep, sparse * view.chunks[view.rows]);
    colStep = Math.max(colStep, sparse * view.chunks[view.cols]);
  }
  let rowSpan = aligned(r, rows, rowStep);
  let colSpan = aligned(c, cols, colStep);
  while (cells(rowSpan, rowStep) * cells(colSpan, colStep) > limit && (rowStep < rows || colStep < cols)) {
    [rowStep, colStep] = [rowStep + (rowStep >= colStep ? 1 : 0), colStep + (colStep >= rowStep ? 1 : 0)];
    rowSpan = aligned(r, rows, rowStep);
    colSpan = aligned(c, cols, colStep);
  }
  /** @param {Span} range @param {number} length @returns {Span | null} */
  const all = (range, length) => (range[0] === 0 && range[1] === length ? null : range);
  return {
    step: Math.max(rowStep, colStep),
    rowStep,
    colStep,
    rows: all(rowSpan, rows),
    cols: all(colSpan, cols),
    row0: rowSpan[0],
    col0: colSpan[0],
    row1: rowSpan[1],
    col1: colSpan[1],
  };
}
