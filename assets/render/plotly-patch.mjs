/* Plotly's heatmap with a picture of our own.

   Plotly cleans the values one by one, asks a colour scale of closures for each colour and has the browser deflate
   a PNG, all in one task: 50 to 180 ms for 680² cells, in which no key is handled. Here the picture is made beforehand
   from the codes and the table that the canvas has, in short tasks, and Plotly only says where it lies. Its trace
   module is wrapped for that, for this graph alone: an exported image is drawn on another one, all by Plotly. Where
   something does not look as in the versions that pyproject.toml allows, drawing is left to Plotly, and the canary in
   tests/browser/test_heatmap.py fails. */

import { MISSING_CODE } from '../model/codes.mjs';
import { overlaid } from '../model/overlay.mjs';
import { codesOf, overlayCodes } from './codes.mjs';
import { encodePixels, encodePng } from './png.mjs';
/** @import { Cells, NumberArray } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { Canvas } from './canvas.mjs' */

/**
 * @typedef {object} HeatmapImage The picture of cells under a colour mapping.
 * @property {NumberArray[]} z Their values.
 * @property {number} fill The value that stands for none; NaN where there is no such value.
 * @property {string} address
 * @property {HTMLImageElement} image
 * @property {number} luminance Of the mean colour.
 * @property {number} ms How long this thread was busy with it.
 * @property {() => void} drop
 */

/** @typedef {ReturnType<typeof createPlotlyPatch>} PlotlyPatch */

const SVG = 'http://www.w3.org/2000/svg';
const XLINK = 'http://www.w3.org/1999/xlink';
/** @type {number[]} */
const NO_CELLS = [];

// One cell in this many is enough for the mean brightness.
const SAMPLE = 97;
const DECODE_WAIT_MS = 500;

