/* The ticks of the colour bar. */

import { LINEAR_SHARE, normMapping, overflowFactor } from './colormap.mjs';
import { formatExact, formatNumber } from './number-format.mjs';
/** @import { ColorMapping } from './colormap.mjs' */
/** @import { Dates } from './dates.mjs' */

/**
 * @typedef {object} BarTicks
 * @property {number[]} positions On the bar, 0…1.
 * @property {string[]} texts
 * @property {string} offset What the texts are distances from; empty where they are the values.
 * @property {string | null} note What stands below dates in place of the unit, and is a part of all; null for others.
 */

// The colour bar has space for this many characters beside it.
const LONGEST_TICK = 8;
// A step is at most 2.5 times as long as the range by their count: of so many there is one in it.
const SURE_COUNT = 3;

/** Round numbers between lo and hi, about `count` of them; both ends where there is none.
 * @param {number} lo @param {number} hi @param {number} count @returns {number[]} */
export function niceTicks(lo, hi, count) {
  const values = roundTicks(lo, hi, count);
  return values.length ? values : [lo, hi];
}

/** Round numbers between lo and hi, about `count` of them, and at least one if there is any between them.
 * @param {number} lo @param {number} hi @param {number} count @returns {number[]} */
export function roundTicks(lo, hi, count) {
  const values = steppedTicks(lo, hi, count);
  // A step that is as long as the range may lead from below it to above it.
  return values.length || count >= SURE_COUNT ? values : roundTicks(lo, hi, count + 1);
}

/** @param {number} lo @param {number} hi @param {number} count @returns {number[]} */
function steppedTicks(lo, hi, count) {
  const rough = hi / count - lo / count;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999) || rough;
  let value = Math.ceil(lo / step - 1e-9) * step;
  /** @type {number[]} */
  const values = [];
  // Bounded: between large numbers that are close to each other a step may be less than their precision.
  for (let k = 0; k <= 2 * count && value <= hi + step * 1e-9; k += 1, value += step) {
    // Sums such as 0.1 + 0.2 are rounded; integers are exact.
    const tick = Number.isInteger(value) ? value : Number(value.toPrecision(15));
    if (Math.abs(tick) < step * 1e-9) values.push(0);
    else if (tick !== values[values.length - 1]) values.push(tick);
  }
  return values;
}

/** @param {number} lo @param {number} hi @returns {number[]} */
function logTicks(lo, hi) {
  const first = Math.ceil(Math.log10(lo) - 1e-9);
  const last = Math.floor(Math.log10(hi) + 1e-9);
  if (last - first < 1) return niceTicks(lo, hi, 5).filter((v) => v > 0);
  const every = Math.max(1, Math.ceil((last - first + 1) / 6));
  const values = [];
  for (let p = first; p <= last; p += every) {
    values.push(Math.pow(10, p));
    if (last - first <= 2 && 3 * Math.pow(10, p) <= hi) values.push(3 * Math.pow(10, p));
  }
  return values;
}

/** Values for the colour bar's ticks with their positions 0…1 on it. Where the texts would be too long for the bar they
 * are distances from `offset`, a text that is empty else. `mapping.single` is the value of a slice that has no other.
 * @param {ColorMapping} mapping @param {Dates | null} [dates] What the values are, where they are dates.
 * @returns {BarTicks} */
export function colorbarTicks(mapping, dates = null) {
  const { lo, hi, single, empty } = mapping;
  if (empty) return { positions: [], texts: [], offset: '', note: null };
  if (dates) {
    const { values, texts, note } = dates.ticks(lo, single ? lo : hi, 6);
    const { positions, kept } = placed(mapping, values);
    return { positions, texts: kept.map((i) => texts[i]), offset: '', note };
  }
  if (single) return { positions: [0], texts: [brief(single, lo)], offset: '', note: null };
  const values = tickValues(mapping).filter((v) => v >= lo && v <= hi).sort((a, b) => a - b);
  const { positions, kept } = placed(mapping, values);
  return { positions, ...textsOf(kept.map((i) => values[i])), note: null };
}

/** @param {ColorMapping} mapping @returns {number[]} */
function tickValues({ lo, hi, norm }) {
  /** @type {number[]} */
  let values;
  if (norm === 'log') {
    values = logTicks(lo, hi);
  } else if (norm === 'symlog' || norm === 'asinh') {
    const linear = LINEAR_SHARE * Math.max(Math.abs(lo), Math.abs(hi));
    values = [0];
    if (hi > linear) values = values.concat(logTicks(Math.max(lo, linear), hi));
    if (lo < -linear) values = values.concat(logTicks(Math.max(-hi, linear), -lo).map((v) => -v));
  } else if (norm === 'sqrt') {
    const map = normMapping(norm, lo, hi);
    values = niceTicks(map.to(lo), map.to(hi), 5).map(map.from);
  } else {
    values = niceTicks(lo, hi, 6);
  }
  return values;
}

/** Where ascending values are on the bar, and which of them are not too close to the one before.
 * @param {ColorMapping} mapping @param {number[]} values @returns {{positions: number[], kept: number[]}} */
function placed({ lo, hi, norm }, values) {
  const map = normMapping(norm, lo, hi);
  const part = overflowFactor(map, lo, hi);
  const from = map.to(lo) * part;
  const span = map.to(hi) * part - from;
  /** @type {number[]} */
  const positions = [];
  /** @type {number[]} */
  const kept = [];
  values.forEach((v, i) => {
    const position = (map.to(v) * part - from) / span;
    if (positions.length && position - positions[positions.length - 1] < 0.045) return;
    positions.push(position);
    kept.push(i);
  });
  return { positions, kept };
}

/** The text of a single value, rounded where it is too long to stand beside the bar.
 * @param {string} text @param {number} value @returns {string} */
function brief(text, value) {
  return text.length > LONGEST_TICK ? formatNumber(value, 3) : text;
}

/** Four digits where these distinguish the values, else all of them, else what they have beyond the first one.
 * @param {number[]} values @returns {{texts: string[], offset: string}} */
function textsOf(values) {
  const short = values.map((v) => formatNumber(v, 4));
  if (new Set(short).size === short.length) return { texts: short, offset: '' };
  const long = values.map((v) => formatExact(v, Number.isInteger(v) && Math.abs(v) < 1e21 ? 'int64' : 'float64'));
  if (long.every((text) => text.length <= LONGEST_TICK)) return { texts: long, offset: '' };
  return { texts: values.map((v) => '+' + formatNumber(v - values[0], 4)), offset: long[0] };
}
