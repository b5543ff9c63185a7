/* Colour pictures: the pixels of slices whose values are colours, or places in a palette of colours. */

/** @typedef {Uint32Array<ArrayBuffer>} Pixels Little-endian RGBA words. */

/** @param {number} r @param {number} g @param {number} b */
const word = (r, g, b) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** The pixels of bytes with `channels` of each after the other: red, green, blue, and how opaque it is, over white.
 * @param {Uint8Array} bytes @param {number} channels @returns {Pixels} */
export function pixelsOf(bytes, channels) {
  const out = new Uint32Array(bytes.length / channels);
  for (let i = 0, at = 0; i < out.length; i += 1, at += channels) {
    let [r, g, b] = [bytes[at], bytes[at + 1], bytes[at + 2]];
    if (channels === 4 && bytes[at + 3] < 255) {
      const alpha = bytes[at + 3] / 255;
      [r, g, b] = [r, g, b].map((v) => Math.round(v * alpha + 255 * (1 - alpha)));
    }
    out[i] = word(r, g, b);
  }
  return out;
}

/** The pixels of places in a palette. @param {Uint8Array} bytes @param {number[][]} palette Red, green, blue of each.
 * @returns {Pixels} */
export function palettePixels(bytes, palette) {
  const words = Uint32Array.from({ length: 256 }, (_, i) => {
    const [r, g, b] = palette[Math.min(i, palette.length - 1)];
    return word(r, g, b);
  });
  return Uint32Array.from(bytes, (index) => words[index]);
}

/** Red, green and blue. @param {number} pixel */
export const channelsOf = (pixel) => [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];

/** Relative luminance without gamma (ITU-R BT.709), 0…255. @param {Pixels} pixels */
export function luminanceOf(pixels) {
  return Uint8Array.from(pixels, (pixel) => {
    const [r, g, b] = channelsOf(pixel);
    return Math.round(0.2126 * r + 0.7152 * g + 0.0722 * b);
  });
}
