/* What a dataset means, as `/api/v1/node` says it (dashboard/meaning/model.py). */

import { projectionOf } from './projection.mjs';
import { symbolOf } from './units.mjs';
/** @import { Start } from './link-plane.mjs' */
/** @import { View } from './view.mjs' */

/**
 * @typedef {'values' | 'color' | 'labels' | 'mask'} Kind
 * @typedef {{start: number, step: number} | {values: number[]} | {text: string[]}} Coordinates
 */

/**
 * @typedef {object} AxisMeaning
 * @property {string} name Empty where it is not known, as `unit`.
 * @property {string} unit
 * @property {Coordinates | null} coordinates
 * @property {boolean} edges Whether listed coordinates are those of the edges of bins.
 * @property {boolean} dates
 */

/**
 * @typedef {object} ValueMeaning
 * @property {string} name
 * @property {string} unit
 * @property {number} scale
 * @property {number} offset
 * @property {string} calendar
 * @property {(number | string)[]} fills
 * @property {[number | null, number | null] | null} valid
 * @property {{value: number, name: string}[]} flags
 * @property {boolean} unsigned
 * @property {string | null} mask The dataset that says which pixels are left out.
 * @property {'float32' | 'float64' | null} decoded_dtype Null where values mean what is stored.
 */

/**
 * @typedef {object} Meaning
 * @property {Kind} kind
 * @property {number | null} rows
 * @property {number | null} columns
 * @property {number | null} channels
 * @property {'rgb' | 'rgba' | null} channel_order
 * @property {number[][] | null} palette
 * @property {(number | null)[]} index
 * @property {AxisMeaning[]} axes
 * @property {number[]} spatial The dimensions of space.
 * @property {boolean} up Whether the first row belongs at the bottom.
 * @property {number | null} aspect Height of a voxel by its width.
 * @property {ValueMeaning} value
 * @property {{colorscale: string | null, window: number[] | null, norm: string | null}} suggested
 * @property {string[]} conventions
 * @property {string[]} notes
 */

/** The first view of a dataset: its plane, and of what is not shown the longest dimension to slice; null without a
 * meaning that fits its shape. @param {readonly number[]} shape @param {Meaning | null} meaning @returns {Start | null} */
export function startOf(shape, meaning) {
  if (!meaning || meaning.rows === null || meaning.columns === null || meaning.axes.length !== shape.length) {
    return null;
  }
  const { rows, columns: cols, index } = meaning;
  const hidden = shape.map((_, d) => d).filter((d) => d !== rows && d !== cols && d !== meaning.channels);
  const axis = hidden.reduce((/** @type {number | null} */ found, d) => {
    return found === null || shape[d] > shape[found] ? d : found;
  }, null);
  return { axis, rows, cols, index, flip: meaning.up ? [rows] : [] };
}

/** Whether values mean something else than what is stored.
 * @param {Meaning | null} meaning @returns {boolean} */
export const isDecodable = (meaning) => Boolean(meaning && (meaning.value.decoded_dtype || meaning.value.unsigned));

/** The unit of the values that are shown; empty where it is not known, or is that of values which these stand for. That of a
 * deviation of dates is one of time, and a sum of dates has none.
 * @param {Pick<View, 'meaning' | 'decode'> & Partial<Pick<View, 'project' | 'kind' | 'axis' | 'shape'>>} view
 * @returns {string} */
export function valueUnit({ meaning, decode, project = '', kind = 'values', axis = null, shape = [] }) {
  if (!meaning) return '';
  const { unit, scale, offset } = meaning.value;
  const shown = decode || (scale === 1 && offset === 0) ? symbolOf(unit) : '';
  const reduction = projectionOf({ project, kind, axis, shape })?.reduction;
  if (reduction !== 'sd' && reduction !== 'sum') return shown;
  return shown.replace(/^\s*(\w+)\s+since\s+\S.*$/i, reduction === 'sd' ? '$1' : '');
}

/** The name of a value that is a flag, or of the bits that it has where flags are single bits; empty for others.
 * @param {ValueMeaning['flags']} flags @param {number} value @returns {string} */
export function flagName(flags, value) {
  const found = flags.find((flag) => flag.value === value);
  if (found) return found.name;
  const areBits = flags.length > 1 && flags.every((flag) => flag.value > 0 && Number.isInteger(Math.log2(flag.value)));
  if (!areBits || !Number.isInteger(value)) return '';
  return flags.filter((flag) => Math.floor(value / flag.value) % 2 === 1).map((flag) => flag.name).join(', ');
}
