/* Units as files name them, and metric prefixes that make their numbers easy to read. */

import { formatNumber } from './number-format.mjs';

/**
 * @typedef {{base: string, factor: number}} Unit A base unit, and how many of it one is.
 * @typedef {{unit: string, factor: number}} Display The unit that is shown, and how many of it are one of the file's.
 */

// Metric prefixes by their powers of ten; µ is written in two ways (U+00B5, U+03BC), and as u.
/** @type {readonly [power: number, symbols: string[], word: string][]} */
const PREFIXES = [
  [-15, ['f'], 'femto'],
  [-12, ['p'], 'pico'],
  [-9, ['n'], 'nano'],
  [-6, ['µ', 'μ', 'u'], 'micro'],
  [-3, ['m'], 'milli'],
  [-2, ['c'], 'centi'],
  [3, ['k'], 'kilo'],
  [6, ['M'], 'mega'],
  [9, ['G'], 'giga'],
];

// Of these the ones that numbers are converted to: no one measures slices in centimetres by choice.
const SHOWN = [-12, -9, -6, -3, 0, 3, 6, 9];

/** Base units and their words, in the singular. @type {Record<string, string[]>} */
const BASES = {
  m: ['meter', 'metre'],
  s: ['second', 'sec'],
  Hz: ['hertz'],
  eV: ['electronvolt', 'electron volt'],
  V: ['volt'],
  A: ['ampere', 'amp'],
  T: ['tesla'],
  Pa: ['pascal'],
  J: ['joule'],
  W: ['watt'],
  N: ['newton'],
  Bq: ['becquerel'],
};

// What files spell out and no prefix is used with.
/** @type {Record<string, string>} */
const SYMBOLS = {
  degree: '°',
  degrees: '°',
  degrees_north: '°N',
  degrees_east: '°E',
  degree_Celsius: '°C',
  degC: '°C',
  celsius: '°C',
  kelvin: 'K',
};

/** @type {Map<string, Unit>} */
const KNOWN = new Map();
for (const [base, words] of Object.entries(BASES)) {
  for (const [power, symbols, prefix] of [[0, [''], ''], ...PREFIXES]) {
    const unit = { base, factor: Number('1e' + power) };
    for (const symbol of /** @type {string[]} */ (symbols)) KNOWN.set(symbol + base, unit);
    for (const word of words) for (const end of ['', 's']) KNOWN.set(prefix + word + end, unit);
  }
}
for (const name of ['micron', 'microns']) KNOWN.set(name, { base: 'm', factor: 1e-6 });
for (const name of ['Å', 'Å', 'angstrom', 'angstroms', 'ångström', 'ångströms']) {
  KNOWN.set(name, { base: 'm', factor: 1e-10 });
}
for (
  const [name, factor] of [['inch', 0.0254], ['in', 0.0254], ['minute', 60], ['min', 60], ['hour', 3600], ['h', 3600]]
) {
  KNOWN.set(/** @type {string} */ (name), {
    base: factor === 0.0254 ? 'm' : 's',
    factor: /** @type {number} */ (factor),
  });
}

/** What a unit is a multiple of; null where that is not known. @param {string} name @returns {Unit | null} */
export function parseUnit(name) {
  const text = name.trim();
  // Symbols mind their case, words do not.
  return KNOWN.get(text) || (text.length > 3 ? KNOWN.get(text.toLowerCase()) : null) || null;
}

/** How many of one unit one of another is; null where they are not of one kind, or not known.
 * @param {string} from @param {string} to @returns {number | null} */
export function conversion(from, to) {
  if (from.trim() && from.trim() === to.trim()) return 1;
  const [own, other] = [parseUnit(from), parseUnit(to)];
  return own && other && own.base === other.base ? own.factor / other.factor : null;
}

/** The unit in m; null where it is no length. @param {string} name @returns {number | null} */
export function metres(name) {
  const unit = parseUnit(name);
  return unit && unit.base === 'm' ? unit.factor : null;
}

/** The unit in which a number of this size reads well: the file's own, unless that takes more than four places before the
 * point, or one behind it. @param {string} name @param {number} size @returns {Display} */
export function displayUnit(name, size) {
  const own = { unit: symbolOf(name), factor: 1 };
  const unit = parseUnit(name);
  if (!unit || !(size > 0) || !Number.isFinite(size) || (size >= 0.1 && size < 1e4)) return own;
  const inBase = size * unit.factor;
  const power = SHOWN.findLast((one) => inBase >= Number('1e' + one));
  if (power === undefined) return own;
  const prefix = PREFIXES.find(([one]) => one === power);
  return { unit: (prefix ? prefix[1][0] : '') + unit.base, factor: unit.factor / Number('1e' + power) };
}

/** The symbol of a unit that files spell out or abbreviate; others as they are. @param {string} name @returns {string} */
export function symbolOf(name) {
  const unit = parseUnit(name);
  if (!unit) return SYMBOLS[name] || name;
  if (Math.abs(unit.factor - 1e-10) < 1e-16) return 'Å';
  const power = Math.round(Math.log10(unit.factor));
  const prefix = PREFIXES.find(([one]) => one === power);
  if (Math.abs(unit.factor / Number('1e' + power) - 1) > 1e-9 || (power !== 0 && !prefix)) return name;
  return (prefix ? prefix[1][0] : '') + unit.base;
}

/** @param {number} value In the unit `name`. @param {string} name @param {number} digits @returns {string} */
export function quantityText(value, name, digits) {
  const { unit, factor } = displayUnit(name, Math.abs(value));
  return formatNumber(Number((value * factor).toPrecision(digits)), digits) + (unit ? ' ' + unit : '');
}
