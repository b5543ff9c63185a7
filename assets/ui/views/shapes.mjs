/* The shapes on the plane of a picture beside the main one, or of what lies over it, which Plotly does not draw. */

import { bandOf, handlesOf, isRegion, outline, pixelOf } from '../../model/tool-geometry.mjs';
import { HANDLE_PX } from '../../render/tool-shapes.mjs';
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Pixel, Place } from '../../model/tool-geometry.mjs' */
/** @import { ShownTool } from '../../render/tool-shapes.mjs' */
/** @import { Sketch } from '../tools/layer.mjs' */

const SVG = 'http://www.w3.org/2000/svg';
// Of the cross of a point (px).
const ARM = 9;
const GAP = 3;
// Of a label (px).
const LABEL_PX = 4;
/** @type {Sketch} */
const NOTHING = { tools: [], draft: [], tip: null };

export function createShapes() {
  const node = svg('svg', { class: 'pane-shapes', 'aria-hidden': 'true' });
  let drawn = '';

  /** @param {Sketch | null} sketch @param {boolean} transposed @param {PlotArea} area In px of what it lies in. */
  function draw(sketch, transposed, area) {
    const text = JSON.stringify([sketch, transposed, area]);
    if (text === drawn) return;
    drawn = text;
    node.style.left = area.left + 'px';
    node.style.top = area.top + 'px';
    node.setAttribute('width', String(area.width));
    node.setAttribute('height', String(area.height));
    const own = Object.assign({}, area, { left: 0, top: 0 });
    /** @param {Place} place */
    const at = (place) => pixelOf(own, transposed, place);
    const { tools, draft, tip } = sketch || NOTHING;
    const open = draft.length ? lineOf([...draft, ...(tip ? [tip] : [])].map(at)) : '';
    node.replaceChildren(
      ...tools.flatMap((tool) => nodesOf(tool, at)),
      ...(open ? strokesOf(open, '#ffffff', false) : []),
      ...draft.map((place, i) => handleOf(at(place), i === 0)),
    );
  }

  return { node, draw };
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
function svg(tag, attributes) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}

/** @param {ShownTool} shown @param {(place: Place) => Pixel} at */
function nodesOf({ tool, color, label, selected, handle }, at) {
  const line = outline(tool).map(at);
  const d = tool.kind === 'point' ? crossAt(line[0]) : lineOf(line);
  const handles = selected && tool.kind !== 'point' ? handlesOf(tool) : [];
  return [
    ...(tool.width > 1 ? [svg('path', { class: 'band', d: lineOf(bandOf(tool).map(at)) + 'Z', fill: color })] : []),
    ...strokesOf(d, color, selected),
    ...(label ? [labelOf(label, line, isRegion(tool))] : []),
    ...handles.map((place, i) => handleOf(at(place), i === handle)),
  ];
}

/** A line with a dark edge. @param {string} d @param {string} stroke @param {boolean} selected */
const strokesOf = (d, stroke, selected) => [
  svg('path', { class: selected ? 'halo selected' : 'halo', d }),
  svg('path', { class: selected ? 'selected' : '', d, stroke }),
];

/** @param {Pixel[]} places */
const lineOf = (places) => 'M' + places.map(({ x, y }) => x.toFixed(1) + ',' + y.toFixed(1)).join('L');

/** @param {Pixel} at */
function crossAt({ x, y }) {
  const half = ARM - GAP;
  return 'M' + (x - ARM) + ',' + y + 'h' + half + 'm' + 2 * GAP + ',0h' + half +
    'M' + x + ',' + (y - ARM) + 'v' + half + 'm0,' + 2 * GAP + 'v' + half;
}

/** @param {Pixel} at @param {boolean} isActive */
const handleOf = ({ x, y }, isActive) =>
  svg('circle', { class: isActive ? 'handle active' : 'handle', cx: x, cy: y, r: HANDLE_PX + (isActive ? 2 : 0) });

/** Inside a region at its upper left, beside a point, at the middle of a line.
 * @param {string} text @param {Pixel[]} line @param {boolean} isInside */
function labelOf(text, line, isInside) {
  const [xs, ys] = [line.map(({ x }) => x), line.map(({ y }) => y)];
  const middle = (/** @type {number[]} */ of) => (Math.min(...of) + Math.max(...of)) / 2;
  const [x, y] = isInside ? [Math.min(...xs), Math.min(...ys) + 12] : [middle(xs), middle(ys) - LABEL_PX];
  const label = svg('text', { x: x + LABEL_PX, y });
  label.textContent = text;
  return label;
}
