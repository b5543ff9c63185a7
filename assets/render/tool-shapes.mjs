/* Tools as shapes of Plotly's layout, which draws them with the picture. */

import { bandOf, handlesOf, isRegion, placesOf } from '../model/tool-geometry.mjs';
/** @import { Place } from '../model/tool-geometry.mjs' */
/** @import { Tool } from '../model/tools.mjs' */

/**
 * @typedef {object} ShownTool
 * @property {Tool} tool
 * @property {string} color
 * @property {string} label Stands at it; empty for none.
 * @property {boolean} selected
 * @property {number | null} handle The handle that keys move.
 */

// Legible on a picture and on either page; most are Okabe and Ito's, which colour-blind people tell apart.
const COLORS = ['#e69f00', '#56b4e9', '#d55e00', '#009e73', '#cc79a7', '#7f7fff'];
const HALO = 'rgba(0, 0, 0, 0.55)';
export const HANDLE_PX = 4.5;
const LABEL_FONT = { size: 12, color: '#ffffff' };
const CROSS = 'M-9,0H-3M3,0H9M0,-9V-3M0,3V9';

/** @param {number} index Of a tool among all. */
export const colorOf = (index) => COLORS[index % COLORS.length];

/** @param {ShownTool[]} shown @param {boolean} transposed @returns {Plotly[]} */
export function shapesOf(shown, transposed) {
  /** @param {Place} place @returns {Place} Along x and y. */
  const at = ([row, col]) => (transposed ? [row, col] : [col, row]);
  return shown.flatMap(({ tool, color, label, selected, handle }) => {
    const shape = geometryOf(tool, at);
    const width = selected ? 2.5 : 1.5;
    return [
      ...(tool.width > 1
        ? [{
          type: 'path',
          path: pathOf(bandOf(tool).map(at), true),
          line: { width: 0 },
          fillcolor: color,
          opacity: 0.25,
        }]
        : []),
      { ...shape, line: { color: HALO, width: width + 2 } },
      { ...shape, line: { color, width }, ...(label && tool.kind !== 'point' ? { label: labelOf(tool, label) } : {}) },
      ...(label && tool.kind === 'point' ? [pointLabel(at(placesOf(tool)[0]), label)] : []),
      ...(selected && tool.kind !== 'point' ? handlesOf(tool) : []).map((place, i) =>
        handleOf(at(place), i === handle)
      ),
    ];
  });
}

/** @param {Tool} tool @param {(place: Place) => Place} at @returns {Plotly} */
function geometryOf(tool, at) {
  const places = placesOf(tool).map(at);
  const [[x0, y0], [x1, y1] = [0, 0]] = places;
  if (tool.kind === 'point') {
    return { type: 'path', path: CROSS, xsizemode: 'pixel', ysizemode: 'pixel', xanchor: x0, yanchor: y0 };
  }
  if (tool.kind === 'poly') return { type: 'path', path: pathOf(places, true) };
  const type = tool.kind === 'rect' ? 'rect' : tool.kind === 'ellipse' ? 'circle' : 'line';
  return { type, x0, y0, x1, y1 };
}

/** A polygon that is not closed yet: its vertices, and a line to where the pointer is.
 * @param {readonly Place[]} draft @param {Place | null} tip @param {boolean} transposed @returns {Plotly[]} */
export function draftShapes(draft, tip, transposed) {
  const places = [...draft, ...(tip ? [tip] : [])].map((
    [row, col],
  ) => /** @type {Place} */ (transposed ? [row, col] : [col, row]));
  const lines = places.length < 2 ? [] : [HALO, '#ffffff'].map((color, i) => ({
    type: 'path',
    path: pathOf(places, false),
    line: { color, width: i ? 1.5 : 3.5 },
    fillcolor: 'rgba(0, 0, 0, 0)',
  }));
  return [...lines, ...places.slice(0, draft.length).map((place, i) => handleOf(place, i === 0))];
}

/** @param {Place[]} places @param {boolean} closed */
const pathOf = (places, closed) => 'M' + places.map((place) => place.join(',')).join('L') + (closed ? 'Z' : '');

/** @param {Place} place Along x and y. @param {boolean} isActive @returns {Plotly} */
function handleOf([x, y], isActive) {
  const size = isActive ? HANDLE_PX + 2 : HANDLE_PX;
  return {
    type: 'circle',
    xsizemode: 'pixel',
    ysizemode: 'pixel',
    xanchor: x,
    yanchor: y,
    x0: -size,
    x1: size,
    y0: -size,
    y1: size,
    fillcolor: isActive ? '#ffffff' : 'rgba(255, 255, 255, 0.75)',
    line: { color: '#22282d', width: 1.5 },
  };
}

/** @param {Tool} tool @param {string} text @returns {Plotly} */
function labelOf(tool, text) {
  return {
    text,
    textposition: isRegion(tool) ? 'top left' : 'middle',
    textangle: 0,
    font: LABEL_FONT,
    padding: 4,
  };
}

/** A label beside a cross. @param {Place} place Along x and y. @param {string} text @returns {Plotly} */
function pointLabel([x, y], text) {
  const box = { x0: 4, x1: 24, y0: 4, y1: 20 };
  const at = { xsizemode: 'pixel', ysizemode: 'pixel', xanchor: x, yanchor: y, ...box };
  return { type: 'rect', ...at, line: { width: 0 }, label: { text, textposition: 'middle left', font: LABEL_FONT } };
}
