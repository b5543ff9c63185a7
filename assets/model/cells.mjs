/* The cells of a slice as text: indices, values, and what there is to say about all of them. */

import { axisOf, coordinateText, nameOf } from './axes.mjs';
import { channelsOf } from './pixels.mjs';
import { formatExact } from './number-format.mjs';
import { slabOf } from './projection.mjs';
/** @import { Pixels } from './pixels.mjs' */
/** @import { ColorMapping } from './colormap.mjs' */
/** @import { Dates } from './dates.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Part, Pool, Range, SliceQuery, Span, Viewport } from './viewport.mjs' */

/**
 * @typedef {Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array}
 *   NumberArray
 * @typedef {{rows: Span, cols: Span}} Block The voxels of a cell.
 */

/**
 * @typedef {object} Values The values of a slice, row by row.
 * @property {NumberArray[]} z
 * @property {BigInt64Array | BigUint64Array | null} integers All of them, where the type has 64 bits.
 * @property {Pixels | null} [pixels] Of a colour picture, whose `z` is their luminance.
 * @property {Values | null} [overlay] Labels that are drawn over them.
 * @property {string} dtype
 * @property {boolean} isEnum
 * @property {number} rows
 * @property {number} cols
 * @property {number} fill Stands for no value; NaN where the file names none.
 * @property {number} min Infinity where there are no finite values.
 * @property {number} max
 * @property {number} smallest Above zero.
 */

/**
 * @typedef {object} Placement Where cells lie in the slice (voxels).
 * @property {number} step The larger of both steps.
 * @property {number} rowStep
 * @property {number} colStep
 * @property {number} row0
 * @property {number} col0
 */

/** @typedef {Values & Placement & {meta: {selection: string, pool: Pool, part?: Part, decode?: 1, channels?: number,
 *   project?: string, axis?: number, transpose?: true}}} Cells */

/**
 * @typedef {object} ValuesRequest What is asked of the server to draw a view at rest.
 * @property {number} generation State of the dataset, see data/versions.mjs.
 * @property {View} view
 * @property {string} key Names the values.
 * @property {string} slice Names the slice, whatever part of it is requested and at which steps.
 * @property {SliceQuery} query
 * @property {SliceQuery | null} [over] That of the labels over it.
 * @property {Viewport} viewport
 * @property {readonly number[]} shape Of the dataset.
 * @property {number} rows Dimension along the plot's y axis.
 * @property {number} cols Dimension along the plot's x axis.
 * @property {readonly number[]} position Index of each dimension.
 * @property {number | null} axis
 * @property {number} index
 * @property {Range | null} x
 * @property {Range | null} y
 * @property {Part | null} part
 * @property {boolean} painted Whether the slice was on the canvas already, and has been counted.
 * @property {number} [requestedAt] Time of the key or click (ms).
 */

/** @type {Readonly<Record<Pool, string>>} */
export const POOL_NAMES = { mean: 'mean', max: 'maximum', nearest: 'first' };

/** The voxels of a cell: [first, end) of its rows and columns.
 * @param {ValuesRequest} request @param {Cells} cells @param {number} r @param {number} c @returns {Block} */
export function cellBlock(request, cells, r, c) {
  const rows = request.shape[request.rows];
  const cols = request.shape[request.cols];
  const top = cells.row0 + r * cells.rowStep;
  const left = cells.col0 + c * cells.colStep;
  return { rows: [top, Math.min(top + cells.rowStep, rows)], cols: [left, Math.min(left + cells.colStep, cols)] };
}

/** @param {ValuesRequest} request @param {Block} block @returns {string} */
export function formatIndices(request, block) {
  /** @param {Span} span */
  const one = ([from, end]) => (end - from === 1 ? String(from) : from + '–' + (end - 1));
  const slab = slabOf(request.view);
  return '[' + request.shape.map((_, d) => {
    if (d === request.rows) return one(block.rows);
    if (d === request.cols) return one(block.cols);
    return slab && d === request.axis ? one(slab) : String(request.position[d]);
  }).join(', ') + ']';
}

/** Where the middle of a block lies: a text for each dimension with coordinates, the sliced ones first.
 * @param {ValuesRequest} request @param {Block} block @returns {string[]} */
export function formatCoordinates({ view, rows, cols, position }, block) {
  return view.shape.flatMap((_, d) => {
    const [from, end] = d === rows ? block.rows : d === cols ? block.cols : [position[d], position[d] + 1];
    const text = coordinateText(axisOf(view, d), (from + end - 1) / 2);
    return text ? [nameOf(view, d) + ' ' + text] : [];
  });
}

