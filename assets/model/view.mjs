/* The view: which slice is requested and how it is shown. A view is frozen; `reduce` makes the next one of it, link-view.mjs the one
   of a link. */

import { opened, ranged, toPlane, toPoint } from './linked.mjs';
import { coloringOf } from './coloring.mjs';
import { comparedWith } from './compare.mjs';
import { withDimension, withKind } from './kinds.mjs';
import { flipped, transposed } from './plane.mjs';
import { isDecodable } from './meaning.mjs';
import { scaleOf } from './projection.mjs';
/** @import { Mode } from './compare.mjs' */
/** @import { Coloring } from './coloring.mjs' */
/** @import { Kind, Meaning } from './meaning.mjs' */
/** @import { Norm } from './colormap.mjs' */
/** @import { Side } from './plane.mjs' */
/** @import { Part, Pool, Range } from './viewport.mjs' */

/** The first one is the default. @type {readonly Aspect[]} */
export const ASPECTS = ['voxel', 'square', 'fill'];
export const CHANGED = 'This file changed on disk.';
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
 * @property {boolean} growable Whether it can be extended in place.
 * @property {string} dtype
 * @property {string | null} element The type of elements of several numbers, whose dimensions are the last ones.
 * @property {boolean} complex
 * @property {boolean} isEnum
 * @property {number | null} axis The axis that is sliced; null where there is one picture alone.
 * @property {number} rows Dimension along the plot's y axis.
 * @property {number} cols Dimension along the plot's x axis.
 * @property {readonly number[]} flip Dimensions that run from right to left or from the bottom up, ascending.
 * @property {readonly number[]} position Index of each dimension; on the screen the crosshair of three views.
 * @property {Meaning | null} meaning Null where the server has none.
 * @property {Kind} kind
 * @property {string} labels Which labels are shown, as in links; empty for all.
 * @property {string} overlay The dataset of the same file whose labels are drawn over values; empty for none.
 * @property {number} opacity Of these labels, 0…1.
 * @property {boolean} decode Whether values are shown as they are meant, not as they are stored.
 * @property {string} voxel The size of a voxel that was typed, as in links; empty for the file's own.
 * @property {Aspect} aspect
 * @property {Range | null} x Range in view; null for all.
 * @property {Range | null} y
 * @property {1 | 3} views How many planes through the point, which is the position; the others see linked.mjs.
 * @property {Range | null} depth Range along the axis, of three views.
 * @property {string} compare The dataset that is compared with, as `FILE|DATASET`; empty for none.
 * @property {Mode} mode Of comparing.
 * @property {number | null} difference Half the window of a difference, which is centred; null for one by its values.
 * @property {number} share Where a swipe begins, and how much of the second picture a blend has, 0…1.
 * @property {Part | null} part Null where values are not complex.
 * @property {string} project A reduction and a number of slices around the index, as `mean:9`; empty for none.
 * @property {Pool} pool
 * @property {Norm} norm
 * @property {string} colorscale
 * @property {boolean} reverse
 * @property {number | null} centre The value of the middle colour; null for a scale that spans the window.
 * @property {boolean} clip Whether what lies outside the window is marked.
 * @property {'volume' | 'slice' | Range} window The contrast window: whose values it spans, or its ends.
 * @property {string} tools What is measured, see model/tools.mjs; empty for nothing.
 * @property {string} frozen Profiles for comparison, see model/frozen.mjs; empty for none.
 */

/** @typedef {'voxel' | 'square' | 'fill'} Aspect The shape of a voxel on the screen: its own, or as the plot has space. */

/**
 * @typedef {object} ListedDataset What the server's list has of any dataset.
 * @property {string} dataset
 * @property {number[] | null} chunks Null where the data is contiguous.
 * @property {number[] | null} [slab] Slices across each dimension that one machine has together.
 * @property {number} stored_bytes
 * @property {string} reason Why it cannot be shown, or what is missing; else empty.
 * @property {'slices' | 'curve' | 'table' | 'text' | 'value' | null} [view] How its values are shown.
 * @property {boolean} [growable] Whether a dimension can be extended.
 * @property {string | null} [element] The type of elements of several numbers, whose dimensions are the last ones.
 */

