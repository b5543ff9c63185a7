/* The tools on the picture: the shapes of the view, which one is selected, and what keys do with it. What mouse, pen and
   finger do is in drawing.mjs, what is measured in measure.mjs. */

import {
  handlesOf,
  isEmpty,
  movedBy,
  placed,
  snapped,
  withHandle,
  within,
  withVertex,
} from '../../model/tool-geometry.mjs';
import { formatTools, isSame, MAX_TOOLS, parseTools, planeOf } from '../../model/tools.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { spansOf } from '../../model/region.mjs';
import { setText } from '../../render/dom.mjs';
import { colorOf, draftShapes, shapesOf } from '../../render/tool-shapes.mjs';
import { describe, NAMES } from './words.mjs';
import { createDrawing } from './drawing.mjs';
import { createMeasure } from './measure.mjs';
/** @import { Place, Size } from '../../model/tool-geometry.mjs' */
/** @import { Tool, ToolKind } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { PlotScene } from '../../render/values-request.mjs' */
/** @import { ToolName, ToolParts } from '../tools.mjs' */

/**
 * @typedef {ReturnType<typeof createLayer>} Layer
 * @typedef {{index: number, tool: Tool}} Entry A tool with its place among all of the view.
 * @typedef {{index: number, tool: Tool}} Live What is being drawn or moved, and is not in the view yet.
 */

const FAR_STEP = 10;
const MOST_VERTICES = 200;
/** Right and down on the screen. @type {Record<string, readonly [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** `active()` is the tool that is chosen, `choose(name)` chooses another one.
 * @param {ToolParts & {active: () => ToolName, choose: (name: ToolName) => void}} parts */
