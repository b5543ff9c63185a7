/* Numbers as people read them. */

/** A number as people read it: thousands grouped when whole, `digits` significant ones else.
 * @param {number | bigint} v @param {number} digits @returns {string} */
export function formatNumber(v, digits) {
  if (typeof v !== 'number') return String(v);
  if (Number.isNaN(v)) return 'NaN';
  if (!Number.isFinite(v)) return v > 0 ? '∞' : '−∞';
  const size = Math.abs(v);
  let text;
  if (Number.isInteger(v) && size < 1e7) text = size.toString();
  else if (size !== 0 && (size >= 1e6 || size < 1e-3)) {
    text = size.toExponential(digits - 1).replace(/\.?0+e/, 'e').replace('e+', 'e');
  } else text = String(Number(size.toPrecision(digits)));
  return (v < 0 ? '−' : '') + text;
}

const LONG = 1e7;
// Between these floats are written without an exponent, as the server writes them.
const POSITIONAL = [1e-4, 1e16];
/** @type {Record<string, number | undefined>} */
const FLOAT_DIGITS = { float16: 5, float32: 9 };

/** All digits of a value of a type: those of an integer, of a float the fewest that name it in its own precision.
 * @param {number | bigint} v @param {string} dtype @returns {string} */
export function formatExact(v, dtype) {
  if (typeof v === 'bigint') return formatSign(String(v));
  if (!Number.isFinite(v)) return formatNumber(v, 1);
  const size = Math.abs(v);
  if (Number.isInteger(v) && (size < POSITIONAL[1] || !/^float/.test(dtype))) return formatSign(String(BigInt(v)));
  let found = v;
  for (let digits = 1; digits <= (FLOAT_DIGITS[dtype] || 0); digits += 1) {
    found = Number(v.toPrecision(digits));
    if ((dtype === 'float16' ? roundToFloat16(found) : Math.fround(found)) === v) break;
  }
  const plain = size >= POSITIONAL[0] && size < POSITIONAL[1];
  return formatSign((plain ? String(found) : found.toExponential()).replace('e+', 'e'));
}

/** The text of a number with the sign that the page has for all. @param {string} text @returns {string} */
export function formatSign(text) {
  return text.replace(/^-/, '−');
}

/** The nearest float16 (IEEE 754 binary16): eleven digits of two, 24 places behind the point.
 * @param {number} v @returns {number} */
function roundToFloat16(v) {
  const unit = Math.pow(2, Math.max(Math.floor(Math.log2(Math.abs(v) || 1)), -14) - 10);
  const units = v / unit;
  const down = Math.floor(units);
  const up = units - down > 0.5 || (units - down === 0.5 && down % 2 !== 0);
  return (down + (up ? 1 : 0)) * unit;
}

/** A time (ms) as people read it. @param {number} ms @returns {string} */
export function formatDuration(ms) {
  if (ms >= 1000) return (ms / 1000).toFixed(1) + ' s';
  return (ms < 9.95 ? ms.toFixed(1) : Math.round(ms)) + ' ms';
}

/** A bound of a window as text, with as many digits as its width needs.
 * @param {number} value @param {number} lo @param {number} hi @returns {string} */
export function formatBound(value, lo, hi) {
  const size = Math.max(Math.abs(lo), Math.abs(hi));
  const digits = Math.ceil(Math.log10(size / (hi / 2 - lo / 2))) + 6;
  return typedNumber(Number(value.toPrecision(Math.min(Math.max(digits, 6), 17))));
}

/** A number as it can be typed: a large one with an exponent where that is shorter. @param {number} value */
export function typedNumber(value) {
  const [plain, short] = [String(value), value.toExponential().replace('e+', 'e')];
  return Math.abs(value) >= LONG && short.length < plain.length ? short : plain;
}

/** Bytes, in the units of the panels (powers of 1000). @param {number} bytes @returns {string} */
export function formatBytes(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return (unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)) + ' ' + units[unit];
}
