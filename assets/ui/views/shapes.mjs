/* The shapes of a view on a picture beside the main one, which shows them and lets nobody move them. */

import { isTransposed } from '../../model/plane.mjs';
import { outline, pixelOf } from '../../model/tool-geometry.mjs';
import { isSame, parseTools, planeOf } from '../../model/tools.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */

const SVG = 'http://www.w3.org/2000/svg';
// Of the cross of a point (px).
const ARM = 9;
const GAP = 3;

export function createShapes() {
  const node = document.createElementNS(SVG, 'svg');
  node.setAttribute('class', 'pane-shapes');
  node.setAttribute('aria-hidden', 'true');
  let drawn = '';

  /** Those on the plane of a view. @param {View} view @param {PlotArea} area Of its axes, in px of the frame. */
  function draw(view, area) {
    const plane = planeOf(view);
    const text = JSON.stringify([view.tools, plane, view.tools && area]);
    if (text === drawn) return;
    drawn = text;
    const { tools } = parseTools(view.tools, plane, view.shape.length);
    Object.assign(node.style, { left: area.left + 'px', top: area.top + 'px' });
    node.setAttribute('width', String(area.width));
    node.setAttribute('height', String(area.height));
    const own = Object.assign({}, area, { left: 0, top: 0 });
    node.replaceChildren(...tools.flatMap((tool, index) => {
      if (!isSame(tool.plane, plane)) return [];
      const d = pathOf(tool, isTransposed(view), own);
      return ['halo', ''].map((name) => {
        const path = document.createElementNS(SVG, 'path');
        path.setAttribute('d', d);
        if (name) path.setAttribute('class', name);
        else path.style.stroke = colorOf(index);
        return path;
      });
    }));
  }

  return { node, draw };
}

/** @param {Tool} tool @param {boolean} transposed @param {PlotArea} area */
function pathOf(tool, transposed, area) {
  const places = outline(tool).map((place) => pixelOf(area, transposed, place));
  if (tool.kind !== 'point') return 'M' + places.map(({ x, y }) => x.toFixed(1) + ',' + y.toFixed(1)).join('L');
  const [{ x, y }] = places;
  const half = ARM - GAP;
  return 'M' + (x - ARM) + ',' + y + 'h' + half + 'm' + 2 * GAP + ',0h' + half +
    'M' + x + ',' + (y - ARM) + 'v' + half + 'm0,' + 2 * GAP + 'v' + half;
}
