/* The bytes of a slice as rows of typed arrays. */

import { luminanceOf, palettePixels, pixelsOf } from '../model/pixels.mjs';
/** @import { NumberArray, Values } from '../model/cells.mjs' */
/** @import { Pixels } from '../model/pixels.mjs' */
/** @import { SliceAnswer } from './slice-loader.mjs' */

/** @type {Record<string, new (bytes: ArrayBuffer) => NumberArray>} */
const TYPES = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** @type {Record<string, new (bytes: ArrayBuffer) => BigInt64Array | BigUint64Array>} */
const WIDE = { int64: BigInt64Array, uint64: BigUint64Array };

/** Bytes that were sent by their place in values of `size` bytes, as they follow each other.
 * @param {ArrayBuffer} bytes @param {number} size @returns {ArrayBuffer} */
export function unshuffle(bytes, size) {
  const sent = new Uint8Array(bytes);
  const out = new Uint8Array(sent.length);
  const count = sent.length / size;
  for (let place = 0; place < size; place += 1) {
    for (let i = 0, from = place * count; i < count; i += 1) out[i * size + place] = sent[from + i];
  }
  return out.buffer;
}

/** The values of an answer, 64-bit integers as they are.
 * @param {SliceAnswer} answer @returns {NumberArray | BigInt64Array | BigUint64Array} */
export function valuesOf({ bytes, dtype }) {
  const name = dtype.replace(/^[<|=]/, '');
  return WIDE[name] ? new WIDE[name](bytes) : typed(bytes, name);
}

/** @param {ArrayBuffer} bytes @param {string} dtype @returns {NumberArray} */
function typed(bytes, dtype) {
  if (TYPES[dtype]) return new TYPES[dtype](bytes);
  if (dtype === 'float16') return decodeFloat16(new Uint16Array(bytes));
  throw new Error('This page cannot show values of type ' + dtype + '.');
}

/** @type {Float32Array | null} */
let halfTable = null;

/** @param {Uint16Array} bits @returns {Float32Array} */
function decodeFloat16(bits) {
  if (!halfTable) halfTable = Float32Array.from({ length: 65536 }, (_, b) => float16(b));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) values[i] = halfTable[bits[i]];
  return values;
}

/** IEEE 754 binary16. @param {number} bits @returns {number} */
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * Math.pow(2, -24);
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * Math.pow(2, exponent - 15);
}

// Squares of this side are transposed one by one: a column of a large slice is in as many lines of the processor's cache
// as it has rows.
const TILE = 32;

/** An array of `rows` × `cols`, row by row, as one of `cols` × `rows`.
 * @template {NumberArray | Pixels | BigInt64Array | BigUint64Array} T
 * @param {T} flat @param {number} rows @param {number} cols @returns {T} */
export function transpose(flat, rows, cols) {
  const Type = /** @type {new (length: number) => T} */ (flat.constructor);
  const out = new Type(flat.length);
  for (let top = 0; top < rows; top += TILE) {
    const bottom = Math.min(top + TILE, rows);
    for (let left = 0; left < cols; left += TILE) {
      const right = Math.min(left + TILE, cols);
      for (let r = top; r < bottom; r += 1) {
        for (let c = left; c < right; c += 1) out[c * rows + r] = flat[r * cols + c];
      }
    }
  }
  return out;
}

/** The pixels of a colour picture as values, which are their luminance. A palette has the colours where values are places
 * in it; else they are sent as channels.
 * @param {SliceAnswer} answer @param {boolean} transposed @param {number[][] | null} palette @returns {Values} */
export function toPixels(answer, transposed, palette) {
  const [sentRows, sentCols] = answer.shape;
  const sent = pixelsOfAnswer(answer, palette);
  const pixels = transposed ? transpose(sent, sentRows, sentCols) : sent;
  const flat = luminanceOf(pixels);
  const values = toRows(Object.assign({}, answer, {
    bytes: flat.buffer,
    dtype: 'uint8',
    fill: NaN,
    isEnum: false,
    shape: transposed ? [sentCols, sentRows] : [sentRows, sentCols],
  }));
  return Object.assign(values, { pixels });
}

/** @param {SliceAnswer} answer @param {number[][] | null} palette @returns {Pixels} Row by row, as they are sent. */
export function pixelsOfAnswer(answer, palette) {
  const [rows, cols, channels] = answer.shape;
  const bytes = new Uint8Array(answer.bytes);
  if (bytes.length !== rows * cols * (channels || 1)) throw new Error('The server sent a slice that is not complete.');
  return channels ? pixelsOf(bytes, channels) : palettePixels(bytes, palette || [[0, 0, 0], [255, 255, 255]]);
}

/** Values as rows of typed arrays, with their range, of which the fill value is no part; `transposed` for rows of what
 * the server has as columns, without it nothing is copied.
 * 64-bit integers become the nearest doubles, and are there as `integers` as well; float16 becomes float32.
 * @param {SliceAnswer} answer @param {boolean} [transposed] @returns {Values} */
export function toRows(answer, transposed = false) {
  const [sentRows, sentCols] = answer.shape;
  const [rows, cols] = transposed ? [sentCols, sentRows] : [sentRows, sentCols];
  const dtype = answer.dtype.replace(/^[<|=]/, '');
  const sentIntegers = WIDE[dtype] ? new WIDE[dtype](answer.bytes) : null;
  const sent = sentIntegers ? Float64Array.from(sentIntegers, Number) : typed(answer.bytes, dtype);
  if (sent.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
  const flat = transposed ? transpose(sent, sentRows, sentCols) : sent;
  const integers = transposed && sentIntegers ? transpose(sentIntegers, sentRows, sentCols) : sentIntegers;
  let min = Infinity;
  let max = -Infinity;
  let smallest = Infinity;
  for (let i = 0; i < flat.length; i += 1) {
    const v = flat[i];
    if (v === answer.fill) continue;
    if (v < min && v > -Infinity) min = v;
    if (v > max && v < Infinity) max = v;
    if (v > 0 && v < smallest) smallest = v;
  }
  /** @type {NumberArray[]} */
  const z = new Array(rows);
  for (let r = 0; r < rows; r += 1) z[r] = flat.subarray(r * cols, (r + 1) * cols);
  return {
    z,
    integers,
    dtype,
    isEnum: Boolean(answer.isEnum),
    rows,
    cols,
    fill: answer.fill,
    min,
    max,
    smallest,
  };
}
