/* The bytes of a slice as rows of typed arrays. */

/** @import { NumberArray, Values } from '../model/cells.mjs' */
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

/** Values as rows of typed arrays without copying, with their range, of which the fill value is no part.
 * 64-bit integers become the nearest doubles, and are there as `integers` as well; float16 becomes float32.
 * @param {SliceAnswer} answer @returns {Values} */
export function toRows(answer) {
  const [rows, cols] = answer.shape;
  const dtype = answer.dtype.replace(/^[<|=]/, '');
  const integers = WIDE[dtype] ? new WIDE[dtype](answer.bytes) : null;
  const flat = integers ? Float64Array.from(integers, Number) : typed(answer.bytes, dtype);
  if (flat.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
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