/**
 * @typedef {ListedDataset & {browsable: true, shape: number[], dtype: string}} BrowsableDataset
 * @typedef {ListedDataset & {browsable: false, shape: number[] | null, dtype: string | null}} RefusedDataset
 * @typedef {BrowsableDataset | RefusedDataset} DatasetRecord
 * @typedef {{file: string, record: BrowsableDataset, listed: string | null, generation: number,
 *   meaning?: Meaning | null, remembered?: Partial<Coloring>}} Found `remembered` are the colours that it was left with.
 */

/**
 * @typedef {{type: 'index', index: number} | {type: 'step', by: number} | {type: 'axis', axis: number}
 *   | {type: 'fixed', dimension: number, index: number} | {type: 'zoom', x: Range | null, y: Range | null}
 *   | {type: 'colors', change: Partial<Coloring>}
 *   | {type: 'views', views: 1 | 3} | {type: 'point', position: readonly number[]}
 *   | {type: 'ranges', ranges: ReadonlyMap<number, Range>} | {type: 'compare', compare: string, mode: Mode}
 *   | {type: 'difference', half: number | null} | {type: 'share', share: number}
 *   | {type: 'side', side: Side, dimension: number} | {type: 'transpose'} | {type: 'flip', side: Side}
 *   | {type: 'decode', on: boolean} | {type: 'voxel', size: string} | {type: 'aspect', aspect: Aspect}
 *   | {type: 'kind', kind: Kind} | {type: 'labels', labels: string} | {type: 'tools', tools: string}
 *   | {type: 'frozen', frozen: string}
 *   | {type: 'project', project: string} | {type: 'overlay', overlay: string} | {type: 'opacity', opacity: number}
 *   | {type: 'pool', pool: Pool} | {type: 'part', part: Part} | {type: 'enum'}
 *   | {type: 'generation', generation: number} | {type: 'shape', shape: readonly number[]}} Action
 */

/** The view after an action; the same object where the action changes nothing or does not fit.
 * @param {View} view @param {Action} action @returns {View} */
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
      return changed(view, toPlane(view, withDimension(view, action.axis)));
    case 'side':
      return changed(view, toPlane(view, withDimension(view, action.dimension, action.side)));
    case 'views':
      if (action.views === view.views || (action.views === 3 && view.axis === null)) return view;
      return changed(view, action.views === 3 ? { views: 3, compare: '', ...opened(view) } : { views: 1, depth: null });
    case 'point':
      return changed(view, toPoint(view, action.position.map((index, d) => clamped(index, view.shape[d]))));
    case 'ranges':
      return changed(view, { ...ranged(view, action.ranges), ...(view.views === 1 ? { depth: null } : {}) });
    case 'compare':
      return changed(view, comparedWith(view, action));
    case 'difference':
      return changed(view, { difference: action.half });
    case 'share':
      return changed(view, { share: action.share });
    case 'transpose':
      return changed(view, transposed(view));
    case 'flip':
      return changed(view, flipped(view, action.side));
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
        centre: null,
        difference: null,
      });
    case 'decode':
      return !isDecodable(view.meaning) ? view : changed(view, {
        decode: action.on,
        // As of another part: bounds are of other numbers.
        ...(action.on === view.decode
          ? {}
          : { window: Array.isArray(view.window) ? 'volume' : view.window, centre: null, difference: null }),
      });
    case 'project':
      return changed(view, {
        project: action.project,
        ...(scaleOf(view.project) === scaleOf(action.project)
          ? {}
          : { window: Array.isArray(view.window) ? 'volume' : view.window, centre: null, difference: null }),
      });
    case 'kind':
      return changed(view, withKind(view, action.kind));
    case 'labels':
      return changed(view, { labels: action.labels });
    case 'overlay':
      return changed(view, { overlay: action.overlay });
    case 'opacity':
      return changed(view, { opacity: action.opacity });
    case 'tools':
      return changed(view, { tools: action.tools });
    case 'frozen':
      return changed(view, { frozen: action.frozen });
    case 'voxel':
      return changed(view, { voxel: action.size });
    case 'aspect':
      return changed(view, { aspect: action.aspect });
    case 'enum':
      return changed(view, { isEnum: true });
    case 'shape':
      return grows(view, action.shape) ? changed(view, { shape: action.shape.slice() }) : view;
    case 'generation':
      return changed(view, { generation: action.generation });
    default:
      throw new Error('no such action: ' + /** @type {Action} */ (action).type);
  }
}

