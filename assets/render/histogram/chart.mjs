/* A histogram as pixels: a strip with the colours of its axis, and beside it bars, faint where they are outside the window.
   It runs from the bottom up, or from left to right. */

import { ABOVE_COLOR, BELOW_COLOR } from '../../model/clip-marks.mjs';
import { placeInWindow } from '../../model/colormap.mjs';
import { barsOf } from '../../model/histogram.mjs';
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Histogram, ValueAxis } from '../../model/histogram.mjs' */

/**
 * @typedef {object} ChartScene
 * @property {Histogram | null} histogram
 * @property {ValueAxis} axis
 * @property {ColorMapping} mapping
 * @property {boolean} isLog Whether bars are as high as the logarithm of their counts.
 * @property {boolean} isVertical
 * @property {Uint32Array} lut The colour of each code.
 */

const STRIP_PX = 5;
const GAP_PX = 2;
const LARGEST_CODE = 254;

/** @param {number[]} rgb @param {number} alpha */
const word = ([r, g, b], alpha = 255) => ((alpha << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** `width` and `height` are the canvas's, in px of the page. @param {HTMLCanvasElement} canvas @param {ChartScene} scene */
export function drawChart(canvas, scene) {
  const density = globalThis.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((px) => Math.round(px * density));
  if (!width || !height) return;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  const image = context.createImageData(width, height);
  fill(new Uint32Array(image.data.buffer), width, height, density, inkOf(canvas), scene);
  context.putImageData(image, 0, 0);
}

/** The colour of text, in which the bars are. @param {Element} node @returns {number[]} */
function inkOf(node) {
  const [r, g, b] = (getComputedStyle(node).color.match(/[\d.]+/g) || ['0', '0', '0']).map(Number);
  return [r, g, b];
}

/** @param {Uint32Array} pixels @param {number} width @param {number} height @param {number} density @param {number[]} ink
 * @param {ChartScene} scene */
function fill(pixels, width, height, density, ink, { histogram, axis, mapping, isLog, isVertical, lut }) {
  const [along, across] = isVertical ? [height, width] : [width, height];
  const bars = histogram ? barsOf(histogram, axis, along, isLog) : null;
  const [strip, start] = [STRIP_PX, STRIP_PX + GAP_PX].map((px) => Math.round(px * density));
  const [inside, outside] = [word(ink, 190), word(ink, 70)];
  const [below, above] = mapping.marked ? [word(BELOW_COLOR), word(ABOVE_COLOR)] : [outside, outside];
  for (let i = 0; i < along; i += 1) {
    const value = axis.value((i + 0.5) / along);
    const place = placeInWindow(mapping.norm, mapping, value);
    const code = Math.round(Math.min(Math.max(place, 0), 1) * LARGEST_CODE);
    const bar = value < mapping.lo ? below : value > mapping.hi ? above : inside;
    // A bar that is there is seen.
    const end = bars && bars[i] > 0 ? start + Math.max(1, Math.round(bars[i] * (across - start))) : 0;
    for (let k = 0; k < Math.max(end, strip); k += 1) {
      if (k >= strip && k < start) continue;
      const at = isVertical ? (height - 1 - i) * width + k : (height - 1 - k) * width + i;
      pixels[at] = k < strip ? lut[code] : bar;
    }
  }
}
