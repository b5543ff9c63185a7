/* The deep link in the address bar. */

import { compared, MODES } from './compare.mjs';
import { formatVoxelSize, parseVoxelSize } from './axes.mjs';
import { COLORSCALES, NORMS } from './colormap.mjs';
import { shorten } from './link-plane.mjs';
import { KINDS } from './kinds.mjs';
import { formatLabels, parseLabels } from './labels.mjs';
import { SIDES } from './plane.mjs';
import { parseProjection } from './projection.mjs';
import { PARTS, POOLS } from './viewport.mjs';
/** @import { Mode } from './compare.mjs' */
/** @import { Norm } from './colormap.mjs' */
/** @import { Kind } from './meaning.mjs' */
/** @import { Side } from './plane.mjs' */
/** @import { Aspect, View } from './view.mjs' */
/** @import { Part, Pool, Range } from './viewport.mjs' */

/**
 * @typedef {object} Link What an address asks for; null where it does not say, or not in a way that is understood.
 * @property {string | null} file
 * @property {string | null} dataset
 * @property {string | null} axis
 * @property {string | null} index
 * @property {string | null} selection In NumPy's syntax.
 * @property {string | null} rows Dimension along the picture's y axis.
 * @property {string | null} cols
 * @property {readonly Side[] | null} flip
 * @property {Kind | null} kind
 * @property {string | null} labels
 * @property {string | null} overlay
 * @property {number | null} opacity
 * @property {boolean | null} decode
 * @property {string} voxel The size of a voxel, empty without one.
 * @property {Aspect | null} aspect
 * @property {Part | null} part
 * @property {string | null} project
 * @property {Pool | null} pool
 * @property {Norm | null} norm
 * @property {string | null} colorscale
 * @property {boolean | null} reverse
 * @property {number | null} centre
 * @property {boolean | null} clip
 * @property {'volume' | 'slice' | Range | null} window
 * @property {Range | null} x
 * @property {Range | null} y
 * @property {1 | 3 | null} views
 * @property {string | null} compare `FILE|DATASET`.
 * @property {Mode | null} comparing
 * @property {number | null} difference Half its window.
 * @property {number | null} share Of a swipe or blend.
 * @property {readonly number[] | null} point Index of each dimension.
 * @property {Range | null} depth Range along the axis, of three views.
 * @property {string | null} tools As model/tools.mjs has them.
 * @property {string | null} frozen As model/frozen.mjs has them.
 * @property {string[]} unknown A sentence for each value that is not understood.
 */

/** @param {string | null} text @returns {Range | null} */
function pair(text) {
  if (!text) return null;
  const parts = text.split(',');
  const values = parts.map(Number);
  const [from, to] = values;
  if (parts.length !== 2 || parts.some((p) => p.trim() === '') || !values.every(Number.isFinite)) return null;
  return from < to ? [from, to] : null;
}

/** @param {string | null} text @returns {number | null} */
function number(text) {
  return text && text.trim() && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** @param {string | null} text @returns {number | null} */
function positive(text) {
  const value = number(text);
  return value !== null && value > 0 ? value : null;
}

/** @param {string | null} text @returns {readonly number[] | null} */
function indices(text) {
  return text && /^\d{1,9}(,\d{1,9})*$/.test(text) ? text.split(',').map(Number) : null;
}

/** The sides that are flipped: `rows`, `cols`, both with a comma between them, or `none`.
 * @param {string | null} text @returns {readonly Side[] | null} */
function flips(text) {
  if (text === 'none') return [];
  const found = (text || '').split(',');
  return found.every((one) => SIDES.some((side) => side === one)) ? SIDES.filter((side) => found.includes(side)) : null;
}

/** The link as it stands in the address bar; what is not there is null. @param {string} search @returns {Link} */
export function parseLink(search) {
  const query = new URLSearchParams(search);
  const colour = (query.get('colorscale') || '').toLowerCase();
  const name = colour.replace(/_r$/, '');
  const window_ = query.get('window');
  /** @template {string} T @param {string} name @param {readonly T[]} names @returns {T | null} */
  const known = (name, names) => names.find((one) => one === query.get(name)) ?? null;
  /** @param {string} name */
  const flag = (name) => query.get(name) === '1' ? true : query.get(name) === '0' ? false : null;
  /** @type {Link} */
  const link = {
    file: query.get('file'),
    dataset: query.get('dataset'),
    axis: query.get('axis'),
    index: query.get('index'),
    selection: query.get('selection'),
    rows: query.get('rows'),
    cols: query.get('cols'),
    flip: flips(query.get('flip')),
    kind: known('kind', KINDS),
    labels: labelsOf(query.get('labels')),
    overlay: query.get('overlay'),
    opacity: share(query.get('opacity')),
    decode: flag('decode'),
    voxel: voxelSize(query.get('voxel')),
    aspect: known('aspect', /** @type {const} */ (['voxel', 'square', 'fill'])),
    part: known('part', PARTS),
    project: parseProjection(query.get('project') || '') && query.get('project'),
    pool: known('pool', POOLS),
    norm: known('norm', NORMS),
    colorscale: COLORSCALES.includes(name) ? name : null,
    reverse: flag('reverse') ?? (/_r$/.test(colour) ? true : null),
    centre: number(query.get('centre')),
    clip: flag('clip'),
    window: window_ === 'volume' || window_ === 'slice' ? window_ : pair(window_),
    x: pair(query.get('x')),
    y: pair(query.get('y')),
    views: query.get('views') === '3' ? 3 : query.get('views') === '1' ? 1 : null,
    compare: compared(query.get('compare') || '') && query.get('compare'),
    comparing: known('comparing', MODES),
    difference: positive(query.get('difference')),
    share: share(query.get('share')),
    point: indices(query.get('point')),
    depth: pair(query.get('depth')),
    tools: query.get('tools'),
    frozen: query.get('frozen'),
    unknown: [],
  };
  link.unknown = /** @type {const} */ ([
    'flip',
    'kind',
    'labels',
    'opacity',
    'decode',
    'voxel',
    'aspect',
    'part',
    'project',
    'pool',
    'norm',
    'colorscale',
    'reverse',
    'centre',
    'clip',
    'window',
    'x',
    'y',
    'views',
    'compare',
    'comparing',
    'difference',
    'share',
    'point',
    'depth',
  ])
    .filter((key) => query.get(key) && (link[key] === null || link[key] === ''))
    .map((key) => 'The link has “' + shorten(query.get(key) || '') + '” for ' + key + ', which is not understood.');
  return link;
}

/** @param {string | null} text @returns {string | null} */
function labelsOf(text) {
  const choice = text ? parseLabels(text) : null;
  return choice && formatLabels(choice);
}

/** @param {string | null} text @returns {number | null} */
function share(text) {
  const value = Number(text || NaN);
  return value >= 0 && value <= 1 ? value : null;
}

/** @param {string | null} text @returns {string} */
function voxelSize(text) {
  const size = parseVoxelSize(text || '');
  return size ? formatVoxelSize(size) : '';
}

/** As encodeURIComponent, but what may stand in a query stays legible.
 * @param {string | number | boolean} value @returns {string} */
export function encodeValue(value) {
  return encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':').replace(/%3B/g, ';')
    .replace(/%7C/g, '|');
}
