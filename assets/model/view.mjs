/* The view: which slice is requested and how it is shown. A view is frozen; `reduce` makes the next one of it. */

import { resolvePlane } from './address.mjs';
import { PARTS, POOLS } from './viewport.mjs';

export const CHANGED = 'This file changed on disk.';
const DEFAULTS = { pool: POOLS[0], window: 'volume', norm: 'linear', colorscale: 'gray', reverse: false };
// How far (voxels) a range may fall short of the whole slice and still count as all of it.
const WHOLE_TOLERANCE = 0.01;

/**
 * @typedef {object} View
 * @property {string} file
 * @property {string} dataset
 * @property {string | null} listed Version of the file's listing that the view was made from.
 * @property {number} generation State of the dataset, see data/versions.mjs.
 * @property {readonly number[]} shape
 * @property {readonly number[] | null} chunks Shape of a chunk; null where the data is contiguous.
 * @property {string} dtype
 * @property {boolean} complex
 * @property {boolean} isEnum
 * @property {number | null} axis The axis that is sliced; null for two dimensions.
 * @property {number} rows Dimension along the plot's y axis.
 * @property {number} cols Dimension along the plot's x axis.
 * @property {readonly number[]} position Index of each dimension.
 * @property {readonly [number, number] | null} x Range in view, voxels; null for all.
 * @property {readonly [number, number] | null} y
 * @property {'abs' | 'real' | 'imag' | 'phase' | null} part
 * @property {'mean' | 'max' | 'nearest'} pool
 * @property {string} norm
 * @property {string} colorscale
 * @property {boolean} reverse
 * @property {'volume' | 'slice' | readonly [number, number]} window
 */

/** The view after an action; the same object where the action changes nothing or does not fit.
 * @param {View} view @param {{type: string, [key: string]: any}} action @returns {View} */
export function reduce(view, action) {
  switch (action.type) {
    case 'index':
      return view.axis === null ? view : moved(view, view.axis, clamped(action.index, view.shape[view.axis]));
    case 'step':
      return view.axis === null ? view : reduce(view, { type: 'index', index: view.position[view.axis] + action.by });
    case 'fixed':
      return action.index >= 0 && action.index < view.shape[action.dimension]
        ? moved(view, action.dimension, action.index)
        : view;
    case 'axis':
      return withAxis(view, action.axis);
    case 'zoom':
      return zoomed(view, action.x, action.y);
    case 'colors':
      return changed(view, action.change);
    case 'pool':
      return changed(view, { pool: action.pool });
    case 'part':
      return !view.complex || view.part === action.part ? view : changed(view, {
        part: action.part,
        // Bounds of one part mean nothing for another.
        window: Array.isArray(view.window) ? 'volume' : view.window,
      });
    case 'enum':
      return changed(view, { isEnum: true });
    case 'generation':
      return changed(view, { generation: action.generation });
    default:
      throw new Error('no such action: ' + action.type);
  }
}

