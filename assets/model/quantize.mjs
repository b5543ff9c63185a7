/* Values as codes of a byte each, and codes as colours. */

import { colorAt, normMapping, overflowFactor } from './colormap.mjs';

const GAP = 255;

function parseHex(text) {
  const digits = text.replace('#', '');
  return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
}

/* The colour of each code as a little-endian RGBA word; code 255 is a gap, of the colour `gap` (#rrggbb). */
export function colorLut(mapping, gap) {
  const lut = new Uint32Array(256);
  for (let code = 0; code < GAP; code += 1) lut[code] = rgbaWord(colorAt(mapping, code / 254));
  lut[GAP] = rgbaWord(parseHex(gap));
  return lut;
}

/** @param {number[]} rgb */
function rgbaWord([r, g, b]) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/* The codes of values under a colour mapping, as the server makes them. */
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
        out[at] = GAP;
        continue;
      }
      const t = ((linear ? v : map.to(v)) * part - from) * scale;
      // A value that is none has no colour; one that the norm cannot take has the lowest.
      out[at] = t > 0 ? (t < 254 ? t + 0.5 : 254) : v !== v ? GAP : 0;
    }
  }
  return out;
}
