/* What lies over the picture in a comparison: the second dataset by swipe or blended, or the difference, and the shapes that it
   covers. */

import { placeIn } from '../../model/comparison.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { createCanvas } from '../../render/canvas.mjs';
import { codedCells } from '../../render/codes.mjs';
import { element } from '../../render/dom.mjs';
import { made } from './pane.mjs';
import { createShapes } from './shapes.mjs';
/** @import { Along } from '../../model/axes.mjs' */
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Laid } from '../../model/comparison.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Range } from '../../model/viewport.mjs' */
/** @import { ViewsParts } from '../views.mjs' */

/** A range in the voxels of another dataset. @param {Range} range @param {Along} along @returns {Range} */
export const moved = ([from, to], along) => [placeIn(along, from), placeIn(along, to)];

/** `share()` is how much of it is to be seen, 0…1; `onPlaced(area)` hears where it lies in the stage, null where nothing does.
 * @param {Pick<ViewsParts, 'plot' | 'store' | 'tools'> & {share: () => number, onPlaced: (area: PlotArea | null) => void}} parts */
export function createOver({ plot, store, tools, share, onPlaced }) {
  /** `under` is null for what is in the picture's voxels.
   * @type {{cells: Cells, mapping: ColorMapping, under: Laid | null} | null} */
  let painted = null;
  const over = made('canvas', { id: 'compare-over', className: 'compare-over' });
  over.setAttribute('aria-hidden', 'true');
  // What is over the picture covers its shapes.
  const shapes = createShapes();
  const canvas = createCanvas({ area: () => paintedArea(plot.area()) });
  canvas.start(over);
  tools.attach({ frame: null, view: () => null, area: () => null, redraw: drawShapes });

  /** The plot area in px of the stage. @param {PlotArea | null} area */
  function shifted(area) {
    const frame = element('plot-frame');
    return area && { ...area, left: area.left + frame.offsetLeft, top: area.top + frame.offsetTop };
  }

  /** The same in the voxels of what is painted. @param {PlotArea | null} area @returns {PlotArea | null} */
  function paintedArea(area) {
    const box = shifted(area);
    const under = painted && painted.under;
    if (!box || !under) return box;
    return { ...box, x: moved(box.x, under.cols), y: moved(box.y, under.rows) };
  }

  /** @param {Cells} cells @param {ColorMapping} mapping @param {Laid | null} [under] */
  function paint(cells, mapping, under = null) {
    painted = { cells, mapping, under };
    over.hidden = false;
    const spent = canvas.paint(codedCells(cells, mapping), mapping);
    place(plot.area());
    return spent;
  }

  function hide() {
    painted = null;
    over.classList.remove('stale');
    over.hidden = true;
    shapes.node.classList.add('hidden');
    canvas.clear();
  }

  function drawShapes() {
    const view = store.current();
    const box = shifted(plot.area());
    if (over.isConnected && painted && view && box) shapes.draw(tools.sketchOf(view), isTransposed(view), box);
  }

  /** Over the axes of the picture, as much of it as is to be seen. @param {PlotArea | null} area */
  function place(area) {
    const view = store.current();
    const box = shifted(area);
    if (!view || !box) return;
    const { mode } = view;
    onPlaced(mode === 'swipe' && painted ? box : null);
    if (!painted) return;
    canvas.draw(paintedArea(area));
    shapes.node.classList.remove('hidden');
    drawShapes();
    over.style.opacity = mode === 'overlay' ? String(share()) : '1';
    over.style.clipPath = mode === 'swipe' ? 'inset(0 0 0 ' + 100 * share() + '%)' : 'none';
  }

  return {
    nodes: [over, shapes.node],
    paint,
    hide,
    place,
    painted: () => painted,
    /** It is of the slice before. @param {boolean} stale */
    setStale: (stale) => over.classList.toggle('stale', stale),
  };
}