export function createLayer(parts) {
  const { store, plot, viewer, status, dock, active, choose } = parts;
  /** Place in the list of the view's tools. @type {number | null} */
  let selected = null;
  /** The handle that keys move; null for all of the tool. @type {number | null} */
  let handle = null;
  /** @type {Live | null} */
  let live = null;
  /** Places of a polygon that is not closed yet. @type {readonly Place[]} */
  let draft = [];
  /** @type {Place | null} */
  let tip = null;
  let known = { text: '', tools: /** @type {Tool[]} */ ([]) };
  let drawn = '[]';
  /** Shapes of the view as it was last. */
  let counted = 0;

  const measure = createMeasure(parts, { current, entries, select, change, remove, clear });
  const drawing = createDrawing(parts, {
    entries,
    selected: () => selected,
    kind,
    select,
    show: (next) => {
      live = next;
      redraw();
      measure.onLive(next);
    },
    point: measure.onPoint,
    draft: () => draft,
    setDraft,
    keep,
    size,
  });
  plot.setOverlay(overlay);

  /** The kind of tool that is chosen; null where a drag zooms or pans. @returns {ToolKind | null} */
  function kind() {
    const name = active();
    return name === 'zoom' || name === 'pan' ? null : name;
  }

  /** All tools of a view. @param {View} view @returns {Tool[]} */
  function toolsOf(view) {
    if (known.text !== view.tools) {
      known = { text: view.tools, tools: parseTools(view.tools, planeOf(view), view.shape.length).tools };
    }
    return known.tools;
  }

  /** Those on the plane that a view shows. @param {View} view @returns {Entry[]} */
  function entriesOf(view) {
    const plane = planeOf(view);
    return toolsOf(view).map((tool, index) => ({ tool, index })).filter(({ tool }) => isSame(tool.plane, plane));
  }

  function entries() {
    const view = store.current();
    return view ? entriesOf(view) : [];
  }

  /** The plane on the screen in voxels. @returns {Size} */
  function size() {
    const view = /** @type {View} */ (store.current());
    const [first, second] = planeOf(view);
    return [view.shape[first], view.shape[second]];
  }

  /** What is selected on the plane that the view shows. @returns {Entry | null} */
  function current() {
    const view = store.current();
    return (view && entriesOf(view).find(({ index }) => index === selected)) || null;
  }

  /* Shapes */

  /** @param {PlotScene} scene @returns {Plotly[]} */
  function overlay({ request: { view: drawnView } }) {
    const now = store.current();
    const view = now && now.generation === drawnView.generation ? { ...drawnView, tools: now.tools } : drawnView;
    const list = entriesOf(view).filter(({ index }) => index !== live?.index);
    if (live) list.push(live);
    const transposed = isTransposed(view);
    const shapes = shapesOf(
      list.map(({ tool, index }) => ({
        tool,
        color: colorOf(index),
        label: measure.labelOf(view, tool, index, list.length),
        selected: index === selected || index === live?.index,
        handle,
      })),
      transposed,
    );
    if (draft.length) shapes.push(...draftShapes(draft, tip, transposed));
    drawn = JSON.stringify(shapes);
    return shapes;
  }

  function redraw() {
    const scene = plot.scene();
    const before = drawn;
    if (scene && JSON.stringify(overlay(scene)) !== before) plot.drawOverlay();
  }

  /** @param {readonly Place[]} next @param {Place | null} [at] Of the pointer. */
  function setDraft(next, at = null) {
    draft = next;
    tip = at;
    redraw();
  }

  /* Changes of the view */

  /** @param {readonly Tool[]} tools */
  function write(tools) {
    viewer.setTools(formatTools(tools));
  }

  /** Put what was drawn or moved into the view, where it is selected. Nothing is kept of what is empty.
   * @param {Live} next */
  function keep({ index, tool }) {
    live = null;
    const view = store.current();
    if (!view) return;
    const tools = toolsOf(view).slice();
    const kept = snapped(tool, size());
    if (isEmpty(kept)) {
      redraw();
      return;
    }
    if (index >= MAX_TOOLS) {
      status.note('There is no space for more than ' + MAX_TOOLS + ' shapes: remove one first.', 'tools');
      redraw();
      return;
    }
    tools[index] = kept;
    selected = index;
    write(tools);
    redraw();
    dock.showMeasured(true, true);
    measure.onChange();
  }

  /** Another width or the like of what is selected. @param {Partial<Tool>} by */
  function change(by) {
    const entry = current();
    if (entry) keep({ index: entry.index, tool: { ...entry.tool, ...by } });
  }

  /** @param {number | null} index */
  function select(index) {
    if (index !== selected) handle = null;
    selected = index;
    redraw();
    measure.onChange();
    const entry = current();
    if (!entry) return;
    dock.showMeasured(true, true);
    say(entry);
  }

  function remove() {
    const entry = current();
    const view = store.current();
    if (!entry || !view) return;
    selected = null;
    handle = null;
    write(toolsOf(view).filter((_, index) => index !== entry.index));
    redraw();
    measure.onChange();
    setText('status', NAMES[entry.tool.kind] + ' removed');
  }

  /* All of the plane. */
  function clear() {
    const view = store.current();
    if (!view) return;
    const plane = planeOf(view);
    selected = null;
    write(toolsOf(view).filter((tool) => !isSame(tool.plane, plane)));
    redraw();
    measure.onChange();
  }

  /** @param {Entry} entry */
  function say({ tool, index }) {
    const places = handlesOf(tool);
    const at = handle === null ? '' : ', end ' + (handle + 1) + ' of ' + places.length + ' chosen';
    setText('status', describe(tool, index) + at);
  }

  /* Keys */

  /** @param {KeyboardEvent} event @returns {boolean} */
  function onKey(event) {
    const { key } = event;
    if (key === 'Delete' || key === 'Backspace') {
      if (draft.length) setDraft(draft.slice(0, -1));
      else if (current()) remove();
      else return false;
      return true;
    }
    const chosen = kind();
    if (!chosen) return false;
    if (ARROWS[key]) {
      step(ARROWS[key], event.shiftKey ? FAR_STEP : 1);
      return true;
    }
    if (event.shiftKey && key !== '+') return false;
    if (key === 'Enter') {
      if (event.target instanceof Element && event.target.closest('button, a')) return false;
      if (draft.length) closeDraft();
      else if (!current()) place(chosen);
      else holdNext();
      return true;
    }
    if (key === 'n') place(chosen);
    else if (key === '+' || key === 'Insert') addVertex();
    else return false;
    return true;
  }

  /** One in the middle of what is in view. @param {ToolKind} chosen */
  function place(chosen) {
    const view = store.current();
    if (!view) return;
    const [rows, cols] = spansOf(view).map(([from, to]) => [from, to - 1]);
    const [along, across] = isTransposed(view) ? [cols, rows] : [rows, cols];
    handle = null;
    keep({
      index: toolsOf(view).length,
      tool: placed(chosen, planeOf(view), [[along[0], across[0]], [along[1], across[1]]], size()),
    });
    const entry = current();
    if (entry) say(entry);
  }

  function holdNext() {
    const entry = /** @type {Entry} */ (current());
    const count = entry.tool.kind === 'point' ? 0 : handlesOf(entry.tool).length;
    handle = handle === null ? (count ? 0 : null) : handle + 1 < count ? handle + 1 : null;
    redraw();
    say(entry);
  }

  function addVertex() {
    const entry = current();
    if (entry?.tool.kind === 'poly') change({ points: withVertex(entry.tool, handle ?? 0, MOST_VERTICES).points });
  }

  /** Move what is selected, or place a tool where nothing is.
   * @param {readonly [number, number]} way Right and down. @param {number} voxels */
  function step([right, down], voxels) {
    const entry = current();
    const area = plot.area();
    const view = store.current();
    if (!entry || !area || !view) {
      place(/** @type {ToolKind} */ (kind()));
      return;
    }
    const dx = right * Math.sign(area.x[1] - area.x[0]) * voxels;
    const dy = down * Math.sign(area.y[1] - area.y[0]) * voxels;
    /** @type {Place} */
    const by = isTransposed(view) ? [dx, dy] : [dy, dx];
    if (handle === null) change(movedBy(entry.tool, by, size()));
    else {
      const [row, col] = handlesOf(entry.tool)[handle];
      change(withHandle(entry.tool, handle, within([row + by[0], col + by[1]], size())));
    }
    const moved = current();
    if (moved) say(moved);
  }

  function closeDraft() {
    const view = store.current();
    const points = draft.flat();
    draft = [];
    if (view) {
      keep({
        index: toolsOf(view).length,
        tool: { kind: 'poly', plane: planeOf(view), points, width: 1, sum: false },
      });
    }
  }

  /* Another tool is chosen. */
  function onTool() {
    drawing.cancel();
    measure.onPoint(null);
    setDraft([]);
    const chosen = kind();
    if (!chosen) return;
    dock.showMeasured(true, true);
    if (current()?.tool.kind !== chosen) select(null);
    setText(
      'status',
      NAMES[chosen] +
        ': draw it, or place it with Enter. Arrows move it, Enter holds an end, Delete removes it, Escape leaves.',
    );
  }

  /* One step back; whether there was anything to leave. */
  function leave() {
    if (drawing.cancel()) return true;
    if (draft.length) {
      setDraft([]);
      return true;
    }
    if (measure.cancel()) return true;
    if (handle !== null) {
      handle = null;
      redraw();
      return true;
    }
    if (kind()) {
      choose('zoom');
      return true;
    }
    if (!current()) return false;
    select(null);
    return true;
  }

  /* The view is another one, by a link or because its file has changed. */
  function onView() {
    const view = store.current();
    const list = view ? toolsOf(view) : [];
    const count = list.length + (view?.frozen ? 1 : 0);
    if (selected !== null && selected >= list.length) selected = null;
    if (!view) {
      drawing.cancel();
      draft = [];
    }
    // Who opens a link with shapes sees what they measure, and profiles beside one.
    const appeared = count > 0 && counted === 0;
    counted = count;
    if (appeared && selected === null) {
      const here = entries();
      const first = (view?.frozen && here.find(({ tool }) => tool.kind === 'line')) || here[0];
      selected = first?.index ?? null;
    }
    dock.showMeasured(Boolean(kind()) || count > 0, appeared);
    redraw();
    measure.onChange();
  }

  return { onKey, onTool, onView, onPhase: measure.onPhase, leave };
}
