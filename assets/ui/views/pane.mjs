/* A picture beside the main one: a canvas with ticks, shapes, a crosshair, a wheel and a slider of its own. */

import { aspectOf, axisOf, coordinateText, nameOf } from '../../model/axes.mjs';
import { placeOf, voxelAt } from '../../model/linked.mjs';
import { areaOf, rangesOf, spaceOf, zoomedAt } from '../../model/pane-area.mjs';
import { gripOf, moveGrip } from '../../model/pinch.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { createCanvas } from '../../render/canvas.mjs';
import { codedCells } from '../../render/codes.mjs';
import { axesOf } from '../../render/values-request.mjs';
import { createShapes } from './shapes.mjs';
import { tickMarks } from './ticks.mjs';
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Grip, PlotArea } from '../../model/pinch.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Range } from '../../model/viewport.mjs' */
/** @import { Tools } from '../tools.mjs' */
/** @import { Mark } from './ticks.mjs' */

/**
 * @typedef {object} PaneEvents
 * @property {(place: {row: number, col: number}) => void} point The crosshair is moved to a voxel of the plane.
 * @property {(by: number) => void} step Slices are turned.
 * @property {(index: number) => void} go
 * @property {(x: Range, y: Range) => void} zoom
 * @property {() => void} showAll
 * @property {() => void} resized
 * @property {() => View | null} drawn Whose plane shapes are drawn on; null where it is not on the screen.
 *
 * @typedef {Parameters<typeof areaOf>[3]} Layout
 * @typedef {object} Arrangement
 * @property {PlotArea} area
 * @property {Pick<PlotArea, 'x' | 'y'>} pointed Its voxels in those of the view in which they count.
 * @property {Mark[]} marks
 *
 * @typedef {ReturnType<typeof createPane>} Pane
 * @typedef {{row: number, col: number}} Voxel
 */

const WHEEL_STEP = 60;
const WHEEL_ZOOM = 0.0022;
const PAGE_STEP = 10;

/** `title` is what stands over a picture that has no slider of its own; without it, which slice it is. `arrange` says where the
 * picture lies in its frame and what is marked at it, where that is not by its own shape.
 * @param {string} id @param {Pick<Tools, 'attach' | 'sketchOf'>} tools @param {PaneEvents} on
 * @param {((view: View) => string) | null} [title] @param {() => Arrangement | null} [arrange] */
