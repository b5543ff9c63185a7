/* What the scrubber requests for a view: frames of one movement, which differ in their index alone. */

import { pixelsOfAnswer, valuesOf } from '../data/typed-arrays.mjs';
import { codeWindow } from '../model/clip-marks.mjs';
import { labelCodes, parseLabels } from '../model/labels.mjs';
import { overlayOf } from '../model/overlay.mjs';
import { isTransposed } from '../model/plane.mjs';
import { projectionQuery } from '../model/projection.mjs';
import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';
import { encodingOf } from './values-request.mjs';
/** @import { Frame } from '../data/frame-cache.mjs' */
/** @import { SliceAnswer } from '../data/slice-loader.mjs' */
/** @import { LabelChoice } from '../model/labels.mjs' */
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
  const { lo, hi } = codeWindow(mapping);
  const frameSet = {
    generation: view.generation,
    file: view.file,
    dataset: view.dataset,
    part: view.part,
    decode: view.decode,
    kind: view.kind,
    labels: view.labels,
    overlay: overlayOf(view),
    project: projectionQuery(view).project,
    // As at rest, so that nothing changes but the number of cells when the heatmap takes over.
    pool: poolOf(view),
    norm: mapping.norm,
    window: view.window === 'slice' ? 'slice' : lo + ',' + hi,
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
    bytes: bytesOfCell(view) * Math.ceil((viewport.row1 - viewport.row0) / viewport.rowStep) *
      Math.ceil((viewport.col1 - viewport.col0) / viewport.colStep),
  });
}

/** How much the page keeps of a cell (bytes). @param {View} view */
const bytesOfCell = (view) => (view.kind === 'color' ? 4 : overlayOf(view) ? 2 : 1);

/** The query of the frame at `index`.
 * @param {FrameScene} scene @param {number} index @param {string} viewerId @returns {SliceQuery} */
export function frameQuery(scene, index, viewerId) {
  const position = scene.position.slice();
  position[scene.axis] = index;
  return {
    file: scene.file,
    dataset: scene.dataset,
    selection: selectionOf({ shape: scene.shape, rows: scene.rows, cols: scene.cols, position }, scene.viewport),
    ...(scene.kind === 'values'
      ? {
        format: 'u8',
        window: scene.window,
        norm: scene.norm,
        decode: scene.decode ? 1 : null,
        ...projectionQuery(scene.view),
      }
      : encodingOf(scene.view)),
    pool: scene.pool,
    part: scene.part,
    viewer: viewerId,
  };
}

/** What the canvas paints: codes, or the pixels of a colour picture. @param {FrameScene} scene @param {SliceAnswer} answer */
function codesOf({ kind, labels, view }, answer) {
  if (kind === 'color') return pixelsOfAnswer(answer, view.meaning && view.meaning.palette);
  if (kind === 'values') return new Uint8Array(answer.bytes);
  return labelCodes(valuesOf(answer), answer.fill, /** @type {LabelChoice} */ (parseLabels(labels)));
}

/** The codes of the labels over an answer, null for none. @param {FrameScene} scene @param {SliceAnswer} answer */
function overlayOfAnswer({ labels }, { overlay, shape }) {
  if (!overlay) return null;
  const codes = labelCodes(valuesOf(overlay), overlay.fill, /** @type {LabelChoice} */ (parseLabels(labels)));
  return codes.length === shape[0] * shape[1] ? codes : null;
}

/** The frame of an answer to the query of `selection`.
 * @param {FrameScene} scene @param {string} selection @param {SliceAnswer} answer @returns {Frame} */
export function frameOf(scene, selection, answer) {
  const codes = codesOf(scene, answer);
  const transposed = isTransposed(scene);
  const [rows, cols] = transposed ? [answer.shape[1], answer.shape[0]] : answer.shape;
  if (codes.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
  const { step, rowStep, colStep, row0, col0 } = scene.viewport;
  return {
    frameSetKey: scene.frameSetKey,
    codes,
    overlay: overlayOfAnswer(scene, answer),
    transposed,
    rows,
    cols,
    step,
    rowStep,
    colStep,
    row0,
    col0,
    selection,
    answer: Object.assign(answer, { bytes: null, overlay: null }),
  };
}
