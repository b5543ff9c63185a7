/* Shapes drawn and moved by mouse, pen and finger on a picture, the main one or one beside it. Neither Plotly nor the picture has
   a part in it: an event on a tool goes no further. */

import { hitOf, movedBy, pixelOf, placeAt, snapped, withHandle, within } from '../../model/tool-geometry.mjs';
import { planeOf } from '../../model/tools.mjs';
import { isTransposed } from '../../model/plane.mjs';
/** @import { Hit, Pixel, Place, Size } from '../../model/tool-geometry.mjs' */
/** @import { Clock } from '../../data/clock.mjs' */
/** @import { Plane, Tool, ToolKind } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Entry, Live } from './layer.mjs' */
/** @import { Surface } from './surfaces.mjs' */

/**
 * @typedef {object} DrawingHooks
 * @property {(plane: Plane) => Entry[]} entries The tools on a plane.
 * @property {() => number | null} selected
 * @property {() => ToolKind | null} kind
 * @property {(index: number | null) => void} select
 * @property {(live: Live | null) => void} show What is being drawn.
 * @property {(tool: Tool | null) => void} point A point where the mouse is, while points are drawn; null where none is.
 * @property {(plane: Plane) => readonly Place[]} draft Of a polygon that is not closed yet.
 * @property {(plane: Plane, draft: readonly Place[], tip?: Place | null) => void} setDraft
 * @property {(live: Live) => void} keep
 * @property {(plane: Plane) => Size} size
 *
 * @typedef {object} Drag
 * @property {number} pointer
 * @property {number} generation
 * @property {Entry} entry As it was when the drag began.
 * @property {Hit} hit
 * @property {Place} from
 * @property {Pixel} start
 * @property {boolean} isNew
 * @property {boolean} moved
 */

// How close one has to be, and how far one moves before it is a drag (px).
const REACH = { mouse: 7, touch: 20 };
const STILL_PX = 3;