export function createPane(id, tools, on, title = null, arrange = () => null) {
  const node = made('section', { id, className: 'pane', tabIndex: 0 });
  node.setAttribute('role', 'group');
  const name = made('div', { className: 'pane-name' });
  const frame = made('div', { className: 'pane-frame' });
  const surface = made('canvas', { className: 'pane-canvas' });
  surface.setAttribute('aria-hidden', 'true');
  const cross = made('div', { className: 'crosshair' });
  const [across, down] = [made('div', { className: 'across' }), made('div', { className: 'down' })];
  cross.append(across, down);
  const ticks = made('div', { className: 'pane-ticks' });
  ticks.setAttribute('aria-hidden', 'true');
  const note = made('div', { className: 'pane-note' });
  note.setAttribute('role', 'status');
  const slider = made('input', { type: 'range', className: 'pane-slider', min: '0' });
  const band = made('div', { className: 'residency pane-band' });
  band.title = 'Slices that are decoded (solid), planned ahead (hatched) and in progress (light)';
  const shapes = createShapes();
  frame.append(surface, shapes.node, ticks, cross, note);
  node.append(name, frame);
  if (!title) node.append(slider, band);
  const canvas = createCanvas({ area: () => area });
  canvas.start(surface);

  /** @type {View | null} */
  let view = null;
  /** In whose voxels pointer, zoom and shapes count; of a comparison the main picture's. @type {View | null} */
  let base = null;
  /** @type {PlotArea | null} */
  let area = null;
  /** @type {{cells: Cells, mapping: ColorMapping} | null} */
  let shown = null;
  let tickText = '';
  /** @type {Layout} */
  let layout;
  /** @type {Arrangement | null} */
  let arranged = null;

  /** The plane as it is requested: ticks, crosshair and slider follow at once, what is painted lies where the axes have it.
   * @param {View} next @param {Voxel | null} point
   * @param {{counted?: View, layout?: Layout, size?: {width: number, height: number}}} [how] `size` is that of the frame. */
  function place(next, point, how = {}) {
    view = next;
    base = how.counted || next;
    layout = how.layout;
    layOut(how.size);
    label();
    mark(point);
  }

  const size = () => ({ width: frame.clientWidth, height: frame.clientHeight });

  /** The crosshair. @param {Voxel | null} point */
  function mark(point) {
    const at = area && point && placeOf(area, point.row, point.col);
    cross.hidden = !at;
    if (!at) return;
    across.style.transform = 'translateY(' + at.top + 'px)';
    down.style.transform = 'translateX(' + at.left + 'px)';
  }

  /** @param {{width: number, height: number}} [known] */
  function layOut(known) {
    if (!view) return;
    arranged = arrange();
    area = arranged?.area || areaOf(view, known || size(), aspectOf(view), layout);
    if (!area) return;
    canvas.draw(area);
    const box = area;
    drawShapes();
    Object.assign(cross.style, {
      left: box.left + 'px',
      top: box.top + 'px',
      width: box.width + 'px',
      height: box.height + 'px',
    });
    const marks = arranged?.marks || tickMarks(axesOf(view).axes, box);
    const text = JSON.stringify(marks);
    if (text === tickText) return;
    tickText = text;
    ticks.replaceChildren(...marks.map(({ className, left, top, text: label_ }) => {
      const mark = made('span', { className, textContent: label_ });
      mark.style.left = left + 'px';
      mark.style.top = top + 'px';
      return mark;
    }));
  }

  function drawShapes() {
    const of = on.drawn();
    const box = pointed();
    if (box && of) shapes.draw(tools.sketchOf(of), isTransposed(of), box);
  }

  /** The area in the voxels of `base`. @returns {PlotArea | null} */
  function pointed() {
    return area && base && base !== view ? { ...area, ...(arranged?.pointed || rangesOf(base)) } : area;
  }

  function label() {
    if (!view) return;
    if (title) {
      name.textContent = title(view);
      name.title = view.dataset + ' of ' + view.file;
      node.setAttribute('aria-label', title(view));
      return;
    }
    const { axis } = view;
    if (axis === null) return;
    const index = view.position[axis];
    const dimension = nameOf(view, axis);
    const text = [dimension + ' ' + index, coordinateText(axisOf(view, axis), index)].filter(Boolean).join(' · ');
    if (name.textContent === text) return;
    name.textContent = text;
    slider.max = String(view.shape[axis] - 1);
    slider.value = String(index);
    slider.setAttribute('aria-label', 'Slice of ' + dimension);
    node.setAttribute(
      'aria-label',
      'Picture across ' + dimension + ' at ' + index + ': arrow keys turn slices, with Shift they move the point',
    );
  }

  /** Paint cells; how long that took (ms). @param {Cells} cells @param {ColorMapping} mapping */
  function paint(cells, mapping) {
    shown = { cells, mapping };
    node.classList.add('painted');
    return canvas.paint(codedCells(cells, mapping), mapping);
  }

  /** Other colours for what is painted. @param {ColorMapping | null} mapping */
  function recolor(mapping) {
    if (shown && mapping && shown.mapping !== mapping) paint(shown.cells, mapping);
  }

  function clear() {
    shown = null;
    canvas.clear();
    node.classList.remove('painted', 'busy');
    note.textContent = '';
  }

  /* Mouse, pen and fingers */

  /** Those that draw, too: with a second finger they zoom. @type {Map<number, {clientX: number, clientY: number}>} */
  const touches = new Map();
  /** @type {{kind: 'point'} | {kind: 'pan', grip: Grip, area: PlotArea} | null} */
  let drag = null;

  /** @param {{clientX: number, clientY: number}} event */
  function local({ clientX, clientY }) {
    const box = frame.getBoundingClientRect();
    return { left: clientX - box.left, top: clientY - box.top };
  }

  const count = () => ({
    rows: base ? base.shape[base.rows] : 1,
    cols: base ? base.shape[base.cols] : 1,
  });

  /** @param {{clientX: number, clientY: number}} event */
  function toPoint(event) {
    const at = pointed();
    if (!at) return;
    const { left, top } = local(event);
    on.point(voxelAt(at, left, top, count()));
  }

  /** The area in px of the window, as a grip is. @param {PlotArea} of @returns {PlotArea} */
  function ofWindow(of) {
    const box = frame.getBoundingClientRect();
    return Object.assign({}, of, { left: of.left + box.left, top: of.top + box.top });
  }

  frame.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'touch') touches.set(event.pointerId, event);
  }, true);
  frame.addEventListener('pointermove', (event) => {
    if (touches.has(event.pointerId)) touches.set(event.pointerId, event);
  }, true);
  frame.addEventListener('lostpointercapture', ({ pointerId }) => touches.delete(pointerId));
  tools.attach({ frame, view: on.drawn, area: pointed, redraw: drawShapes });
  frame.addEventListener('pointerdown', (event) => {
    const at = pointed();
    if (!at || (event.pointerType === 'mouse' && event.button > 1)) return;
    touches.set(event.pointerId, event);
    frame.setPointerCapture(event.pointerId);
    const pans = touches.size === 2 || event.shiftKey || event.button === 1;
    if (pans) drag = { kind: 'pan', grip: gripOf(Array.from(touches.values()).slice(0, 2)), area: ofWindow(at) };
    else {
      drag = { kind: 'point' };
      if (event.pointerType !== 'touch') toPoint(event);
    }
    node.focus({ preventScroll: true });
    event.preventDefault();
  });
  frame.addEventListener('pointermove', (event) => {
    if (!touches.has(event.pointerId) || !drag) return;
    if (drag.kind === 'point') toPoint(event);
    else {
      const moved = moveGrip(drag.area, drag.grip, gripOf(Array.from(touches.values()).slice(0, 2)), count());
      if (moved) on.zoom(moved.x, moved.y);
      else on.showAll();
    }
  });
  frame.addEventListener('pointerup', (event) => {
    // A finger that is lifted where it was put down.
    if (drag?.kind === 'point' && touches.has(event.pointerId)) toPoint(event);
    release(event);
  });
  frame.addEventListener('pointercancel', release);
  frame.addEventListener('dblclick', () => on.showAll());

  /** @param {PointerEvent} event */
  function release(event) {
    touches.delete(event.pointerId);
    drag = null;
  }

  let wheel = 0;
  frame.addEventListener('wheel', (event) => {
    event.preventDefault();
    event.stopPropagation();
    const lines = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    if (event.ctrlKey || event.metaKey) {
      const at = pointed();
      if (!at) return;
      const { left, top } = local(event);
      const zoomed = zoomedAt(at, left, top, Math.exp(event.deltaY * lines * WHEEL_ZOOM), count());
      if (zoomed) on.zoom(zoomed.x, zoomed.y);
      else on.showAll();
      return;
    }
    wheel += event.deltaY * lines;
    const steps = Math.trunc(wheel / WHEEL_STEP);
    wheel -= steps * WHEEL_STEP;
    if (steps) on.step(Math.max(-PAGE_STEP, Math.min(PAGE_STEP, steps)));
  }, { passive: false });

  slider.addEventListener('input', () => on.go(Number(slider.value)));
  new ResizeObserver(() => {
    layOut();
    on.resized();
  }).observe(frame);

  return {
    node,
    frame,
    band,
    place,
    layOut,
    mark,
    paint,
    recolor,
    clear,
    view: () => view,
    area: pointed,
    shown: () => shown,
    size,
    /* What there is for the picture itself (px). */
    space: () => spaceOf(size()),
    /* The frame in the window (px). */
    box: () => frame.getBoundingClientRect(),
    /** @param {string} text */
    say: (text) => {
      note.textContent = text;
    },
    /** @param {boolean} busy */
    setBusy: (busy) => node.classList.toggle('busy', busy),
    /* Of the screen; 0 before it is laid out. */
    pixels: () => {
      const density = globalThis.devicePixelRatio || 1;
      return area ? Math.max(64, Math.floor(area.width * area.height * density * density)) : 0;
    },
  };
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @returns {HTMLElementTagNameMap[T]} */
export function made(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
