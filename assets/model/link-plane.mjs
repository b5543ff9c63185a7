/* The slice that a link means for a dataset. */

import { SIDES, withSide } from './plane.mjs';
/** @import { Link } from './address.mjs' */
/** @import { Side } from './plane.mjs' */
/** @import { Range } from './viewport.mjs' */

/**
 * @typedef {object} Plane A slice that a link means, and the ranges of its axes; null for all.
 * @property {number | null} axis
 * @property {number} rows
 * @property {number} cols
 * @property {readonly number[]} [flip]
 * @property {Range | null} [x]
 * @property {Range | null} [y]
 */

/** @typedef {{axis: number | null, rows: number, cols: number, flip: readonly number[],
 *   index: readonly (number | null)[]}} Start Where a dataset begins by what it means; null for the middle. */

/** @type {Record<Side, string>} */
const NAMES = { rows: 'rows', cols: 'columns' };
const SPAN = /^([+-]?\d*):([+-]?\d*)(?::\d*)?$/;
const WHOLE = /^[+-]?\d+$/;

/** A text of the link, cut to what fits into a sentence. @param {string} text @returns {string} */
export function shorten(text) {
  return text.length > 40 ? text.slice(0, 40) + '…' : text;
}

/** @param {number} value @returns {string} */
export function hundredths(value) {
  return String(Number(value.toFixed(2)));
}

/** A number of a link among 0 to length - 1, clamped; `otherwise` for what is no whole number. Only in a selection,
 * which has NumPy's syntax, does a negative one count from the end (`fromEnd`).
 * @param {string} text @param {number} length @param {string} what @param {number} otherwise @param {string[]} notes
 * @param {boolean} [fromEnd] @returns {number} */
function parseIndex(text, length, what, otherwise, notes, fromEnd = false) {
  if (!WHOLE.test(text)) {
    notes.push(
      'The link asks for ' + what + ' “' + shorten(text) + '”, which is no whole number: this is ' +
        otherwise + '.',
    );
    return otherwise;
  }
  const value = Number(text);
  const index = fromEnd && value < 0 ? value + length : value;
  if (index < 0 || index >= length) {
    const end = index < 0 ? 0 : length - 1;
    notes.push(
      'The link asks for ' + what + ' ' + shorten(text) + ', but there are only 0 to ' + (length - 1) +
        ': this is ' + end + '.',
    );
    return end;
  }
  return index;
}

/** The index that a dimension has while nobody has chosen one. The shape may be that of a listing from before the file changed.
 * @param {readonly number[]} shape @param {Start | null} start @param {number} d */
export const firstIndex = (shape, start, d) => Math.min(start?.index[d] ?? Math.floor(shape[d] / 2), shape[d] - 1);

/** Axis, plane, position and range for a shape: as the link requests, else as `start` has them, else the middle of the
 * first axis. `notes` has a sentence for each request that does not fit the dataset.
 * @param {readonly number[]} shape @param {Link} link @param {Start | null} [start]
 * @returns {Required<Plane> & {position: number[], notes: string[]}} */
export function resolvePlane(shape, link, start = null) {
  /** @type {string[]} */
  const notes = [];
  const rank = shape.length;
  const position = shape.map((_, d) => firstIndex(shape, start, d));
  const found = (link.selection && fromSelection(shape, link, link.selection, position, notes)) ||
    fromAxis(shape, link, start, position, notes);
  const plane = withSides(shape, link, found, notes);
  const x = within(link.x || plane.x, shape[plane.cols], 'columns', notes);
  const y = within(link.y || plane.y, shape[plane.rows], 'rows', notes);
  // Plotly's axes are zoomed together.
  /** @param {number} d @returns {Range} */
  const all = (d) => [-0.5, shape[d] - 0.5];
  const zoomed = Boolean(x || y);
  return {
    axis: rank === 2 ? null : plane.axis,
    rows: plane.rows,
    cols: plane.cols,
    flip: link.flip ? link.flip.map((side) => plane[side]).sort((a, b) => a - b) : start?.flip || [],
    position,
    notes,
    x: zoomed ? x || all(plane.cols) : null,
    y: zoomed ? y || all(plane.rows) : null,
  };
}

/** @param {readonly number[]} shape @param {Link} link @param {Start | null} start @param {number[]} position
 * @param {string[]} notes @returns {Plane} */
function fromAxis(shape, link, start, position, notes) {
  const ends = start || { axis: 0, rows: shape.length - 2, cols: shape.length - 1 };
  if (shape.length === 2 || (link.axis === null && ends.axis === null)) {
    if (link.axis !== null || link.index !== null) {
      notes.push('The link names a slice, but this dataset has two dimensions and is shown whole.');
    }
    return { axis: null, rows: ends.rows, cols: ends.cols };
  }
  const first = ends.axis || 0;
  const axis = link.axis === null ? first : parseIndex(link.axis, shape.length, 'axis', first, notes);
  if (link.index !== null) position[axis] = parseIndex(link.index, shape[axis], 'slice', position[axis], notes);
  if (link.axis === null) return { axis, rows: ends.rows, cols: ends.cols };
  const plane = shape.map((_, d) => d).filter((d) => d !== axis).slice(-2);
  return { axis, rows: plane[0], cols: plane[1] };
}

