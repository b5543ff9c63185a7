/* Codes as a PNG with a palette. It is stored, not deflated: two checksums over a byte a cell, where compressing
   takes ten times as long and the picture never leaves the page. */

const MAGIC = [137, 80, 78, 71, 13, 10, 26, 10];
const BLOCK = 65535;
const ADLER = 65521;

// This many bytes can be added up before the second sum of Adler-32 passes 32 bits (RFC 1950).
const ADLER_RUN = 5552;

const crcs = new Int32Array(256).map((_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** @param {Uint8Array} bytes @returns {number} */
function crc32(bytes) {
  let crc = -1;
  for (let i = 0; i < bytes.length; i += 1) crc = (crc >>> 8) ^ crcs[(crc ^ bytes[i]) & 255];
  return ~crc;
}

/** @param {Uint8Array} bytes @returns {number} */
function adler32(bytes) {
  let a = 1;
  let b = 0;
  for (let from = 0; from < bytes.length; from += ADLER_RUN) {
    const end = Math.min(from + ADLER_RUN, bytes.length);
    for (let i = from; i < end; i += 1) {
      a += bytes[i];
      b += a;
    }
    a %= ADLER;
    b %= ADLER;
  }
  return b * 65536 + a;
}

/** A chunk with space for `length` bytes of data, and the bytes that its checksum covers.
 * @param {string} type @param {number} length */
function chunk(type, length) {
  const bytes = new Uint8Array(12 + length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  for (let i = 0; i < 4; i += 1) bytes[4 + i] = type.charCodeAt(i);
  const seal = () => {
    view.setInt32(8 + length, crc32(bytes.subarray(4, 8 + length)));
    return bytes;
  };
  return { data: bytes.subarray(8, 8 + length), view: new DataView(bytes.buffer, 8, length), seal };
}

// Kinds of colours: red, green and blue of each pixel, or places in a palette.
const TRUE_COLOR = 2;
const PALETTE = 3;

/** @param {number} rows @param {number} cols @param {number} kind */
function header(rows, cols, kind) {
  const { data, view, seal } = chunk('IHDR', 13);
  view.setUint32(0, cols);
  view.setUint32(4, rows);
  // Eight bits.
  data.set([8, kind], 8);
  return seal();
}

/** Rows with the byte before each that says that they are not filtered.
 * @param {Uint8Array} codes @param {number} rows @param {number} cols @returns {Uint8Array} */
function lines(codes, rows, cols) {
  const raw = new Uint8Array(rows * (cols + 1));
  for (let r = 0; r < rows; r += 1) raw.set(codes.subarray(r * cols, (r + 1) * cols), r * (cols + 1) + 1);
  return raw;
}

/** A zlib stream of stored blocks. @param {Uint8Array} raw */
function pixels(raw) {
  const blocks = Math.ceil(raw.length / BLOCK);
  const { data, view, seal } = chunk('IDAT', 2 + blocks * 5 + raw.length + 4);
  data.set([0x78, 0x01]);
  let at = 2;
  for (let from = 0; from < raw.length; from += BLOCK) {
    const part = raw.subarray(from, from + BLOCK);
    data[at] = from + BLOCK >= raw.length ? 1 : 0;
    view.setUint16(at + 1, part.length, true);
    view.setUint16(at + 3, ~part.length, true);
    data.set(part, at + 5);
    at += 5 + part.length;
  }
  view.setUint32(at, adler32(raw));
  return seal();
}

/** The file of `codes` (row by row); `table` has the RGBA word of each code, and code 255 is transparent.
 * @param {Uint8Array} codes @param {number} rows @param {number} cols @param {Uint32Array} table @returns {Blob} */
export function encodePng(codes, rows, cols, table) {
  const colours = chunk('PLTE', 768);
  table.forEach((word, code) => colours.data.set([word & 255, (word >> 8) & 255, (word >> 16) & 255], 3 * code));
  const alphas = chunk('tRNS', 256);
  alphas.data.fill(255, 0, 255);
  return new Blob([
    new Uint8Array(MAGIC),
    header(rows, cols, PALETTE),
    colours.seal(),
    alphas.seal(),
    pixels(lines(codes, rows, cols)),
    chunk('IEND', 0).seal(),
  ], { type: 'image/png' });
}

/** The file of RGBA words (row by row), which are opaque.
 * @param {Uint32Array} words @param {number} rows @param {number} cols @returns {Blob} */
export function encodePixels(words, rows, cols) {
  const bytes = new Uint8Array(3 * words.length);
  for (let i = 0, at = 0; i < words.length; i += 1, at += 3) {
    const word = words[i];
    bytes[at] = word & 255;
    bytes[at + 1] = (word >> 8) & 255;
    bytes[at + 2] = (word >> 16) & 255;
  }
  return new Blob([
    new Uint8Array(MAGIC),
    header(rows, cols, TRUE_COLOR),
    pixels(lines(bytes, rows, 3 * cols)),
    chunk('IEND', 0).seal(),
  ], { type: 'image/png' });
}
