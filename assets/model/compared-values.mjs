/* The values of two datasets that are compared: in one unit, and as text. */

import { axisOf, coordinateText, nameOf } from './axes.mjs';
import { cellText } from './cells.mjs';
import { cellIn, differenceOf, whyNoDifference } from './comparison.mjs';
import { datesOf } from './dates.mjs';
import { valueUnit } from './meaning.mjs';
import { formatNumber } from './number-format.mjs';
import { conversion } from './units.mjs';
/** @import { Cells } from './cells.mjs' */
/** @import { Laid } from './comparison.mjs' */
/** @import { View } from './view.mjs' */

/**
 * @typedef {{scale: number, offset: number}} Linear Values of one unit by those of another.
 * @typedef {{view: View, cells: Cells}} Side
 */

/** @type {Linear} */
const SAME = { scale: 1, offset: 0 };
const ZERO_CELSIUS = 273.15;
// Dates are converted by two that are this many units apart.
const APART = 1000;

/** How the values of another view are said in the unit of a view; null where that is not known.
 * @param {View} view @param {View} other @returns {Linear | null} */
export function conversionTo(view, other) {
  const [own, theirs] = [view, other].map((one) => valueUnit(one));
  if (own === theirs) return SAME;
  const [dates, others] = [datesOf(view), datesOf(other)];
  if (dates && others) {
    const [offset, far] = [0, APART].map((value) => dates.value(others.text(value)));
    const scale = (far - offset) / APART;
    return scale > 0 && Number.isFinite(offset) ? { scale, offset } : null;
  }
  if (view.part === 'phase' || other.part === 'phase') return null;
  if (own === 'K' && theirs === '°C') return { scale: 1, offset: ZERO_CELSIUS };
  if (own === '°C' && theirs === 'K') return { scale: 1, offset: -ZERO_CELSIUS };
  const scale = conversion(theirs, own);
  return scale === null ? null : { scale, offset: 0 };
}

/** Cells in another unit, as doubles. @param {Cells} cells @param {Linear | null} by @returns {Cells} */
export function converted(cells, by) {
  if (!by || (by.scale === 1 && !by.offset) || cells.pixels) return cells;
  const { rows, cols, fill } = cells;
  const flat = new Float64Array(rows * cols);
  const inUnit = (/** @type {number} */ value) => by.scale * value + by.offset;
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < cols; c += 1) flat[r * cols + c] = cells.z[r][c] === fill ? NaN : inUnit(cells.z[r][c]);
  }
  const z = Array.from({ length: rows }, (_, r) => flat.subarray(r * cols, (r + 1) * cols));
  const [min, max] = [inUnit(cells.min), inUnit(cells.max)];
  return { ...cells, z, integers: null, fill: NaN, dtype: 'float64', min, max, smallest: min > 0 ? min : max };
}

/** The unit of a difference: that of time between dates, both where they cannot be converted, none where one is not known.
 * @param {View} view @param {View} other */
export function differenceUnit(view, other) {
  const [own, theirs] = [valueUnit(view), valueUnit(other)];
  if (conversionTo(view, other)) return datesOf(view)?.each || own;
  return own && theirs ? own + ' − ' + theirs : '';
}

/** The values of both in a cell of the first, and their difference; empty where either has none there.
 * @param {Side} own @param {Side} other @param {number} row @param {number} col @param {Laid} laid */
export function valuesText(own, other, row, col, laid) {
  if (row >= own.cells.rows || col >= own.cells.cols) return '';
  const at = cellIn(own.cells, row, col, other.cells, laid);
  if (!at) return '';
  const by = conversionTo(own.view, other.view);
  const [first, second] = [oneCell(own.cells, row, col), oneCell(other.cells, at.row, at.col)];
  const [value] = differenceOf(first, converted(second, by)).z[0];
  const units = [own.view, other.view].map((view) => valueUnit(view));
  const isOne = units[0] === units[1];
  const texts = [first, second].map((cell, i) => {
    const { view } = i ? other : own;
    const date = cell.z[0][0] === cell.fill ? '' : datesOf(view)?.text(cell.integers ? cell.integers[0] : cell.z[0][0]);
    return date || [cellText(cell, 0, 0), isOne ? '' : units[i]].filter(Boolean).join(' ');
  }).join(' | ');
  const isNumber = !whyNoDifference(own.view, other.view) && Number.isFinite(value);
  const unit = differenceUnit(own.view, other.view);
  if (datesOf(own.view) || !isOne) return texts + (isNumber ? ' (' + [signed(value), unit].join(' ').trim() + ')' : '');
  return [texts, isNumber ? '(' + signed(value) + ')' : '', units[0]].filter(Boolean).join(' ');
}

/** @param {Cells} cells @param {number} row @param {number} col @returns {Cells} */
function oneCell(cells, row, col) {
  const i = row * cells.cols + col;
  const { integers, pixels } = cells;
  return {
    ...cells,
    z: [cells.z[row].subarray(col, col + 1)],
    integers: integers && integers.slice(i, i + 1),
    pixels: pixels && pixels.slice(i, i + 1),
    rows: 1,
    cols: 1,
  };
}

/** @param {number} value */
const signed = (value) => (value > 0 ? '+' : '') + formatNumber(value, 6);

/** Short titles of two pictures: what tells the datasets apart, and which slice of each it is.
 * @param {View} view @param {View} other @returns {[string, string]} */
export function titlesOf(view, other) {
  /** @param {View} one */
  const name = ({ file, dataset }) =>
    view.file === other.file ? dataset : view.dataset === other.dataset ? file : file + ' · ' + dataset;
  /** @param {View} one */
  const titleOf = (one) => {
    const { axis, part, position } = one;
    const slice = axis === null ? '' : nameOf(one, axis).replace(/^axis \d+$/, 'slice') + ' ' + position[axis];
    const place = axis === null ? '' : coordinateText(axisOf(one, axis), position[axis]);
    return [name(one), part && view.part !== other.part ? part : '', slice, place].filter(Boolean).join(' · ');
  };
  return [titleOf(view), titleOf(other)];
}