function frozen(view) {
  for (const value of Object.values(view)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(view);
}

function changed(view, change) {
  const same = Object.keys(change).every((key) => String(view[key]) === String(change[key]));
  return same ? view : frozen(Object.assign({}, view, change));
}

function clamped(index, length) {
  return Math.min(Math.max(Math.round(index), 0), length - 1);
}

function moved(view, dimension, index) {
  if (!Number.isInteger(index) || index === view.position[dimension]) return view;
  return changed(view, { position: view.position.map((at, d) => (d === dimension ? index : at)) });
}

/* Slice another axis. If it is one of those shown, the one that was sliced is shown instead. */
function withAxis(view, axis) {
  if (view.axis === null || axis === view.axis || !(axis >= 0 && axis < view.shape.length)) return view;
  if (axis !== view.rows && axis !== view.cols) return changed(view, { axis });
  const other = axis === view.rows ? view.cols : view.rows;
  return changed(view, {
    axis,
    rows: Math.min(other, view.axis),
    cols: Math.max(other, view.axis),
    x: null,
    y: null,
  });
}

function zoomed(view, x, y) {
  if (!x || !y || isWhole(x, view.shape[view.cols]) && isWhole(y, view.shape[view.rows])) {
    return changed(view, { x: null, y: null });
  }
  return changed(view, { x, y });
}

function isWhole([from, to], length) {
  return from <= -0.5 + WHOLE_TOLERANCE && to >= length - 0.5 - WHOLE_TOLERANCE;
}

export function isSamePlane(a, b) {
  return a.generation === b.generation && a.axis === b.axis && a.rows === b.rows && a.cols === b.cols;
}

/* Whether two views show the same voxels in the same way, colours aside. */
export function isSamePicture(a, b) {
  return isSamePlane(a, b) && a.part === b.part && a.pool === b.pool &&
    String([a.position, a.x, a.y]) === String([b.position, b.x, b.y]);
}

/* The colours of one view on another one. */
export function withColorsOf(view, { colorscale, reverse, norm, window: contrast }) {
  return changed(view, { colorscale, reverse, norm, window: contrast });
}

/* The view that a link asks for; what it leaves open comes from `before`, the view so far (or null). `keepNorm` keeps
   its norm as well. `found` is {file, record, listed, generation}. Returns {view, notes}. */
export function createView(found, link, before, keepNorm) {
  const { record } = found;
  const plane = resolvePlane(record.shape, link);
  const complex = /^complex/.test(record.dtype);
  const like = before || DEFAULTS;
  const view = frozen({
    file: found.file,
    dataset: record.dataset,
    listed: found.listed,
    generation: found.generation,
    shape: record.shape,
    chunks: record.chunks || null,
    dtype: record.dtype,
    complex,
    isEnum: false,
    axis: plane.axis,
    rows: plane.rows,
    cols: plane.cols,
    position: plane.position,
    x: plane.x,
    y: plane.y,
    part: complex ? link.part || PARTS[0] : null,
    pool: link.pool || like.pool,
    norm: link.norm || (keepNorm ? like.norm : DEFAULTS.norm),
    colorscale: link.colorscale || like.colorscale,
    reverse: link.colorscale ? link.reverse : like.reverse,
    window: link.window || (like.window === 'slice' ? 'slice' : DEFAULTS.window),
  });
  // A reason beside a dataset that can be shown is a warning: parts of it are missing.
  const warnings = record.reason ? [record.reason] : [];
  return { view, notes: (link.unknown || []).concat(plane.notes, warnings) };
}

/* The view of a dataset whose file has changed: the same slice where there is one. */
export function carryOver(found, before) {
  const { record } = found;
  /** @type {Record<string, any>} */
  const link = { axis: null, index: null, selection: null, x: before.x, y: before.y };
  const alike = record.shape.length === before.shape.length;
  if (alike && before.axis !== null) {
    link.axis = String(before.axis);
    link.selection = before.position
      .map((at, d) => (d === before.rows || d === before.cols ? ':' : String(at))).join(',');
  } else if (!alike) Object.assign(link, { x: null, y: null });
  const fits = record.dtype === before.dtype;
  Object.assign(link, {
    part: before.part,
    pool: before.pool,
    norm: before.norm,
    colorscale: before.colorscale,
    reverse: before.reverse,
    window: Array.isArray(before.window) && !fits ? 'volume' : before.window,
  });
  return createView(found, link, before, true);
}

/* How the dataset of a view has changed, in sentences. */
export function describeChanges(before, now) {
  const sentences = [CHANGED];
  if (String(before.shape) !== String(now.shape)) {
    sentences.push('Its shape was ' + before.shape.join(' × ') + ' and is ' + now.shape.join(' × ') + '.');
  }
  if (before.dtype !== now.dtype) sentences.push('Its type was ' + before.dtype + ' and is ' + now.dtype + '.');
  return sentences.join(' ');
}

export function describeTarget({ file, dataset }) {
  return dataset ? dataset + ' of ' + file : file || 'files';
}

/* Holds the view of the page. */
export function createViewStore() {
  /** @type {View | null} */
  let view = null;
  return {
    current: () => view,
    replace: (next) => {
      view = next;
    },
    /* Apply an action; whether it has changed the view. */
    dispatch: (action) => {
      const before = /** @type {View} */ (view);
      view = reduce(before, action);
      return view !== before;
    },
  };
}
