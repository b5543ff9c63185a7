/* The codes of cells that are here as values. */

import { codeWindow } from '../model/clip-marks.mjs';
import { labelCodes } from '../model/labels.mjs';
import { quantize } from '../model/quantize.mjs';
/** @import { Cells, NumberArray, Values } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { CodedCells } from './canvas.mjs' */

/** @param {Values} cells @param {ColorMapping} mapping @returns {Uint8Array<ArrayBuffer>} */
export function codesOf(cells, mapping) {
  if (!mapping.labels) return quantize(cells, codeWindow(mapping));
  return labelCodes(cells.integers || flatOf(cells), cells.fill, mapping.labels);
}

/** The codes of the labels over cells, null for none.
 * @param {Values} cells @param {ColorMapping} mapping @returns {Uint8Array<ArrayBuffer> | null} */
export function overlayCodes({ overlay }, mapping) {
  if (!overlay || !mapping.overlay) return null;
  return labelCodes(overlay.integers || flatOf(overlay), overlay.fill, mapping.overlay.labels);
}

/** What the canvas paints of cells that are here as values.
 * @param {Cells} cells @param {ColorMapping} mapping @returns {CodedCells} */
export function codedCells(cells, mapping) {
  const { rows, cols, step, rowStep, colStep, row0, col0 } = cells;
  return {
    codes: cells.pixels || codesOf(cells, mapping),
    overlay: overlayCodes(cells, mapping),
    transposed: false,
    rows,
    cols,
    step,
    rowStep,
    colStep,
    row0,
    col0,
  };
}

/** All values, of which the rows are parts. @param {Values} cells @returns {NumberArray} */
function flatOf({ z, rows, cols }) {
  const Type = /** @type {new (buffer: ArrayBufferLike, from: number, length: number) => NumberArray} */ (
    z[0].constructor
  );
  return new Type(z[0].buffer, z[0].byteOffset, rows * cols);
}
