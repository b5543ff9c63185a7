/* The canvas under Plotly's plot area. Codes become colours by a table of 256, and cells lie where Plotly would
   put them. All on the main thread: a frame takes 1 to 4 ms, and a worker's message alone costs half of that. */

import { measureStage } from '../data/network-timing.mjs';
import { overlaid, overlayTable } from '../model/overlay.mjs';
import { colorLut } from '../model/quantize.mjs';
import { element } from './dom.mjs';
/** @import { Frame } from '../data/frame-cache.mjs' */
/** @import { Placement } from '../model/cells.mjs' */
/** @import { ColorMapping, Colors } from '../model/colormap.mjs' */
/** @import { PlotArea } from '../model/pinch.mjs' */

/**
 * @typedef {Pick<Frame, 'codes' | 'overlay' | 'transposed' | 'rows' | 'cols' | keyof Placement>} CodedCells
 * @typedef {ReturnType<typeof createCanvas>} Canvas
 */

/** `area()` gives the plot area, see plot.mjs. @param {{area: () => PlotArea | null}} parts */
export function createCanvas({ area }) {
  // Both are made at the start.
  /** @type {HTMLCanvasElement} */
  let canvas;
  /** @type {HTMLCanvasElement} */
  let buffer;

  /** @type {ImageData | null} */
  let image = null;
  /** Its pixels. @type {Uint32Array<ArrayBuffer>} */
  let pixels32;
  /** @type {{frame: CodedCells, mapping: ColorMapping} | null} */
  let picture = null;
  let missingColor = '';
  let cached = { key: '', lut: new Uint32Array() };

  /* Read only when the theme changes: computing styles takes long. */
  function readMissingColor() {
    missingColor = getComputedStyle(document.documentElement).getPropertyValue('--l-missing').trim();
  }

  /** @param {HTMLElement} [surface] */
  function start(surface = element('slice-canvas')) {
    canvas = /** @type {HTMLCanvasElement} */ (surface);
    buffer = document.createElement('canvas');
    // The theme has a colour of its own for missing values.
    readMissingColor();
    new MutationObserver(() => {
      readMissingColor();
      repaint();
    }).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ['data-mantine-color-scheme'],
    });
  }

  /** Paint a frame; says how long colours and drawing took (ms).
   * @param {CodedCells} frame @param {ColorMapping} mapping @returns {{convert: number, draw: number}} */
  function paint(frame, mapping) {
    picture = { frame, mapping };
    const begun = performance.now();
    color(frame, mapping);
    const coloured = performance.now();
    draw(area());
    return {
      convert: measureStage('convert', begun, coloured - begun),
      draw: measureStage('draw', coloured, performance.now() - coloured),
    };
  }

  /** @param {CodedCells} frame @param {ColorMapping} mapping */
  function color(frame, mapping) {
    // In the order of the codes: where this is not the picture's, drawing turns it.
    const [width, height] = frame.transposed ? [frame.rows, frame.cols] : [frame.cols, frame.rows];
    if (!image || image.width !== width || image.height !== height) {
      buffer.width = width;
      buffer.height = height;
      image = new ImageData(width, height);
      pixels32 = new Uint32Array(image.data.buffer);
    }
    const { codes: source, overlay } = frame;
    const words = lut(mapping);
    if (source instanceof Uint32Array) pixels32.set(source);
    else if (overlay) overlaid(source, overlay, words, pixels32);
    else for (let i = 0; i < source.length; i += 1) pixels32[i] = words[source[i]];
    const context = /** @type {CanvasRenderingContext2D} */ (buffer.getContext('2d', { alpha: false }));
    context.putImageData(image, 0, 0);
  }

  /** Draw what is in the buffer where the axes have it. @param {PlotArea | null} box */
  function draw(box) {
    if (!picture || !box) return;
    const { frame } = picture;
    const density = globalThis.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(box.width * density));
    const height = Math.max(1, Math.round(box.height * density));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const css = [box.left, box.top, box.width, box.height].join();
    if (canvas.dataset.box !== css) {
      canvas.dataset.box = css;
      Object.assign(canvas.style, {
        left: box.left + 'px',
        top: box.top + 'px',
        width: box.width + 'px',
        height: box.height + 'px',
      });
    }
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }));
    const perCol = width / (box.x[1] - box.x[0]);
    const perRow = height / (box.y[1] - box.y[0]);
    const left = (frame.col0 - 0.5 - box.x[0]) * perCol;
    const top = (frame.row0 - 0.5 - box.y[0]) * perRow;
    const w = frame.cols * frame.colStep * perCol;
    const h = frame.rows * frame.rowStep * perRow;
    const covers = Math.min(left, left + w) <= 0.5 && Math.max(left, left + w) >= width - 0.5 &&
      Math.min(top, top + h) <= 0.5 && Math.max(top, top + h) >= height - 0.5;
    if (!covers) {
      context.fillStyle = missingColor;
      context.fillRect(0, 0, width, height);
    }
    context.imageSmoothingEnabled = false;
    // From cells to px: sides are below zero along a flipped axis, and those of a transposed buffer are exchanged.
    if (frame.transposed) context.setTransform(0, h / frame.rows, w / frame.cols, 0, left, top);
    else context.setTransform(w / frame.cols, 0, 0, h / frame.rows, left, top);
    context.drawImage(buffer, 0, 0);
    context.resetTransform();
  }

  /** The same frame once more, after the axes, the theme or the colours have changed.
   * @param {ColorMapping} [mapping] */
  function repaint(mapping) {
    if (picture) paint(picture.frame, mapping || picture.mapping);
  }

  /** The colour of each code under a colour mapping, see colorLut, and under each label that is drawn over it, see
   * overlayTable. @param {Colors} mapping */
  function lut(mapping) {
    const { colorscale, reverse, middle, marked, kind, overlay } = mapping;
    const below = marked && marked.below;
    const key = [colorscale, reverse, middle, below, kind, missingColor, overlay && overlay.opacity].join();
    if (cached.key === key) return cached.lut;
    const values = colorLut(mapping, missingColor);
    const labels = { colorscale, reverse, kind: /** @type {const} */ ('labels') };
    cached = {
      key,
      lut: overlay ? overlayTable(values, colorLut(labels, missingColor), overlay.opacity) : values,
    };
    return cached.lut;
  }

  function clear() {
    picture = null;
  }

  return { start, paint, draw, repaint, lut, clear };
}
