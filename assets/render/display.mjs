/* What the screen, the machine and the link let a picture have: its cells at rest, in motion, and in a preview. */

import { aspectOf } from '../model/axes.mjs';
import { bytesOfCell, cellsOnScreen, createDrawingBudget } from '../model/resolution.mjs';
import { element } from './dom.mjs';
import { boxOf } from './plot-layout.mjs';
import { describeValues, isFine } from './values-request.mjs';
/** @import { Bandwidth } from '../data/bandwidth.mjs' */
/** @import { Clock } from '../data/clock.mjs' */
/** @import { ValuesRequest } from '../model/cells.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Size } from './plot-layout.mjs' */

/** @typedef {Size & {density: number}} Screen Of the plot (CSS px), and how many pixels of the screen one of them is. */

/** @typedef {ReturnType<typeof createDisplay>} Display */

// Times in which a picture at rest is made and drawn, and a frame in motion is painted, of the 16 until the next.
const REST_MS = 150;
const FRAME_MS = 10;

// Any machine draws these in time; how many more it does is measured on it.
const FIRST_AT_REST = 680 * 680;
const FIRST_IN_MOTION = 2 ** 21;

// In motion, server and page together make about so many cells a second on two cores: 680² 60 times, 1360² 14 times.
const CELLS_A_SECOND = 60 * FIRST_AT_REST;

// What takes longer on its way than this (ms) is preceded by a preview of so many bytes.
const PREVIEW_AFTER_MS = 400;
const PREVIEW_BYTES = 40_000 - 1000;

// No link carries one picture at rest for longer.
const LONGEST_MS = 20_000;
const RESIZE_MS = 200;

/** `config.restCells` is the most cells at rest, `onChange()` is called a moment after the plot or the density of the
 * screen has changed; `most(view)` the most px that a column of a view has. @param {{config: {restCells: number}, clock: Clock,
 *   bandwidth: Pick<Bandwidth, 'maxCells' | 'transferMs'>, onChange: () => void, screen?: () => Screen,
 *   most?: (view: View) => number}} parts */
export function createDisplay({
  config,
  clock,
  bandwidth,
  onChange,
  screen = currentScreen,
  most = () => Infinity,
}) {
  const rest = createDrawingBudget(REST_MS, FIRST_AT_REST);
  const motion = createDrawingBudget(FRAME_MS, FIRST_IN_MOTION);
  let timer = 0;

  /** What pictures at rest are made for: what is requested keeps its name until it is drawn.
   * @type {{screen: Screen, cells: number, bytes: number} | null} */
  let limits = null;

  /* Take up what has changed of the screen, and what was learned of the machine. */
  function update() {
    const cells = Math.min(rest.cells(), config.restCells);
    limits = { screen: screen(), cells, bytes: LONGEST_MS / bandwidth.transferMs(1) };
    return limits;
  }

  /** Pixels of the screen in the plot area of a view. @param {View} view @param {Screen} on */
  function pixelsOf(view, on) {
    const { shape, rows, cols, x, y } = view;
    const { plotWidth, plotHeight } = boxOf(
      { shape: [shape[rows], shape[cols]], x, y, aspect: aspectOf(view) },
      { ...on, most: most(view) },
    );
    return Math.round(plotWidth * plotHeight * on.density * on.density);
  }

  /** The most cells of a view at rest. @param {View} view @returns {number} */
  function cellsAtRest(view) {
    const { screen: on, cells, bytes } = limits || update();
    return Math.min(cellsOnScreen(view, pixelsOf(view, on)), cells, Math.floor(bytes / bytesOfCell(view)));
  }

  /** The most cells of a picture beside the main one, on `pixels` of the screen.
   * @param {View} view @param {number} pixels @returns {number} */
  function cellsBeside(view, pixels) {
    return Math.min(cellsOnScreen(view, pixels), (limits || update()).cells);
  }

  /** The most cells of a frame at a speed (frames/s). @param {View} view @param {number} speed @returns {number} */
  function cellsInMotion(view, speed) {
    const shown = cellsOnScreen(view, pixelsOf(view, screen()));
    const made = CELLS_A_SECOND / Math.max(speed, 1);
    return Math.floor(Math.min(shown, motion.cells(), bandwidth.maxCells(speed), made));
  }

  /** What is requested first of a view: its values, or where these would be on their way for long, a preview of them.
   * @param {View} view @param {string} viewerId @returns {ValuesRequest} */
  function firstRequest(view, viewerId) {
    const request = describeValues(view, cellsAtRest(view), viewerId);
    const { row0, row1, rowStep, col0, col1, colStep } = request.viewport;
    const cells = Math.ceil((row1 - row0) / rowStep) * Math.ceil((col1 - col0) / colStep);
    const each = bytesOfCell(view);
    if (bandwidth.transferMs(cells * each) <= PREVIEW_AFTER_MS) return request;
    const preview = describeValues(view, Math.floor(PREVIEW_BYTES / each), viewerId);
    return isFine(preview, request) ? request : preview;
  }

  function changed() {
    clock.cancel(timer);
    timer = clock.later(onChange, RESIZE_MS);
  }

  /* A window that is moved to another screen, or zoomed, keeps its size in CSS px. */
  function start() {
    const observer = new ResizeObserver(changed);
    try {
      observer.observe(element('plot-frame'), { box: 'device-pixel-content-box' });
    } catch {
      // Safari has no such box.
      observer.observe(element('plot-frame'));
      watchDensity();
    }
  }

  function watchDensity() {
    const query = matchMedia('(resolution: ' + (globalThis.devicePixelRatio || 1) + 'dppx)');
    query.addEventListener('change', () => {
      changed();
      watchDensity();
    }, { once: true });
  }

  return {
    start,
    update,
    cellsAtRest,
    cellsBeside,
    cellsInMotion,
    firstRequest,
    /* Drawings at rest, and frames: their cells, and how long they took (ms). */
    addDrawing: rest.add,
    addFrame: motion.add,
  };
}

/** @returns {Screen} */
function currentScreen() {
  const { clientWidth: width, clientHeight: height } = element('plot-frame');
  return { width, height, density: globalThis.devicePixelRatio || 1 };
}
