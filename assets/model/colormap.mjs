/* Colour scales, and the norms that spread values over them.

   A colour mapping is {lo, hi, norm, colorscale, reverse, middle}: the contrast window that is in force, and the colours.
   A norm moves the stops of the colour scale instead of changing the values: the heatmap's z stays what the file holds. */

import { COLOR_TABLES } from './color-tables.mjs';
/** @import { Marked } from './clip-marks.mjs' */
/** @import { LabelChoice } from './labels.mjs' */
/** @import { Kind } from './meaning.mjs' */
/** @import { Overlay } from './overlay.mjs' */

/**
 * @typedef {'linear' | 'log' | 'symlog' | 'sqrt' | 'asinh'} Norm
 * @typedef {{lo: number, hi: number}} Ends
 */

/**
 * @typedef {object} Colors
 * @property {string} colorscale
 * @property {boolean} reverse
 * @property {number | null} [middle] Where the scale's middle colour lies in the window, 0…1 between its ends; null for a
 *   scale that spans the window.
 * @property {Marked | null} [marked] The window whose codes tell what is clipped; else null.
 * @property {Overlay} [overlay] Labels over the values.
 * @property {Kind} [kind] That of the picture, values without it.
 */

/**
 * @typedef {number[]} Rgb 0…255 each.
 * @typedef {[number, string]} Stop Position 0…1, and the colour there.
 */

/**
 * @typedef {object} Contrast
 * @property {number} lo Lower end of the window.
 * @property {number} hi
 * @property {Norm} norm The one that is applied: linear where the view's has no values to work on.
 * @property {string} key Names the choices of the view that it was made from.
 * @property {boolean} empty Whether the window stands for a slice without values.
 * @property {string} single The value of a slice that has no other; else empty.
 * @property {LabelChoice} [labels] Those that are shown, of a picture of labels.
 * @property {Overlay} [overlay] The labels over values.
 */

/** @typedef {Contrast & Colors} ColorMapping */

export const COLORSCALES = Object.keys(COLOR_TABLES);

/** @type {readonly Norm[]} */
export const NORMS = ['linear', 'log', 'symlog', 'sqrt', 'asinh'];
const WARP_STOPS = 256;

// Symlog is linear, and asinh nearly so, where |v| is at most this share of the window's larger end.
export const LINEAR_SHARE = 0.01;

// Height of symlog's linear part against one decade, as in dashboard/frames/quantize.py.
const LINEAR_HEIGHT = 1 / (1 - 1 / 10);

/** By name. @type {Map<string, Rgb[]>} */
const read = new Map();

/** @param {string} name @param {boolean} reverse @returns {Rgb[]} */
function stopsOf(name, reverse) {
  let stops = read.get(name);
  if (!stops) {
    const bytes = COLOR_TABLES[name].match(/../g) || [];
    stops = Array.from({ length: bytes.length / 3 }, (_, i) => [0, 1, 2].map((k) => parseInt(bytes[3 * i + k], 16)));
    read.set(name, stops);
  }
  return reverse ? stops.slice().reverse() : stops;
}

/** @param {Rgb[]} stops @param {number} t @returns {Rgb} */
function interpolate(stops, t) {
  const at = Math.min(Math.max(t, 0), 1) * (stops.length - 1);
  const i = Math.min(Math.floor(at), stops.length - 2);
  const rest = at - i;
  return stops[i].map((c, k) => Math.round(c + (stops[i + 1][k] - c) * rest));
}

/** Red, green and blue at position t (0…1) of the colour scale.
 * @param {Colors} mapping @param {number} t @returns {Rgb} */
export function colorAt(mapping, t) {
  return interpolate(stopsOf(mapping.colorscale, mapping.reverse), placeOnScale(mapping, t));
}

/** Where on the colour scale a position in the window lies: a centred one has equal colours on both sides of its middle,
 * and reaches its end where the window reaches farther. @param {Pick<Colors, 'middle'>} mapping @param {number} t */
function placeOnScale({ middle }, t) {
  if (middle === null || middle === undefined) return t;
  return 0.5 + (t - middle) / (2 * Math.max(middle, 1 - middle));
}

/** Where a value lies in a window, 0…1 between its ends; 0 outside the norm's domain.
 * @param {Norm} norm @param {Ends} window @param {number} value */
export function placeInWindow(norm, { lo, hi }, value) {
  const map = normMapping(norm, lo, hi);
  const part = overflowFactor(map, lo, hi);
  const from = map.to(lo) * part;
  const place = (map.to(value) * part - from) / (map.to(hi) * part - from);
  return Number.isFinite(place) ? place : 0;
}

/** The norm of a window as a function on values and its inverse.
 * @param {Norm} norm @param {number} lo @param {number} hi
 * @returns {{to: (v: number) => number, from: (u: number) => number}} */
