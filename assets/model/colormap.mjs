/* Colour scales, and the norms that spread values over them.

   A colour mapping is {lo, hi, norm, colorscale, reverse}: the contrast window that is in force, and the colours. A norm
   moves the stops of the colour scale instead of changing the values: the heatmap's z stays what the file holds. */

/** @import { LabelChoice } from './labels.mjs' */
/** @import { Kind } from './meaning.mjs' */
/** @import { Overlay } from './overlay.mjs' */

/**
 * @typedef {'linear' | 'log' | 'symlog' | 'sqrt'} Norm
 * @typedef {{colorscale: string, reverse: boolean, kind?: Kind, overlay?: Overlay}} Colors `kind` is that of the picture, values without it.
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

// Evenly spaced stops, from low to high (matplotlib's, Google's turbo, ColorBrewer's RdBu).
/** @type {Record<string, string>} */
const SCALES = {
  gray: '000000 ffffff',
  viridis: '440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725',
  magma: '000004 180f3d 440f76 721f81 9e2f7f cd4071 f1605d fd9668 feca8d fcfdbf',
  inferno: '000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4',
  plasma: '0d0887 46039f 7201a8 9c179e bd3786 d8576b ed7953 fb9f3a fdca26 f0f921',
  cividis: '00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838',
  turbo: '30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3b d1e834 f3c63a fe9b2d f36315 ' +
    'd93806 b11901 7a0402',
  hot: '000000 e60000 ffd200 ffffff',
  rdbu: '053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f',
  twilight: 'e2d9e2 9ebbc9 6785be 5e43a5 421257 471340 8e2c50 ba6657 ceac94 e2d9e2',
};

export const COLORSCALES = Object.keys(SCALES);

/** @type {readonly Norm[]} */
export const NORMS = ['linear', 'log', 'symlog', 'sqrt'];
const WARP_STOPS = 256;

// Symlog is linear where |v| is at most this share of the window's larger end.
export const LINEAR_SHARE = 0.01;

// Height of that linear part against one decade, as in dashboard/frames/quantize.py.
const LINEAR_HEIGHT = 1 / (1 - 1 / 10);

/** @param {string} name @param {boolean} reverse @returns {Rgb[]} */
function stopsOf(name, reverse) {
  const stops = SCALES[name].split(' ').map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  return reverse ? stops.reverse() : stops;
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
  return interpolate(stopsOf(mapping.colorscale, mapping.reverse), t);
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

/** The stops of Plotly's colour scale for a colour mapping, and the plain ones of its colour bar.
 * @param {ColorMapping} mapping @returns {{warped: Stop[], plain: Stop[]}} */
export function colorStops(mapping) {
  const base = stopsOf(mapping.colorscale, mapping.reverse);
  /** @type {Stop[]} */
  const plain = base.map((rgb, i) => [i / (base.length - 1), 'rgb(' + rgb.join(',') + ')']);
  if (mapping.norm === 'linear') return { warped: plain, plain };
  const map = normMapping(mapping.norm, mapping.lo, mapping.hi);
  const from = map.to(mapping.lo);
  const span = map.to(mapping.hi) - from;
  /** @type {Stop[]} */
  const warped = [];
  for (let i = 0; i < WARP_STOPS; i += 1) {
    const u = i / (WARP_STOPS - 1);
    // Halves, since the difference of the ends may overflow.
    const position = (map.from(from + u * span) / 2 - mapping.lo / 2) / (mapping.hi / 2 - mapping.lo / 2);
    warped.push([Math.min(Math.max(position, 0), 1), 'rgb(' + interpolate(base, u).join(',') + ')']);
  }
  // Rounding must not leave the ends open: Plotly refuses a scale that does not begin at 0 and end at 1.
  warped[0][0] = 0;
  warped[WARP_STOPS - 1][0] = 1;
  return { warped, plain };
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
