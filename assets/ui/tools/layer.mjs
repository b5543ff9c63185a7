/* The tools on the pictures: the shapes of the view, and which one is selected. What mouse, pen and finger do with them is in
   drawing.mjs, what keys do in keyboard.mjs, what is measured in measure.mjs. */

import { keepSelected, takeSelected } from '../../data/selected-shape.mjs';
import { isEmpty, snapped } from '../../model/tool-geometry.mjs';
import { formatTools, isSame, MAX_TOOLS, parseTools, planeOf } from '../../model/tools.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { element, setText } from '../../render/dom.mjs';
import { colorOf, draftShapes, shapesOf } from '../../render/tool-shapes.mjs';
import { createDrawing } from './drawing.mjs';
import { createKeyboard } from './keyboard.mjs';
import { createMeasure } from './measure.mjs';
import { createSurfaces } from './surfaces.mjs';
import { NAMES } from './words.mjs';
/** @import { Place, Size } from '../../model/tool-geometry.mjs' */
/** @import { Plane, Tool, ToolKind } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ShownTool } from '../../render/tool-shapes.mjs' */
/** @import { PlotScene } from '../../render/values-request.mjs' */
/** @import { ToolName, ToolParts } from '../tools.mjs' */
/** @import { DrawingHooks } from './drawing.mjs' */
/** @import { Surface } from './surfaces.mjs' */

/**
 * @typedef {ReturnType<typeof createLayer>} Layer
 * @typedef {{index: number, tool: Tool}} Entry A tool with its place among all of the view.
 * @typedef {{index: number, tool: Tool}} Live What is being drawn or moved, and is not in the view yet.
 * @typedef {{plane: Plane, places: readonly Place[], tip: Place | null}} Draft A polygon that is not closed yet; `tip` is the pointer.
 * @typedef {{tools: ShownTool[], draft: readonly Place[], tip: Place | null}} Sketch What is drawn on a plane.
 */

/** `active()` is the tool that is chosen, `choose(name)` chooses another one.
 * @param {ToolParts & {active: () => ToolName, choose: (name: ToolName) => void}} parts */