/** @param {Clock} clock @param {Surface & {frame: HTMLElement}} surface @param {DrawingHooks} hooks */
export function createDrawing(clock, { frame, ...surface }, hooks) {
  /** @type {Drag | null} */
  let drag = null;
  /** The pointer was last here (px of the frame). @type {Pixel | null} */
  let last = null;
  let due = false;

  /** @param {PointerEvent} event @returns {Pixel} */
  function pixel(event) {
    const { left, top } = frame.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** @param {PointerEvent} event */
  const reach = ({ pointerType }) => (pointerType === 'touch' ? REACH.touch : REACH.mouse);

  /** @param {Pixel} at @param {PlotArea} area */
  const isInside = ({ x, y }, { left, top, width, height }) =>
    x >= left && x <= left + width && y >= top && y <= top + height;

  /** What is at a place of the screen: of the selected tool first, then of those that were drawn last.
   * @param {Pixel} at @param {PlotArea} area @param {View} view @param {number} near
   * @returns {{entry: Entry, hit: Hit} | null} */
  function find(at, area, view, near) {
    const transposed = isTransposed(view);
    const chosen = hooks.selected();
    const entries = hooks.entries(planeOf(view)).sort((a, b) =>
      Number(b.index === chosen) - Number(a.index === chosen) || b.index - a.index
    );
    for (const entry of entries) {
      const hit = hitOf(entry.tool, (place) => pixelOf(area, transposed, place), at, near);
      // The inside of a region is for what is drawn there, unless it is the one that is being worked with.
      const counts = hit && (hit.part !== 'inside' || (entry.index === chosen && hooks.kind() === entry.tool.kind));
      if (counts && (hit.part !== 'handle' || entry.index === chosen)) return { entry, hit };
      if (hit?.part === 'handle') return { entry, hit: { part: 'edge' } };
    }
    return null;
  }

  /** @param {PointerEvent} event */
  function onDown(event) {
    const view = surface.view();
    const area = surface.area();
    if (drag && event.pointerId !== drag.pointer) {
      // Two fingers zoom.
      cancel();
      return;
    }
    if (!view || !area || event.button !== 0 || !event.isPrimary || event.ctrlKey) return;
    if (!(event.target instanceof Element) || !event.target.closest('.plot-frame .dash-graph, .pane-frame')) return;
    const at = pixel(event);
    const kind = hooks.kind();
    const isDraft = kind === 'poly' && hooks.draft(planeOf(view)).length > 0;
    const found = isDraft ? null : find(at, area, view, reach(event));
    if (!found && (!kind || !isInside(at, area))) return;
    own(event);
    const from = placeOf(at, area, view);
    if (!found && kind === 'poly') {
      addVertex(at, from, area, view, reach(event));
      return;
    }
    frame.setPointerCapture(event.pointerId);
    const entry = found
      ? found.entry
      : { index: countOf(view), tool: toolAt(/** @type {ToolKind} */ (kind), from, view) };
    const isPoint = entry.tool.kind === 'point';
    /** @type {Hit} */
    const hit = found ? found.hit : { part: 'handle', handle: isPoint ? 0 : 1 };
    // A point is there at once.
    const moved = !found && isPoint;
    drag = { pointer: event.pointerId, generation: view.generation, entry, hit, from, start: at, isNew: !found, moved };
    frame.classList.add('drawing');
    if (moved) move(at);
  }

  /** A new tool that begins at a place. @param {ToolKind} kind @param {Place} from @param {View} view @returns {Tool} */
  function toolAt(kind, from, view) {
    return { kind, plane: planeOf(view), points: kind === 'point' ? from : [...from, ...from], width: 1, sum: false };
  }

  /** @param {View} view */
  const countOf = (view) => view.tools ? view.tools.split(';').length : 0;

  /** @param {Pixel} at @param {PlotArea} area @param {View} view @returns {Place} */
  const placeOf = (at, area, view) => within(placeAt(area, isTransposed(view), at), hooks.size(planeOf(view)));

  /** A vertex of a polygon, which a click on the first one closes.
   * @param {Pixel} at @param {Place} place @param {PlotArea} area @param {View} view @param {number} near */
  function addVertex(at, place, area, view, near) {
    const plane = planeOf(view);
    const draft = hooks.draft(plane);
    const first = draft.length > 2 ? pixelOf(area, isTransposed(view), draft[0]) : null;
    const end = draft.length > 2 ? pixelOf(area, isTransposed(view), draft[draft.length - 1]) : null;
    /** @param {Pixel | null} one */
    const isAt = (one) => one !== null && Math.hypot(one.x - at.x, one.y - at.y) <= near;
    if (!isAt(first) && !isAt(end)) {
      hooks.setDraft(plane, [...draft, place]);
      return;
    }
    hooks.setDraft(plane, []);
    hooks.keep({
      index: countOf(view),
      tool: { kind: 'poly', plane, points: draft.flat(), width: 1, sum: false },
    });
  }

  /** @param {PointerEvent} event */
  function onMove(event) {
    last = pixel(event);
    if (drag) own(event);
    if (due) return;
    due = true;
    // Shapes are drawn once in a frame, however often a mouse reports.
    clock.nextFrame(() => {
      due = false;
      if (!last) return;
      if (drag) move(last);
      else if (event.pointerType !== 'touch') point(last);
    });
  }

  /** What is under the mouse. @param {Pixel} at */
  function point(at) {
    const view = surface.view();
    const area = surface.area();
    if (!view || !area) return;
    const plane = planeOf(view);
    const draft = hooks.draft(plane);
    if (draft.length) hooks.setDraft(plane, draft, placeOf(at, area, view));
    const isPoint = hooks.kind() === 'point' && isInside(at, area);
    hooks.point(isPoint ? snapped(toolAt('point', placeOf(at, area, view), view), hooks.size(plane)) : null);
    frame.classList.toggle('on-tool', find(at, area, view, REACH.mouse) !== null);
  }

  /** @param {Pixel} at */
  function move(at) {
    const view = surface.view();
    const area = surface.area();
    if (!drag || !area) return;
    if (!view || view.generation !== drag.generation) {
      cancel();
      return;
    }
    drag.moved = drag.moved || Math.hypot(at.x - drag.start.x, at.y - drag.start.y) > STILL_PX;
    if (!drag.moved) return;
    hooks.show({ index: drag.entry.index, tool: snapped(dragged(drag, at, area, view), hooks.size(planeOf(view))) });
  }

  /** @param {Drag} of @param {Pixel} at @param {PlotArea} area @param {View} view @returns {Tool} */
  function dragged({ entry: { tool }, hit, from }, at, area, view) {
    const to = placeOf(at, area, view);
    if (hit.part === 'handle') return withHandle(tool, hit.handle, to);
    return movedBy(tool, [to[0] - from[0], to[1] - from[1]], hooks.size(planeOf(view)));
  }

  /** @param {PointerEvent} event */
  function onUp(event) {
    if (!drag || event.pointerId !== drag.pointer) return;
    own(event);
    move(pixel(event));
    // The file may be another one by now.
    if (!drag) return;
    const mine = drag;
    const view = surface.view();
    const area = surface.area();
    end();
    if (mine.moved && area && view) {
      hooks.keep({ index: mine.entry.index, tool: dragged(mine, pixel(event), area, view) });
    } else {
      hooks.show(null);
      hooks.select(mine.isNew ? null : mine.entry.index);
    }
  }

  function end() {
    drag = null;
    frame.classList.remove('drawing');
  }

  /** Leave what is being drawn; whether there was anything. */
  function cancel() {
    if (!drag) return false;
    end();
    hooks.show(null);
    return true;
  }

  /** Neither Plotly nor the page has it. @param {Event} event */
  function own(event) {
    if (event.cancelable) event.preventDefault();
    event.stopPropagation();
  }

  frame.addEventListener('pointerdown', onDown, true);
  frame.addEventListener('pointermove', onMove, true);
  frame.addEventListener('pointerup', onUp, true);
  frame.addEventListener('pointercancel', cancel, true);
  frame.addEventListener('pointerleave', () => hooks.point(null));
  for (const type of ['mousedown', 'mousemove']) {
    frame.addEventListener(type, (event) => drag && own(event), true);
  }
  // Two clicks of a polygon.
  frame.addEventListener('dblclick', (event) => hooks.kind() && own(event), true);
  return { cancel };
}
