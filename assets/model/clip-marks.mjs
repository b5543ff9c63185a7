/* Marks of what lies outside the contrast window. Codes 0 and 254 stand for values beyond the ends and for those just
   inside of them. For the marks codes are made in a window that is a little wider, in which these two codes are left to what
   lies outside: nothing else is needed of the server. */

import { normMapping } from './colormap.mjs';
/** @import { ColorMapping, Ends, Norm, Rgb } from './colormap.mjs' */

/** @typedef {Ends & {below: boolean}} Marked `below` is false where nothing tells what lies below the window. */

// Okabe and Ito's, which differ for everybody, and from the ends of all colour scales.
/** @type {Rgb} */
export const BELOW_COLOR = [0, 114, 178];
/** @type {Rgb} */
export const ABOVE_COLOR = [213, 94, 0];

// Codes of the window itself, of the 254 steps of the wider one.
const INNER = 253;
const STEPS = 254;

// Ends belong to the window: this share of it is rounding.
const ROUNDING = 1e-6;

// The linear part of symlog and asinh follows the window's ends, which follow it; each round is a hundred times closer.
const ROUNDS = 8;

/** The wider window; null where there is none.
 * @param {Norm} norm @param {number} lo @param {number} hi @returns {Marked | null} */
export function markedWindow(norm, lo, hi) {
  let ends = { lo, hi };
  let below = true;
  for (let round = 0; round < ROUNDS; round += 1) {
    const map = normMapping(norm, ends.lo, ends.hi);
    const width = (map.to(hi) - map.to(lo)) * (1 + 2 * ROUNDING) * STEPS / INNER;
    const from = map.to(lo) - (map.to(hi) - map.to(lo)) * ROUNDING - width / (2 * STEPS);
    below = norm !== 'sqrt' || from >= 0;
    ends = { lo: below ? map.from(from) : lo, hi: map.from(from + width) };
  }
  return Number.isFinite(ends.hi - ends.lo) && ends.lo < ends.hi ? { ...ends, below } : null;
}

/** The window that codes are made in. @param {ColorMapping} mapping @returns {Ends & {norm: Norm}} */
export function codeWindow({ norm, lo, hi, marked }) {
  return marked ? { norm, lo: marked.lo, hi: marked.hi } : { norm, lo, hi };
}

/** Where a code of the wider window lies in the window itself, 0…1. @param {number} code */
export const placeOfCode = (code) => (code - 0.5) / INNER;