/** The plane with the rows and columns that a link names.
 * @param {readonly number[]} shape @param {Link} link @param {Plane} plane @param {string[]} notes @returns {Plane} */
function withSides(shape, link, plane, notes) {
  let found = plane;
  for (const side of SIDES) {
    const text = link[side];
    if (text === null) continue;
    const dimension = parseIndex(text, shape.length, NAMES[side], found[side], notes);
    const isShown = dimension === plane.rows || dimension === plane.cols;
    if (link.selection && !isShown) {
      notes.push(
        'The link shows dimension ' + dimension + ' as ' + NAMES[side] + ', where its selection has one index.',
      );
      continue;
    }
    const view = { shape, axis: found.axis, rows: found.rows, cols: found.cols, flip: [], x: null, y: null };
    found = Object.assign({}, found, withSide(view, side, dimension));
  }
  if (link.rows !== null && link.rows === link.cols) notes.push('The link has one dimension for rows and for columns.');
  // The ranges of a selection are those of dimensions, whichever way these are shown.
  const turned = found.rows === plane.cols && found.cols === plane.rows;
  const { x, y } = plane;
  return Object.assign({}, found, turned ? { x: y, y: x } : { x, y });
}

/** Axis, plane and ranges that the selection of a link names; null, with a note, when it does not fit the dataset.
 * @param {readonly number[]} shape @param {Link} link @param {string} selection @param {number[]} position
 * @param {string[]} notes @returns {Plane | null} */
function fromSelection(shape, link, selection, position, notes) {
  const items = selection.split(',').map((item) => item.trim());
  const spans = items.map((item) => SPAN.exec(item));
  const plane = items.map((_, d) => d).filter((d) => spans[d]);
  const asks = 'The link asks for the selection “' + shorten(selection) + '”, but ';
  if (items.length !== shape.length) {
    notes.push(asks + 'this dataset has ' + shape.length + ' dimensions: this is the middle.');
    return null;
  }
  if (plane.length !== 2) {
    notes.push(asks + 'a slice needs exactly two ranges, as in 700,:,:. This is the middle.');
    return null;
  }
  const fixed = items.map((_, d) => d).filter((d) => !spans[d]);
  fixed.forEach((d) => {
    position[d] = parseIndex(items[d], shape[d], 'index', position[d], notes, true);
  });
  let axis = fixed.length ? fixed[0] : null;
  if (axis !== null && link.axis !== null) {
    const requested = parseIndex(link.axis, shape.length, 'axis', axis, notes);
    if (fixed.includes(requested)) axis = requested;
    else {notes.push(
        'The link slices axis ' + requested + ', which its selection shows whole: this is axis ' + axis + '.',
      );}
  }
  const [y, x] = plane.map((d) => extent(/** @type {RegExpExecArray} */ (spans[d]), shape[d], notes));
  return { axis, rows: plane[0], cols: plane[1], y, x };
}

/** The voxels that a span names as a range of the plot's axis, null for all of them.
 * @param {RegExpExecArray} span @param {number} length @param {string[]} notes @returns {Range | null} */
function extent(span, length, notes) {
  /** @param {string} text @param {number} dflt @returns {number} */
  const at = (text, dflt) => {
    if (text === '') return dflt;
    const value = Number(text);
    return value < 0 ? value + length : value;
  };
  const requested = [at(span[1], 0), at(span[2], length)];
  const [start, stop] = requested.map((value) => Math.min(Math.max(value, 0), length));
  if (stop <= start) {
    notes.push(
      'The range “' + shorten(span[0]) + '” of the link has none of 0 to ' + (length - 1) + ': all are shown.',
    );
    return null;
  }
  if (start !== requested[0] || stop !== requested[1]) {
    notes.push('The link asks for the range “' + shorten(span[0]) + '”, but there are only 0 to ' + (length - 1) + '.');
  }
  return start === 0 && stop === length ? null : [start - 0.5, stop - 0.5];
}

/** A range of the plot's axis as far as there are voxels; null for all of them.
 * @param {Range | null | undefined} range @param {number} length @param {string} what @param {string[]} notes
 * @returns {Range | null} */
export function within(range, length, what, notes) {
  if (!range) return null;
  /** @type {Range} */
  const found = [Math.max(range[0], -0.5), Math.min(range[1], length - 0.5)];
  if (found[0] === range[0] && found[1] === range[1]) return range;
  const outside = found[1] <= found[0];
  notes.push(
    'The link asks for ' + what + ' ' + range.map(hundredths).join(' to ') + ', but there are only 0 to ' +
      (length - 1) + (outside ? ': all of them are shown.' : '.'),
  );
  return outside || (found[0] === -0.5 && found[1] === length - 0.5) ? null : found;
}
