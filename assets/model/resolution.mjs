/* How many cells a picture gets: about one for each pixel of the screen, as many as the machine draws in time. */

import { isCategorical } from './kinds.mjs';
import { overlayOf } from './overlay.mjs';
import { projectionQuery } from './projection.mjs';
import { voxelsIn } from './viewport.mjs';
/** @import { View } from './view.mjs' */

// Blocks of k voxels are shown from k - 0.2 voxels a pixel on: no cell is wider than a pixel by more than a ninth.
const ROUNDED_UP = 0.2;

// Blocks that are cut by both edges of the view, along a side.
const CUT_BLOCKS = 2;

// What the newest drawings say of the machine.
const SAMPLES = 5;
const SHORTEST_MS = 0.1;

/** The most cells that the voxels in view are pooled to on `pixels` pixels of the screen.
 * @param {View} view @param {number} pixels @returns {number} */
export function cellsOnScreen(view, pixels) {
  /** @param {[number, number]} span */
  const length = ([from, end]) => end - from;
  const rows = length(/** @type {[number, number]} */ (voxelsIn(view.y, view.shape[view.rows])));
  const cols = length(/** @type {[number, number]} */ (voxelsIn(view.x, view.shape[view.cols])));
  const step = Math.max(1, Math.floor(Math.sqrt((rows * cols) / Math.max(pixels, 1)) + ROUNDED_UP));
  return Math.max(pixels, (Math.ceil(rows / step) + CUT_BLOCKS) * (Math.ceil(cols / step) + CUT_BLOCKS));
}

/** How many bytes a cell at rest has at most, however it is pooled. @param {View} view @returns {number} */
export function bytesOfCell(view) {
  const bits = Number(/\d+$/.exec(view.dtype)?.[0] || 8);
  const size = /^complex/.test(view.dtype) ? bits / 16 : bits / 8;
  if (view.kind === 'color') return 4;
  if (isCategorical(view)) return size;
  // A mean of integers has four; sums, unpacked values and the labels over them have up to eight.
  const isWide = view.decode || projectionQuery(view).project;
  return Math.max(size, isWide ? 8 : 4) + (overlayOf(view) ? 8 : 0);
}

/** How many cells are drawn in `limitMs`, learned from drawings; `start` until there is one.
 * @param {number} limitMs @param {number} start */
export function createDrawingBudget(limitMs, start) {
  /** @type {number[]} */
  const found = [];
  // What else the machine does makes drawings longer, never shorter.
  const cells = () => (found.length ? Math.max(...found) : start);

  /** @param {number} count Of cells that were drawn. @param {number} ms */
  function add(count, ms) {
    const most = Math.floor((count * limitMs) / Math.max(ms, SHORTEST_MS));
    // Of few cells most of the time goes into what does not depend on their number.
    if (most <= cells() && count < cells() / 2) return;
    found.push(most);
    if (found.length > SAMPLES) found.shift();
  }

  return { cells, add };
}