export function normMapping(norm, lo, hi) {
  // Not zero, as a share of the smallest numbers would be.
  const linear = Math.max(LINEAR_SHARE * Math.max(Math.abs(lo), Math.abs(hi)), Number.MIN_VALUE);
  switch (norm) {
    case 'log':
      return { to: Math.log10, from: (u) => Math.pow(10, u) };
    case 'sqrt':
      return { to: (v) => Math.sqrt(Math.max(v, 0)), from: (u) => u * u };
    case 'symlog':
      return {
        to: (
          v,
        ) => (Math.abs(v) <= linear
          ? (v / linear) * LINEAR_HEIGHT
          : Math.sign(v) * (LINEAR_HEIGHT + Math.log10(Math.abs(v) / linear))),
        from: (
          u,
        ) => (Math.abs(u) <= LINEAR_HEIGHT
          ? (u / LINEAR_HEIGHT) * linear
          : Math.sign(u) * linear * Math.pow(10, Math.abs(u) - LINEAR_HEIGHT)),
      };
    case 'asinh':
      return { to: (v) => Math.asinh(v / linear), from: (u) => Math.sinh(u) * linear };
    default:
      return { to: (v) => v, from: (u) => u };
  }
}

/** The factor to take values by before their differences are formed: ends that are further apart than a double
 * reaches are halved.
 * @param {{to: (v: number) => number}} map @param {number} lo @param {number} hi @returns {number} */
export function overflowFactor(map, lo, hi) {
  return Number.isFinite(map.to(hi) - map.to(lo)) ? 1 : 0.5;
}

/** The stops of Plotly's colour scale for a colour mapping, and those of its colour bar, which no norm moves.
 * @param {ColorMapping} mapping @returns {{warped: Stop[], plain: Stop[]}} */
export function colorStops(mapping) {
  const table = stopsOf(mapping.colorscale, mapping.reverse);
  const isCentred = mapping.middle !== null && mapping.middle !== undefined;
  const plain = evenStops(mapping, isCentred ? WARP_STOPS : table.length);
  if (mapping.norm === 'linear') return { warped: plain, plain };
  const map = normMapping(mapping.norm, mapping.lo, mapping.hi);
  const from = map.to(mapping.lo);
  const span = map.to(mapping.hi) - from;
  const warped = evenStops(mapping, WARP_STOPS).map(([u, color]) => {
    // Halves, since the difference of the ends may overflow.
    const position = (map.from(from + u * span) / 2 - mapping.lo / 2) / (mapping.hi / 2 - mapping.lo / 2);
    return /** @type {Stop} */ ([Math.min(Math.max(position, 0), 1), color]);
  });
  // Rounding must not leave the ends open: Plotly refuses a scale that does not begin at 0 and end at 1.
  warped[0][0] = 0;
  warped[WARP_STOPS - 1][0] = 1;
  return { warped, plain };
}

/** @param {Colors} mapping @param {number} count @returns {Stop[]} */
function evenStops(mapping, count) {
  return Array.from({ length: count }, (_, i) => {
    const u = i / (count - 1);
    return [u, 'rgb(' + colorAt(mapping, u).join(',') + ')'];
  });
}

/** A window in which the norm is defined, or a sentence why there is none.
 * @param {Norm} norm @param {number} lo @param {number} hi @param {number} smallest
 * @returns {{lo: number, hi: number} | {sentence: string}} */
export function validWindow(norm, lo, hi, smallest) {
  if (!Number.isFinite(lo) || !Number.isFinite(hi)) return linearWindow(lo, hi);
  if ((norm === 'log' || norm === 'sqrt') && hi <= 0) {
    return { sentence: 'This norm needs values above zero, and the window has none: choose linear or symlog.' };
  }
  if (norm === 'log' && lo <= 0) lo = smallest > 0 && smallest < hi ? smallest : hi / 1e4 || Number.MIN_VALUE;
  if (norm === 'sqrt' && lo < 0) lo = 0;
  return linearWindow(lo, hi);
}

/** A window for the linear norm, which is defined everywhere.
 * @param {number} lo @param {number} hi @returns {{lo: number, hi: number}} */
export function linearWindow(lo, hi) {
  if (!Number.isFinite(lo) || !Number.isFinite(hi)) return { lo: 0, hi: 1 };
  return hi > lo ? { lo, hi } : widenedWindow(lo);
}

/** A window for one value, at its lower end, as the server gives a volume of one value (dashboard/frames/window.py):
 * codes of a slice that is its own window are then the same.
 * @param {number} value @returns {{lo: number, hi: number}} */
export function widenedWindow(value) {
  const hi = Math.min(value + (Math.abs(value) || 1), Number.MAX_VALUE);
  return hi > value ? { lo: value, hi } : { lo: value / 2, hi: value };
}

/** @param {string} name @param {boolean} reverse @returns {string} */
export function gradient(name, reverse) {
  const base = stopsOf(name, reverse);
  return 'linear-gradient(90deg,' + base.map((rgb) => 'rgb(' + rgb.join(',') + ')').join(',') + ')';
}
