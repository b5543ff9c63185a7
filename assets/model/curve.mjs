/* A curve as Plotly draws it: the rows of one column against their axis. */

/**
 * @typedef {{name: string, type: string, unit: string}} RowColumn
 * @typedef {object} RowWindow The rows start … stop of `total`, with some of `columns_in_all` columns.
 * @property {number} start
 * @property {number} stop
 * @property {number} total
 * @property {number} columns_in_all
 * @property {RowColumn[]} columns
 * @property {(string | number)[][]} rows
 * @property {boolean} cut
 *
 * @typedef {{name?: string, unit?: string, coordinates?: {start: number, step: number} | {values: number[]} |
 *   {text: string[]} | null}} Axis
 * @typedef {{x: (number | string)[], y: (number | string | null)[], xTitle: string, yTitle: string, note: string}} Curve
   `note` is said in place of what cannot be drawn.
 */

const COMPLEX = /^([+-]?[\d.e+-]+?)([+-][\d.]+(?:e[+-]?\d+)?)j$/i;

/** @param {RowWindow} rows @param {string} name Of the dataset. @param {{axes?: Axis[], value?: {name?: string, unit?: string}} | null} meaning
 * @returns {Curve} */
export function curveOf(rows, name, meaning) {
  const axis = meaning?.axes?.[0];
  const coordinates = axis?.coordinates;
  const index = rows.rows.map((_, at) => rows.start + at);
  /** @type {(number | string)[]} */
  let x = index;
  let isIndex = false;
  if (coordinates && 'step' in coordinates) x = index.map((at) => coordinates.start + at * coordinates.step);
  else if (coordinates && 'values' in coordinates && coordinates.values.length >= rows.stop) {
    x = index.map((at) => coordinates.values[at]);
  } else if (coordinates && 'text' in coordinates && coordinates.text.length >= rows.stop) {
    x = index.map((at) => coordinates.text[at]);
  } else isIndex = true;
  const isComplex = rows.columns[0]?.type.startsWith('complex');
  const value = meaning?.value?.name || name;
  const unit = meaning?.value?.unit || rows.columns[0]?.unit;
  const y = rows.rows.map(([cell]) => isComplex ? absolute(String(cell)) : height(cell));
  return {
    x,
    y,
    xTitle: isIndex ? 'index' : titled(axis?.name || 'axis 0', axis?.unit),
    yTitle: titled(isComplex ? '|' + value + '|' : value, unit),
    note: y.some((one) => one !== null) ? '' : y.length ? 'None of these values is finite.' : 'There are no values.',
  };
}

/** @param {string | number} cell @returns {number | string | null} */
function height(cell) {
  if (typeof cell === 'number') return cell;
  if (cell === 'true' || cell === 'false') return cell === 'true' ? 1 : 0;
  const number = Number(cell);
  if (Number.isFinite(number)) return number;
  // Gaps, where there is no number; names of an enum stay.
  return /^-?(nan|inf)$/i.test(cell) ? null : cell;
}

/** @param {string} text @returns {number | null} */
function absolute(text) {
  const parts = COMPLEX.exec(text);
  const size = parts ? Math.hypot(Number(parts[1]), Number(parts[2])) : NaN;
  return Number.isFinite(size) ? size : null;
}

/** @param {string} name @param {string | undefined} unit */
function titled(name, unit) {
  return unit ? name + ' [' + unit + ']' : name;
}
