/* The deep link in the address bar, and what it means for a dataset. */

import { COLORSCALES, NORMS } from './colormap.mjs';
import { PARTS, POOLS, selectionOf } from './viewport.mjs';
/** @import { Norm } from './colormap.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Part, Pool, Range } from './viewport.mjs' */

/**
 * @typedef {object} Link What an address asks for; null where it does not say, or not in a way that is understood.
 * @property {string | null} file
 * @property {string | null} dataset
 * @property {string | null} axis
 * @property {string | null} index
 * @property {string | null} selection In NumPy's syntax.
 * @property {Part | null} part
 * @property {Pool | null} pool
 * @property {Norm | null} norm
 * @property {string | null} colorscale
 * @property {boolean} reverse
 * @property {'volume' | 'slice' | Range | null} window
 * @property {Range | null} x
 * @property {Range | null} y
 * @property {string[]} unknown A sentence for each value that is not understood.
 */

/**
 * @typedef {object} Plane A slice that a link means, and the ranges of its axes; null for all.
 * @property {number | null} axis
 * @property {number} rows
 * @property {number} cols
 * @property {Range | null} [x]
 * @property {Range | null} [y]
 */

const SPAN = /^([+-]?\d*):([+-]?\d*)(?::\d*)?$/;
const WHOLE = /^[+-]?\d+$/;

/** @param {string | null} text @returns {Range | null} */
function pair(text) {
  if (!text) return null;
  const parts = text.split(',');
  const values = parts.map(Number);
  const [from, to] = values;
  if (parts.length !== 2 || parts.some((p) => p.trim() === '') || !values.every(Number.isFinite)) return null;
  return from < to ? [from, to] : null;
}

/** The link as it stands in the address bar; what is not there is null. @param {string} search @returns {Link} */
export function parseLink(search) {
  const query = new URLSearchParams(search);
  const colour = (query.get('colorscale') || '').toLowerCase();
  const name = colour.replace(/_r$/, '');
  const window_ = query.get('window');
  /** @template {string} T @param {string} name @param {readonly T[]} names @returns {T | null} */
  const known = (name, names) => names.find((one) => one === query.get(name)) ?? null;
  /** @type {Link} */
  const link = {
    file: query.get('file'),
    dataset: query.get('dataset'),
    axis: query.get('axis'),
    index: query.get('index'),
    selection: query.get('selection'),
    part: known('part', PARTS),
    pool: known('pool', POOLS),
    norm: known('norm', NORMS),
    colorscale: COLORSCALES.includes(name) ? name : null,
    reverse: /_r$/.test(colour),
    window: window_ === 'volume' || window_ === 'slice' ? window_ : pair(window_),
    x: pair(query.get('x')),
    y: pair(query.get('y')),
    unknown: [],
  };
  link.unknown = /** @type {const} */ (['part', 'pool', 'norm', 'colorscale', 'window', 'x', 'y'])
    .filter((key) => query.get(key) && link[key] === null)
    .map((key) => 'The link has “' + shorten(query.get(key) || '') + '” for ' + key + ', which is not understood.');
  return link;
}

/** A text of the link, cut to what fits into a sentence. @param {string} text @returns {string} */
function shorten(text) {
  return text.length > 40 ? text.slice(0, 40) + '…' : text;
}

/** @param {View} view @returns {string} */
export function formatLink(view) {
  /** @type {[string, string | number][]} */
  const query = [['file', view.file], ['dataset', view.dataset]];
  if (view.axis !== null && view.shape.length === 3) {
    query.push(['axis', view.axis], ['index', view.position[view.axis]]);
  } else if (view.axis !== null) {
    query.push(['selection', selectionOf(view)], ['axis', view.axis]);
  }
  if (view.part) query.push(['part', view.part]);
  query.push(['window', typeof view.window === 'string' ? view.window : view.window.join(',')]);
  query.push(['norm', view.norm]);
  query.push(['colorscale', view.colorscale + (view.reverse ? '_r' : '')]);
  if (view.pool !== POOLS[0]) query.push(['pool', view.pool]);
  // Plotly's axes reach beyond the slice where its sides are not those of the plot.
  const x = within(view.x, view.shape[view.cols], '', []);
  const y = within(view.y, view.shape[view.rows], '', []);
  if (x) query.push(['x', x.map(hundredths).join(',')]);
  if (y) query.push(['y', y.map(hundredths).join(',')]);
  return '?' + query.map(([key, value]) => key + '=' + encodeValue(value)).join('&');
}

/** @param {number} value @returns {string} */
function hundredths(value) {
  return String(Number(value.toFixed(2)));
}

/** As encodeURIComponent, but what may stand in a query stays legible.
 * @param {string | number | boolean} value @returns {string} */
export function encodeValue(value) {
  return encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':');
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

/** Axis, plane, position and range for a shape: as the link requests, else the middle of the first axis. `notes` has a
 * sentence for each request that does not fit the dataset.
 * @param {readonly number[]} shape @param {Link} link
 * @returns {Required<Plane> & {position: number[], notes: string[]}} */
export function resolvePlane(shape, link) {
  /** @type {string[]} */
  const notes = [];
  const rank = shape.length;
  const position = shape.map((n) => Math.floor(n / 2));
  const plane = (link.selection && fromSelection(shape, link, link.selection, position, notes)) ||
    fromAxis(shape, link, position, notes);
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
    position,
    notes,
    x: zoomed ? x || all(plane.cols) : null,
    y: zoomed ? y || all(plane.rows) : null,
  };
}

/** @param {readonly number[]} shape @param {Link} link @param {number[]} position @param {string[]} notes
 * @returns {Plane} */
function fromAxis(shape, link, position, notes) {
  if (shape.length === 2) {
    if (link.axis !== null || link.index !== null) {
      notes.push('The link names a slice, but this dataset has two dimensions and is shown whole.');
    }
    return { axis: null, rows: 0, cols: 1 };
  }
  const axis = link.axis === null ? 0 : parseIndex(link.axis, shape.length, 'axis', 0, notes);
  const plane = shape.map((_, d) => d).filter((d) => d !== axis).slice(-2);
  if (link.index !== null) position[axis] = parseIndex(link.index, shape[axis], 'slice', position[axis], notes);
  return { axis, rows: plane[0], cols: plane[1] };
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
function within(range, length, what, notes) {
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
