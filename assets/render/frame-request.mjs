/* What the scrubber requests for a view: frames of one movement, which differ in their index alone. */

import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';
/** @import { Frame } from '../data/frame-cache.mjs' */
/** @import { SliceAnswer } from '../data/slice-loader.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { SliceQuery } from '../model/viewport.mjs' */

/**
 * @typedef {ReturnType<typeof describeFrames> & {requestedAt?: number}} FrameScene `requestedAt` is the time of the key
 *   or click (ms).
 */

/** The scene of a view in motion at no more than `limit` cells: all that decides the bytes of its frames, `frameSetKey`
 * that names this, the view's own index, and the size of one frame (bytes).
 * @param {View} view Of more than two dimensions. @param {ColorMapping} mapping @param {number} limit */
export function describeFrames(view, mapping, limit) {
  const frameSet = {
    generation: view.generation,
    file: view.file,
    dataset: view.dataset,
    part: view.part,
    // As at rest, so that nothing changes but the number of cells when the heatmap takes over.
    pool: poolOf(view),
    norm: mapping.norm,
    window: view.window === 'slice' ? 'slice' : mapping.lo + ',' + mapping.hi,
    shape: view.shape,
    rows: view.rows,
    cols: view.cols,
    axis: /** @type {number} */ (view.axis),
    x: view.x,
    y: view.y,
  };
  const fixed = view.position.filter((_, d) => d !== view.axis && d !== view.rows && d !== view.cols);
  const viewport = viewportOf(view, limit);
  return Object.assign({}, frameSet, {
    frameSetKey: JSON.stringify([frameSet, fixed]),
    view,
    viewport,
    position: view.position,
    index: view.position[/** @type {number} */ (view.axis)],
    bytes: Math.ceil((viewport.row1 - viewport.row0) / viewport.rowStep) *
      Math.ceil((viewport.col1 - viewport.col0) / viewport.colStep),
  });
}

/** The query of the frame at `index`.
 * @param {FrameScene} scene @param {number} index @param {string} viewerId @returns {SliceQuery} */
export function frameQuery(scene, index, viewerId) {
  const position = scene.position.slice();
  position[scene.axis] = index;
  return {
    file: scene.file,
    dataset: scene.dataset,
    selection: selectionOf({ shape: scene.shape, rows: scene.rows, cols: scene.cols, position }, scene.viewport),
    format: 'u8',
    window: scene.window,
    norm: scene.norm,
    pool: scene.pool,
    part: scene.part,
    viewer: viewerId,
  };
}

/** The frame of an answer to the query of `selection`.
 * @param {FrameScene} scene @param {string} selection @param {SliceAnswer} answer @returns {Frame} */
export function frameOf(scene, selection, answer) {
  const codes = new Uint8Array(answer.bytes);
  const [rows, cols] = answer.shape;
  if (codes.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
  const { step, rowStep, colStep, row0, col0 } = scene.viewport;
  return {
    frameSetKey: scene.frameSetKey,
    codes,
    rows,
    cols,
    step,
    rowStep,
    colStep,
    row0,
    col0,
    selection,
    answer: Object.assign(answer, { bytes: null }),
  };
}