/** @param {Cells} cells @param {Block} block @returns {string} */
export function formatPooling(cells, block) {
  const count = (block.cols[1] - block.cols[0]) + ' × ' + (block.rows[1] - block.rows[0]);
  if (cells.meta.pool === 'nearest') return 'first of ' + count + ' voxels';
  return cells.meta.pool + ' of ' + count + ' voxels';
}

/** All digits of a cell's value. @param {Values} cells @param {number} r @param {number} c @returns {string} */
export function cellText(cells, r, c) {
  if (cells.pixels) return channelsOf(cells.pixels[r * cells.cols + c]).join(' ');
  if (cells.integers) return formatExact(cells.integers[r * cells.cols + c], cells.dtype);
  const value = cells.z[r][c];
  return cells.dtype === 'bool' ? (value ? 'True' : 'False') : formatExact(value, cells.dtype);
}

/** @param {string} text @param {string | null | undefined} name @returns {string} */
export function withName(text, name) {
  return text && name ? text + ' · ' + name : text;
}

/** The voxel that stands for a cell: of a block its first one where that is what is shown, else the one in the middle.
 * @param {ValuesRequest} request @param {Cells} cells @param {Block} block @returns {{index: number[], key: string}} */
export function voxelOf(request, cells, block) {
  /** @param {Span} span */
  const middle = ([from, end]) => (cells.meta.pool === 'nearest' ? from : Math.floor((from + end - 1) / 2));
  const row = middle(block.rows);
  const col = middle(block.cols);
  const index = request.shape.map((
    _,
    d,
  ) => (d === request.rows ? row : d === request.cols ? col : request.position[d]));
  return {
    index,
    key: JSON.stringify([request.generation, request.query.file, request.query.dataset, request.query.decode, index]),
  };
}

/** Whether the file has more than a cell says: a block or a slab of voxels, or a complex value of which one part is shown.
 * @param {ValuesRequest} request @param {Cells} cells @returns {boolean} */
export function isCoarse(request, cells) {
  return cells.step > 1 || Boolean(request.part) || Boolean(request.query.project);
}

/** Names are the file's, and Plotly takes markup in labels. @param {string} text @returns {string} */
export function escapeMarkup(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** @param {Cells} cells */
const isPooled = (cells) => cells.step > 1 && cells.meta.pool !== 'nearest';

/** The only value of the cells as text; empty where there are several, or none.
 * @param {Values} cells @returns {string} */
export function singleValue(cells) {
  if (cells.min !== cells.max || hasInfinite(cells)) return '';
  const { integers } = cells;
  const first = cells.z.findIndex((row) => row.includes(cells.min));
  const at = [first, cells.z[first].indexOf(cells.min)];
  // Integers of 64 bits may differ where the doubles of the picture do not.
  const only = integers && integers[at[0] * cells.cols + at[1]];
  if (integers && integers.some((v) => v !== only && Number(v) !== cells.fill)) return '';
  return cellText(cells, at[0], at[1]);
}

/** @param {Values} cells */
function hasInfinite(cells) {
  return cells.z.some((row) => row.includes(Infinity) || row.includes(-Infinity));
}

/** @param {Values} cells */
function hasFill(cells) {
  return cells.z.some((row) => row.includes(cells.fill)) && !Number.isNaN(cells.fill);
}

/** @param {ValuesRequest} request */
function isPart(request) {
  return Boolean(request.viewport.rows || request.viewport.cols);
}

/** A sentence about a slice whose picture shows nothing by itself: it has no values, or only one.
 * @param {ValuesRequest} request @param {Cells} cells @param {ColorMapping} mapping
 * @param {Dates | null} dates What the values are, where they are dates. @returns {string} */
export function remarkOn(request, cells, mapping, dates) {
  if (cells.pixels) return '';
  const what = isPart(request) ? 'This part of the slice' : 'This slice';
  if (!Number.isFinite(cells.min)) {
    if (hasInfinite(cells)) return what + ' has no finite values.';
    return what + ' has no values (all ' + (hasFill(cells) ? 'fill value' : 'NaN') + ').';
  }
  const only = withName(singleValue(cells), dates && dates.text(cells.min));
  if (only && isPooled(cells)) {
    return 'All cells are ' + only + ' (' + cells.meta.pool + ' of ' + cells.colStep + ' × ' + cells.rowStep +
      ' voxels).';
  }
  if (only) {
    return 'All values ' + (cells.step > 1 ? 'shown ' : isPart(request) ? 'of this part ' : '') + 'are ' + only + '.';
  }
  if (cells.integers && cells.min === cells.max) return 'The values differ by less than colours can show.';
  if (mapping.norm === 'log' && cells.max <= 0) return what + ' has no values above zero, where the log norm begins.';
  if (mapping.norm === 'sqrt' && cells.max < 0) {
    return what + ' has no values from zero up, where the sqrt norm begins.';
  }
  return '';
}
