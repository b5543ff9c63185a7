/* Values as codes of a byte each, and codes as colours. */

import { MISSING_CODE } from './codes.mjs';
import { colorAt, normMapping, overflowFactor } from './colormap.mjs';
import { labelColors } from './labels.mjs';
/** @import { Values } from './cells.mjs' */
/** @import { ColorMapping, Colors } from './colormap.mjs' */

/** @param {string} text @returns {number[]} */
function parseHex(text) {
  const digits = text.replace('#', '');
  return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
}

/** The colour of each code as a little-endian RGBA word; `missingColor` (#rrggbb) is that of MISSING_CODE.
 * @param {Colors} mapping @param {string} missingColor @returns {Uint32Array<ArrayBuffer>} */
export function colorLut(mapping, missingColor) {
  const lut = new Uint32Array(256);
  if (mapping.kind === 'labels' || mapping.kind === 'mask') {
    return Uint32Array.from(labelColors(parseHex(missingColor)), rgbaWord);
  }
  for (let code = 0; code < MISSING_CODE; code += 1) lut[code] = rgbaWord(colorAt(mapping, code / 254));
  lut[MISSING_CODE] = rgbaWord(parseHex(missingColor));
  return lut;
}

/** @param {number[]} rgb */
function rgbaWord([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** The codes of values under a colour mapping, as the server makes them.
 * @param {Pick<Values, 'z' | 'rows' | 'cols' | 'fill'>} cells
 * @param {Pick<ColorMapping, 'lo' | 'hi' | 'norm'>} mapping @returns {Uint8Array<ArrayBuffer>} */
export function quantize(cells, mapping) {
  const out = new Uint8Array(cells.rows * cells.cols);
  const map = normMapping(mapping.norm, mapping.lo, mapping.hi);
  const linear = mapping.norm === 'linear';
  const part = overflowFactor(map, mapping.lo, mapping.hi);
  const from = map.to(mapping.lo) * part;
  const scale = 254 / (map.to(mapping.hi) * part - from);
  let at = 0;
  for (const row of cells.z) {
    for (let c = 0; c < cells.cols; c += 1, at += 1) {
      const v = row[c];
      if (v === cells.fill) {
        out[at] = MISSING_CODE;
        continue;
      }
      const t = ((linear ? v : map.to(v)) * part - from) * scale;
      // A value that is none has no colour; one that the norm cannot take has the lowest.
      out[at] = t > 0 ? (t < 254 ? t + 0.5 : 254) : v !== v ? MISSING_CODE : 0;
    }
  }
  return out;
}