/** Whether a dataset of this shape is the one of the view, grown along dimensions that are not on the screen.
 * @param {View} view @param {readonly number[]} shape @returns {boolean} */
export function grows(view, shape) {
  return shape.length === view.shape.length && String(shape) !== String(view.shape) &&
    shape.every((n, d) => n === view.shape[d] || (n > view.shape[d] && d !== view.rows && d !== view.cols));
}

/** @param {View} view @returns {View} */
export function frozen(view) {
  for (const value of Object.values(view)) if (Array.isArray(value)) Object.freeze(value);
  return Object.freeze(view);
}

/** @param {View} view @param {Partial<View>} change @returns {View} */
export function changed(view, change) {
  const same = /** @type {(keyof View)[]} */ (Object.keys(change)).every((key) =>
    String(view[key]) === String(change[key])
  );
  return same ? view : frozen(Object.assign({}, view, change));
}

/** @param {number} index @param {number} length @returns {number} */
function clamped(index, length) {
  return Math.min(Math.max(Math.round(index), 0), length - 1);
}

/** @param {View} view @param {number} dimension @param {number} index @returns {View} */
function moved(view, dimension, index) {
  if (!Number.isInteger(index) || index === view.position[dimension]) return view;
  return changed(view, toPoint(view, view.position.map((at, d) => (d === dimension ? index : at))));
}

/** @param {View} view @param {Range | null} x @param {Range | null} y @returns {View} */
function zoomed(view, x, y) {
  if (!x || !y || isWhole(x, view.shape[view.cols]) && isWhole(y, view.shape[view.rows])) {
    return changed(view, { x: null, y: null, depth: null });
  }
  return changed(view, view.views === 1 ? { x, y } : ranged(view, new Map([[view.rows, y], [view.cols, x]])));
}

/** @param {Range} range @param {number} length @returns {boolean} */
function isWhole([from, to], length) {
  return from <= -0.5 + WHOLE_TOLERANCE && to >= length - 0.5 - WHOLE_TOLERANCE;
}

/** @param {View} a @param {View} b @returns {boolean} */
export function isSamePlane(a, b) {
  return a.generation === b.generation && a.axis === b.axis && a.rows === b.rows && a.cols === b.cols;
}

/** Whether two views show the same voxels in the same way, colours aside.
 * @param {View} a @param {View} b @returns {boolean} */
export function isSamePicture(a, b) {
  return isSamePlane(a, b) && a.part === b.part && a.decode === b.decode && a.kind === b.kind && a.pool === b.pool &&
    a.overlay === b.overlay && a.project === b.project &&
    String([a.position, a.x, a.y]) === String([b.position, b.x, b.y]);
}

/** The colours, tools, frozen profiles and comparison of one view on another one.
 * @param {View} view @param {View} colors @returns {View} */
export function withColorsOf(view, colors) {
  const { tools, frozen, compare, mode, difference, share } = colors;
  const single = compare ? { views: /** @type {const} */ (1), depth: null } : {};
  return changed(view, { ...coloringOf(colors), tools, frozen, compare, mode, difference, share, ...single });
}

/** @param {{file: string | null, dataset: string | null}} target @returns {string} */
export function describeTarget({ file, dataset }) {
  return dataset ? dataset + ' of ' + file : file || 'files';
}
