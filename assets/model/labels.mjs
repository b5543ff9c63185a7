/* Labels: integers that name regions. Each has a colour of its own, and 0 is the background. */

import { MISSING_CODE } from './codes.mjs';
/** @import { NumberArray } from './cells.mjs' */

/**
 * @typedef {{ids: readonly string[], hides: boolean}} LabelChoice Labels that are shown alone, or that are hidden.
 */

// Codes of labels, beside that of the background and that of what is missing. A prime: labels of regular distances do not
// share a colour.
const COLORS = 251;
const BACKGROUND = 0;
const WORD = 2 ** 32;

// From one label to the next the hue turns by this share of the circle, and lightness by one of these (OKLCH).
const HUE_STEP = 0.381966;
const LIGHTNESS = [0.72, 0.55, 0.83, 0.64];
const CHROMA = [0.14, 0.17, 0.11];

/** The labels of a link or a field: `7,12` for these alone, `-3,-5` for all but those. Null where that is not
 * understood. @param {string} text @returns {LabelChoice | null} */
export function parseLabels(text) {
  const found = text.split(/[,\s]+/).filter(Boolean).map((one) => one.replace('−', '-'));
  if (!found.every((one) => /^-?\d{1,20}$/.test(one))) return null;
  const hides = found.length > 0 && found.every((one) => one.startsWith('-'));
  if (!hides && found.some((one) => one.startsWith('-'))) return null;
  return { ids: found.map((one) => String(BigInt(one.replace('-', '')))), hides };
}

/** @param {LabelChoice} choice */
export const formatLabels = ({ ids, hides }) => ids.map((id) => (hides ? '-' : '') + id).join(',');

/** The choice after a click on a label: that one alone, or all again; `hide` takes it away from what is shown.
 * @param {LabelChoice} choice @param {string} id @param {boolean} hide @returns {LabelChoice} */
export function chosenLabels({ ids, hides }, id, hide) {
  const only = !hides && ids.length > 0;
  if (!hide) return only || id === '0' ? { ids: [], hides: false } : { ids: [id], hides: false };
  if (only) return { ids: ids.filter((one) => one !== id), hides: false };
  return { ids: [...new Set([...ids, id])], hides: true };
}

/** The codes of labels, cell by cell. `flat` are their values, as they come from the file.
 * @param {NumberArray | BigInt64Array | BigUint64Array} flat @param {number} fill Of no label; NaN without one.
 * @param {LabelChoice} choice @returns {Uint8Array<ArrayBuffer>} */
export function labelCodes(flat, fill, choice) {
  const isWide = flat instanceof BigInt64Array || flat instanceof BigUint64Array;
  const codes = isWide ? wideCodes(flat) : narrowCodes(flat, fill);
  if (!choice.ids.length) return codes;
  /** @type {Set<number | bigint>} */
  const ids = new Set(choice.ids.map((id) => (isWide ? BigInt(id) : Number(id))));
  for (let i = 0; i < codes.length; i += 1) {
    if (codes[i] !== MISSING_CODE && ids.has(flat[i]) === choice.hides) codes[i] = BACKGROUND;
  }
  return codes;
}

/** @param {NumberArray} flat @param {number} fill */
function narrowCodes(flat, fill) {
  const codes = new Uint8Array(flat.length);
  for (let i = 0; i < flat.length; i += 1) {
    const v = flat[i];
    codes[i] = v === 0 ? BACKGROUND : v === fill || v !== v ? MISSING_CODE : 1 + Math.abs(v) % COLORS;
  }
  return codes;
}

/** Halves of 64 bits are numbers, and many times faster than the whole.
 * @param {BigInt64Array | BigUint64Array} flat */
function wideCodes(flat) {
  const halves = new Uint32Array(flat.buffer, flat.byteOffset, 2 * flat.length);
  const codes = new Uint8Array(flat.length);
  for (let i = 0; i < flat.length; i += 1) {
    const low = halves[2 * i];
    const high = halves[2 * i + 1];
    codes[i] = low || high ? 1 + ((high % COLORS) * (WORD % COLORS) + low) % COLORS : BACKGROUND;
  }
  return codes;
}

/** The colour of each code, 0…255 each. @param {number[]} missing @returns {number[][]} */
export function labelColors(missing) {
  return Array.from({ length: 256 }, (_, code) => {
    if (code === MISSING_CODE) return missing;
    if (code === BACKGROUND) return [0, 0, 0];
    return oklch(LIGHTNESS[code % LIGHTNESS.length], CHROMA[code % CHROMA.length], code * HUE_STEP);
  });
}

/** A colour of OKLCH (Ottosson 2020, https://bottosson.github.io/posts/oklab) as red, green and blue of sRGB.
 * @param {number} lightness @param {number} chroma @param {number} hue In turns. */
function oklch(lightness, chroma, hue) {
  const a = chroma * Math.cos(2 * Math.PI * hue);
  const b = chroma * Math.sin(2 * Math.PI * hue);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((v) => {
    const c = v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055;
    return Math.round(255 * Math.min(Math.max(c, 0), 1));
  });
}