export function createLayer(parts) {
  const { clock, store, plot, viewer, status, dock, active, choose } = parts;
  /** Place in the list of the view's tools. @type {number | null} */
  let selected = null;
  /** The handle that keys move; null for all of the tool. @type {number | null} */
  let handle = null;
  /** @type {Live | null} */
  let live = null;
  /** @type {Draft | null} */
  let draft = null;
  let known = { text: '', tools: /** @type {Tool[]} */ ([]) };
  let drawn = '[]';
  /** Shapes of the view as it was last. */
  let counted = 0;

  const surfaces = createSurfaces();
  /** @type {ReturnType<typeof createDrawing>[]} */
  const drawings = [];
  /** The view of the picture that shows a plane. @param {Plane} plane */
  const viewOf = (plane) => surfaces.of(plane)?.view || null;
  const measure = createMeasure(parts, { kind, current, entries, viewOf, select, change, remove, clear });
  const keyboard = createKeyboard(surfaces, {
    kind,
    current,
    size,
    count: () => all().length,
    handle: () => handle,
    hold: (next) => {
      handle = next;
      redraw();
    },
    keep,
    change,
    remove,
    draft: () => draft,
    setDraft,
  });
  /** @type {DrawingHooks} */
  const hooks = {
    entries: entriesOn,
    selected: () => selected,
    kind,
    select,
    show: (next) => {
      live = next;
      redraw();
      measure.onLive(next);
    },
    point: measure.onPoint,
    draft: draftOn,
    setDraft,
    keep,
    size,
  };
  plot.setOverlay(overlay);
  addEventListener('pagehide', () => keepSelected({ tools: store.current()?.tools || '', selected }));
  attach({ frame: element('plot-frame'), view: store.current, area: plot.area, redraw: drawMain });

  /** Shapes are drawn on this picture too. @param {Surface} surface */
  function attach({ frame, ...surface }) {
    surfaces.add({ frame, ...surface });
    if (frame) drawings.push(createDrawing(clock, { frame, ...surface }, hooks));
  }

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

  /** All of a view. @param {View | null} [view] @returns {Entry[]} */
  function all(view = store.current()) {
    return view ? toolsOf(view).map((tool, index) => ({ tool, index })) : [];
  }

  /** @param {Plane} plane @param {View | null} [view] */
  function entriesOn(plane, view) {
    return all(view).filter(({ tool }) => isSame(tool.plane, plane));
  }

  /* Those that are on the screen. */
  function entries() {
    return all().filter(({ tool }) => surfaces.of(tool.plane));
  }

  /* What is selected, where it is on the screen. */
  function current() {
    return entries().find(({ index }) => index === selected) || null;
  }

  /** A plane in voxels. @param {Plane} plane @returns {Size} */
  function size([first, second]) {
    const { shape } = /** @type {View} */ (store.current());
    return [shape[first], shape[second]];
  }

  /* Shapes */

  /** What is drawn on the plane of a view. @param {View} view @returns {Sketch} */
  function sketchOf(view) {
    const plane = planeOf(view);
    const now = store.current();
    // What is on the screen may be of the dataset before.
    const of = now && now.generation === view.generation ? now : view;
    const list = entriesOn(plane, of).filter(({ index }) => index !== live?.index);
    if (live && isSame(live.tool.plane, plane)) list.push(live);
    const tools = list.map(({ tool, index }) => ({
      tool,
      color: colorOf(index),
      label: measure.labelOf(view, tool, index, list.length),
      selected: index === selected || index === live?.index,
      handle,
    }));
    return { tools, draft: draftOn(plane), tip: draft && draft.tip };
  }

  /** @param {PlotScene} scene @returns {Plotly[]} */
  function overlay({ request: { view } }) {
    const transposed = isTransposed(view);
    const { tools, draft: places, tip } = sketchOf(view);
    const shapes = shapesOf(tools, transposed);
    if (places.length) shapes.push(...draftShapes(places, tip, transposed));
    drawn = JSON.stringify(shapes);
    return shapes;
  }

  function drawMain() {
    const scene = plot.scene();
    const before = drawn;
    if (scene && JSON.stringify(overlay(scene)) !== before) plot.drawOverlay();
  }

  const redraw = () => surfaces.redraw();

  /** Of a polygon that is not closed yet. @param {Plane} plane @returns {readonly Place[]} */
  function draftOn(plane) {
    return draft && isSame(draft.plane, plane) ? draft.places : [];
  }

  /** @param {Plane} plane @param {readonly Place[]} places @param {Place | null} [tip] Of the pointer. */
  function setDraft(plane, places, tip = null) {
    draft = places.length ? { plane, places, tip } : null;
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
    const kept = snapped(tool, size(tool.plane));
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
    keyboard.say(entry);
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

  /* All that are on the screen. */
  function clear() {
    selected = null;
    write(all().map(({ tool }) => tool).filter((tool) => !surfaces.of(tool.plane)));
    redraw();
    measure.onChange();
  }

  /* Another tool is chosen. */
  function onTool() {
    cancel();
    measure.onPoint(null);
    drop();
    measure.onTool();
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

  /* What is being drawn is given up; whether there was anything. */
  const cancel = () => drawings.map((drawing) => drawing.cancel()).some(Boolean);

  function drop() {
    draft = null;
    redraw();
  }

  /* One step back; whether there was anything to leave. */
  function leave() {
    if (cancel()) return true;
    if (draft) {
      drop();
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
      cancel();
      draft = null;
    }
    // Who opens a link with shapes sees what they measure, and profiles beside one.
    const appeared = count > 0 && counted === 0;
    counted = count;
    if (appeared && selected === null && view) {
      const before = takeSelected(view.tools);
      const here = entries();
      const first = (view.frozen && here.find(({ tool }) => tool.kind === 'line')) || here[0];
      selected = before === undefined ? first?.index ?? null : before;
    }
    dock.showMeasured(Boolean(kind()) || count > 0, appeared && (selected !== null || Boolean(view?.frozen)));
    redraw();
    measure.onChange();
  }

  /* The planes beside the main one are others, whose figures nothing else asks for. */
  function onBeside() {
    const entry = current();
    const view = store.current();
    if (entry && view && !isSame(entry.tool.plane, planeOf(view))) measure.onMoved();
  }

  return { attach, sketchOf, onKey: keyboard.onKey, onTool, onView, onBeside, onPhase: measure.onPhase, leave };
}
