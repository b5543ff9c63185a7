/* The picture as it is on the screen, as a PNG: the plot with axes and colour bar, what lies over it, and a title. */

import { element, readyGraph } from './dom.mjs';

const SVG = 'http://www.w3.org/2000/svg';
const XLINK = 'http://www.w3.org/1999/xlink';
const LEAST_SCALE = 2;
const TITLE_PX = 14;
const LINE_PX = 20;
const MARGIN_PX = 12;

// What style sheets decide; a drawing of its own has none of them.
const STYLES = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-opacity', 'opacity', 'visibility', 'display']
  .concat(['font-family', 'font-size', 'font-weight', 'text-anchor', 'shape-rendering', 'image-rendering']);

/** `title` has the lines above the picture. @param {string[]} title @returns {Promise<Blob>} */
export async function snapshot(title) {
  const frame = element('plot-frame');
  const gd = readyGraph(element('slice-graph'));
  const [{ width, height }, scale] = [frame.getBoundingClientRect(), Math.max(devicePixelRatio, LEAST_SCALE)];
  const head = title.length ? title.length * LINE_PX + MARGIN_PX : 0;
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round((height + head) * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
  context.scale(scale, scale);
  const style = getComputedStyle(document.documentElement);
  context.fillStyle = style.getPropertyValue('--l-card');
  context.fillRect(0, 0, width, height + head);
  drawTitle(context, title, width, style);
  context.translate(0, head);
  const moving = /** @type {HTMLCanvasElement} */ (element('slice-canvas'));
  if (frame.classList.contains('moving')) drawOver(context, frame, moving);
  await drawPlot(context, frame, Array.from(gd.querySelectorAll('.main-svg')));
  drawScaleBar(context, frame);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture cannot be drawn.'))), 'image/png');
  });
}

/** @param {CanvasRenderingContext2D} context @param {string[]} lines @param {number} width
 * @param {CSSStyleDeclaration} style */
function drawTitle(context, lines, width, style) {
  const family = getComputedStyle(document.body).fontFamily;
  context.textBaseline = 'middle';
  lines.forEach((line, number) => {
    context.font = (number ? '' : '600 ') + (number ? TITLE_PX - 2 : TITLE_PX) + 'px ' + family;
    context.fillStyle = style.getPropertyValue(number ? '--l-dim' : '--l-ink');
    context.fillText(line, MARGIN_PX, MARGIN_PX + (number + 0.5) * LINE_PX, width - 2 * MARGIN_PX);
  });
}

/** @param {CanvasRenderingContext2D} context @param {Element} frame @param {HTMLCanvasElement} drawn */
function drawOver(context, frame, drawn) {
  const [box, outer] = [drawn.getBoundingClientRect(), frame.getBoundingClientRect()];
  context.imageSmoothingEnabled = false;
  context.drawImage(drawn, box.left - outer.left, box.top - outer.top, box.width, box.height);
}

/** @param {CanvasRenderingContext2D} context @param {Element} frame */
function drawScaleBar(context, frame) {
  const bar = frame.querySelector('.scale-bar');
  if (!bar || !bar.getClientRects().length) return;
  const [box, outer, style] = [bar.getBoundingClientRect(), frame.getBoundingClientRect(), getComputedStyle(bar)];
  const height = parseFloat(style.borderBottomWidth);
  context.save();
  context.shadowColor = '#000';
  context.shadowBlur = 4;
  context.fillStyle = style.color;
  context.fillRect(box.left - outer.left, box.bottom - outer.top - height, box.width, height);
  context.font = style.fontSize + ' ' + style.fontFamily;
  context.textAlign = 'center';
  context.textBaseline = 'top';
  context.fillText(bar.textContent || '', box.left - outer.left + box.width / 2, box.top - outer.top);
  context.restore();
}

/** Plotly's layers in one drawing: a gradient of one may fill what lies in another.
 * @param {CanvasRenderingContext2D} context @param {Element} frame @param {Element[]} layers */
async function drawPlot(context, frame, layers) {
  const outer = frame.getBoundingClientRect();
  const drawing = document.createElementNS(SVG, 'svg');
  drawing.setAttribute('width', String(outer.width));
  drawing.setAttribute('height', String(outer.height));
  for (const layer of layers) {
    const box = layer.getBoundingClientRect();
    const copy = /** @type {Element} */ (layer.cloneNode(true));
    const [from, to] = [layer, copy].map((one) => [one, ...one.querySelectorAll('*')]);
    from.forEach((one, number) => takeStyle(one, /** @type {SVGElement} */ (to[number])));
    for (const image of copy.querySelectorAll('image')) await takeImage(image);
    copy.setAttribute('x', String(box.left - outer.left));
    copy.setAttribute('y', String(box.top - outer.top));
    drawing.append(copy);
  }
  const text = new XMLSerializer().serializeToString(drawing);
  const picture = await loaded('data:image/svg+xml;charset=utf-8,' + encodeURIComponent(text));
  context.drawImage(picture, 0, 0, outer.width, outer.height);
}

/** @param {Element} from @param {SVGElement} to */
function takeStyle(from, to) {
  const style = getComputedStyle(from);
  // A gradient is named by the address of the page, where it is part of the drawing.
  STYLES.forEach((name) => to.style.setProperty(name, style.getPropertyValue(name).replace(/url\("[^"]*#/, 'url("#')));
}

/** A drawing may not load what lies outside of it. @param {SVGImageElement} image */
async function takeImage(image) {
  const address = image.getAttribute('href') || image.getAttributeNS(XLINK, 'href');
  if (!address || address.startsWith('data:')) return;
  const picture = await loaded(address);
  const canvas = document.createElement('canvas');
  canvas.width = picture.naturalWidth;
  canvas.height = picture.naturalHeight;
  /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d')).drawImage(picture, 0, 0);
  image.removeAttributeNS(XLINK, 'href');
  image.setAttribute('href', canvas.toDataURL());
}

/** @param {string} address @returns {Promise<HTMLImageElement>} */
function loaded(address) {
  return new Promise((resolve, reject) => {
    const picture = new Image();
    picture.addEventListener('load', () => resolve(picture), { once: true });
    picture.addEventListener('error', () => reject(new Error('The picture cannot be drawn.')), { once: true });
    picture.src = address;
  });
}