/** `lut(mapping)` gives the colour of each code. @param {Pick<Canvas, 'lut'>} parts */
export function createPlotlyPatch({ lut }) {
  /** @type {Plotly} */
  let graph = null;
  /** The functions of Plotly's trace module. @type {Plotly} */
  let original = null;
  /** @type {HeatmapImage | null} */
  let shown = null;

  /** @param {Plotly} gd */
  function install(gd) {
    graph = gd;
    // The module is known once the first trace is, and before it is drawn.
    gd.on('plotly_beforeplot', wrap);
  }

  function wrap() {
    const module = ((graph._fullData || [])[0] || {})._module;
    if (original || !module || module.name !== 'heatmap') return;
    if (typeof module.calc !== 'function' || typeof module.plot !== 'function') return;
    original = { calc: module.calc, plot: module.plot };
    module.calc = calc;
    module.plot = plot;
  }

  /** The picture of cells under a colour mapping, ready to be shown. The caller sets it or drops it. Null where the
   * browser cannot read it.
   * @param {Cells} cells @param {ColorMapping} mapping @returns {Promise<HeatmapImage | null>} */
  async function buildImage(cells, mapping) {
    const begun = performance.now();
    const table = lut(mapping);
    const labels = overlayCodes(cells, mapping);
    const plain = cells.pixels || codesOf(cells, mapping);
    const codes = labels && plain instanceof Uint8Array ? overlaid(plain, labels, table) : plain;
    const coded = performance.now();
    await yieldToInput();
    const resumed = performance.now();
    const file = codes instanceof Uint32Array
      ? encodePixels(codes, cells.rows, cells.cols)
      : encodePng(codes, cells.rows, cells.cols, table.subarray(0, 256));
    const address = URL.createObjectURL(file);
    // Kept until the picture is dropped, so that the browser need not decode it again.
    const image = new Image();
    image.src = address;
    const picture = {
      z: cells.z,
      fill: cells.fill,
      address,
      image,
      luminance: meanLuminance(codes, table),
      ms: coded - begun + performance.now() - resumed,
      drop: () => URL.revokeObjectURL(address),
    };
    await whenDecoded(image);
    if (image.naturalWidth === cells.cols) return picture;
    picture.drop();
    return null;
  }

  /** The next drawing of the graph has this picture; null leaves it to Plotly. @param {HeatmapImage | null} picture */
  function setImage(picture) {
    const before = shown;
    shown = picture;
    // What is on the screen has been read.
    if (before && before !== picture) before.drop();
  }

  /** Plotly's calc, which would look at each value; where the cells lie depends on their number alone.
   * @param {Plotly} gd @param {Plotly} trace @returns {Plotly} */
  function calc(gd, trace) {
    // An image that is exported is of the slice that is shown.
    if (gd !== graph) return maskFill(original.calc(gd, trace));
    if (!shown || trace.z !== shown.z) return original.calc(gd, trace);
    const { z } = trace;
    let found;
    try {
      trace.z = z.map((/** @type {NumberArray} */ row, /** @type {number} */ r) => (r ? NO_CELLS : row));
      found = original.calc(gd, trace);
    } finally {
      trace.z = z;
    }
    found[0].z = z;
    return found;
  }

  /** Plotly takes the fill value, which stands for none, for a value. @param {Plotly} found @returns {Plotly} */
  function maskFill(found) {
    const fill = shown ? shown.fill : NaN;
    if (Number.isNaN(fill)) return found;
    found[0].z.forEach((/** @type {(number | undefined)[]} */ row) =>
      row.forEach((value, c) => {
        if (value === fill) row[c] = undefined;
      })
    );
    return found;
  }

  /** Plotly's plot. It draws one cell as large as all of them beside the page, and the picture gets its position.
   * @this {Plotly} @param {Plotly} gd @param {Plotly} plotinfo @param {Plotly} found @param {Plotly} layer */
  function plot(gd, plotinfo, found, layer) {
    const cells = found[0][0];
    if (gd !== graph || !shown || found.length > 1 || cells.z !== shown.z) {
      return original.plot.call(this, gd, plotinfo, found, layer);
    }
    /** @param {number[]} all */
    const ends = (all) => [all[0], all[all.length - 1]];
    const one = Object.assign({}, cells, { x: ends(cells.x), y: ends(cells.y), z: [[undefined]] });
    const aside = layer.select(() => document.createElementNS(SVG, 'g'));
    original.plot.call(this, gd, plotinfo, [[one]], aside);
    const drawn = aside.node().querySelector('image');
    if (drawn && !fits(drawn, plotinfo, one)) {
      cells.z = maskFill(original.calc(gd, cells.trace))[0].z;
      return original.plot.call(this, gd, plotinfo, found, layer);
    }
    if (drawn) put(layer, mirrored(drawn, plotinfo, one), one);
    // The whole slice lies beyond the edges.
    else layer.node().replaceChildren();
  }

  /** Whether the picture may be stretched like the image that Plotly drew: not where the browser would blur it, nor
   * to nothing. @param {SVGImageElement} drawn @param {Plotly} plotinfo @param {{x: number[], y: number[]}} ends */
  function fits(drawn, plotinfo, { x, y }) {
    const { xaxis, yaxis } = plotinfo;
    return drawn.style.imageRendering !== '' && xaxis.c2p(x[0]) !== xaxis.c2p(x[1]) &&
      yaxis.c2p(y[0]) !== yaxis.c2p(y[1]);
  }

  /** The picture has its first row at the top and its first column at the left: along flipped axes it is turned round
   * within its box. @param {SVGImageElement} drawn @param {Plotly} plotinfo @param {{x: number[], y: number[]}} ends */
  function mirrored(drawn, { xaxis, yaxis }, { x, y }) {
    const box = ['x', 'y', 'width', 'height'].map((name) => Number(drawn.getAttribute(name)));
    const signs = [xaxis.c2p(x[0]) > xaxis.c2p(x[1]) ? -1 : 1, yaxis.c2p(y[0]) > yaxis.c2p(y[1]) ? -1 : 1];
    const shifts = signs.map((sign, i) => (sign < 0 ? 2 * box[i] + box[i + 2] : 0));
    drawn.setAttribute('transform', 'translate(' + shifts + ') scale(' + signs + ')');
    return drawn;
  }

  /** @param {Plotly} layer @param {SVGImageElement} drawn @param {Plotly} one */
  function put(layer, drawn, one) {
    const live = layer.node().querySelector('image');
    if (live) {
      // With a new address each time, the browser would take the picture away until it has read it again.
      Array.from(drawn.attributes).filter((attribute) => attribute.localName !== 'href')
        .forEach((attribute) => live.setAttribute(attribute.name, attribute.value));
      layer.select(() => live).datum(one);
    } else layer.node().replaceChildren(drawn.parentNode);
    fill(live || drawn);
  }

  /** @param {SVGImageElement} image */
  function fill(image) {
    const picture = /** @type {HeatmapImage} */ (shown);
    graph._hmpixcount = 1;
    graph._hmlumcount = picture.luminance;
    if (image.getAttributeNS(XLINK, 'href') === picture.address) return;
    image.setAttributeNS(XLINK, 'xlink:href', picture.address);
  }

  /** Put another picture and its values where the drawn ones are, where nothing else has changed;
   * false where Plotly has to draw.
   * @param {HeatmapImage | null} picture @param {Cells['meta']} meta @returns {boolean} */
  function replaceImage(picture, meta) {
    const trace = (graph.data || [])[0];
    const full = (graph._fullData || [])[0];
    const cells = ((graph.calcdata || [])[0] || [])[0];
    const image = graph.querySelector('.heatmaplayer image');
    if (!original || !picture || !shown || !image || !trace || !full || !cells) return false;
    if (trace.z !== shown.z || full.z !== shown.z || cells.z !== shown.z) return false;
    [trace, full].forEach((one) => Object.assign(one, { z: picture.z, meta }));
    cells.z = picture.z;
    setImage(picture);
    fill(image);
    return true;
  }

  return {
    install,
    buildImage,
    setImage,
    replaceImage,
    isInstalled: () => original !== null,
  };
}

/** The browser reads pictures in its own time, and in a hidden tab not at all.
 * @param {HTMLImageElement} image Or one of SVG, which may have no decode(). @returns {Promise<unknown>} */
export function whenDecoded(image) {
  const read = typeof image.decode === 'function'
    ? image.decode().catch(() => undefined)
    : new Promise((resolve) => image.addEventListener('load', resolve, { once: true }));
  return Promise.race([read, new Promise((resolve) => setTimeout(resolve, DECODE_WAIT_MS))]);
}

/* Pending input is handled first. */
function yieldToInput() {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

/** The relative luminance of the mean colour (WCAG 2), by which Plotly decides whether what it draws over the picture
 * is dark; pixels are their own colours. @param {Uint8Array | Uint32Array} codes @param {Uint32Array} table @returns {number} */
function meanLuminance(codes, table) {
  const sums = [0, 0, 0];
  let count = 0;
  for (let i = 0; i < codes.length; i += SAMPLE) {
    const isPixel = codes instanceof Uint32Array;
    if (!isPixel && codes[i] === MISSING_CODE) continue;
    const word = isPixel ? codes[i] : table[codes[i]];
    count += 1;
    for (let k = 0; k < 3; k += 1) sums[k] += (word >> (8 * k)) & 255;
  }
  const linear = sums.map((sum) => {
    const c = sum / Math.max(count, 1) / 255;
    return c <= 0.03928 ? c / 12.92 : Math.pow((c + 0.055) / 1.055, 2.4);
  });
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
