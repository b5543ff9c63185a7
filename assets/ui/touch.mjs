/* Fingers on the picture: two zoom and pan. One pans where the picture is zoomed; at full view it steps through slices
   when it goes sideways, and scrolls the page when it goes up or down. */

import { gripOf, moveGrip } from '../model/pinch.mjs';
import { element } from '../render/dom.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Grip, PlotArea } from '../model/pinch.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Range } from '../model/viewport.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { Tools } from './tools.mjs' */
/** @import { Viewer } from './viewer.mjs' */

/** @typedef {{grip: Grip, area: PlotArea | null, moved: boolean}} Gesture */

// A finger's way for one slice (px).
const SLICE_PX = 7;

/** @param {{clock: Clock, store: Pick<ViewStore, 'current'>, viewer: Viewer, player: Player,
 *   plot: Pick<Plot, 'area' | 'zoom'>, tools: Pick<Tools, 'takesTouch'>}} parts */
export function createTouch({ clock, store, viewer, player, plot, tools }) {
  /** Null without one; its `area` is null where the finger steps through slices. @type {Gesture | null} */
  let gesture = null;
  /** @type {{x: Range, y: Range} | null} */
  let ranges = null;
  let frameDue = false;

  /** All fingers on the picture, on whichever parts of the graph they are: `targetTouches` has those of one part.
   * @param {TouchEvent} event */
  function touchesOf(event) {
    return Array.from(event.touches).filter(({ target }) =>
      element('plot-frame').contains(/** @type {Node} */ (target))
    );
  }

  /** Fingers have come or gone: the view has what they did, and what they do from here on begins anew.
   * @param {TouchEvent} event */
  function begin(event) {
    if (gesture && gesture.moved) viewer.setZoom(ranges && ranges.x, ranges && ranges.y);
    const view = store.current();
    const touches = touchesOf(event);
    if (touches.length === 1 && tools.takesTouch()) {
      gesture = null;
      own(event);
      return;
    }
    const drags = touches.length === 2 || (touches.length === 1 && view && view.x !== null);
    gesture = null;
    if (!view || !touches.length || touches.length > 2) return;
    gesture = { grip: gripOf(touches), area: drags ? areaOfWindow() : null, moved: false };
    // One finger may still be a tap.
    if (touches.length === 2) own(event);
  }

  /** The plot area in px of the window, as touches are. @returns {PlotArea | null} */
  function areaOfWindow() {
    const area = plot.area();
    if (!area) return null;
    const { left, top } = element('plot-frame').getBoundingClientRect();
    return Object.assign({}, area, { left: area.left + left, top: area.top + top });
  }

  /** @param {TouchEvent} event */
  function move(event) {
    if (!gesture) return;
    const grip = gripOf(touchesOf(event));
    if (gesture.area) {
      own(event);
      drag(grip);
    } else stepSlices(grip);
  }

  /** The browser does not scroll or zoom the page, and Plotly does not drag. @param {TouchEvent} event */
  function own(event) {
    if (event.cancelable) event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Grip} grip */
  function stepSlices(grip) {
    const begun = /** @type {Gesture} */ (gesture);
    const steps = Math.trunc((grip.x - begun.grip.x) / SLICE_PX);
    if (!steps) return;
    begun.grip.x += steps * SLICE_PX;
    player.stop();
    viewer.step(steps);
  }

  /** @param {Grip} grip */
  function drag(grip) {
    const view = store.current();
    if (!view) return;
    const begun = /** @type {Gesture & {area: PlotArea}} */ (gesture);
    begun.moved = true;
    ranges = moveGrip(begun.area, begun.grip, grip, { rows: view.shape[view.rows], cols: view.shape[view.cols] });
    // Axes are drawn once in a frame, however often fingers report.
    if (frameDue) return;
    frameDue = true;
    clock.nextFrame(() => {
      frameDue = false;
      plot.zoom(ranges && ranges.x, ranges && ranges.y);
    });
  }

  function start() {
    const frame = element('plot-frame');
    const options = { capture: true, passive: false };
    frame.addEventListener('touchstart', begin, options);
    frame.addEventListener('touchmove', move, options);
    frame.addEventListener('touchend', begin, options);
    frame.addEventListener('touchcancel', begin, options);
  }

  return { start };
}
