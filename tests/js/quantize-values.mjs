/* For the Python tests: codes of the rows of numbers on the standard input, {z, norm, lo, hi} with numbers as text. */

import { quantize } from '../../assets/model/quantize.mjs';

const { z, dtype, norm, lo, hi } = await new Response(Deno.stdin.readable).json();
const rows = z.map((row) => (dtype === 'float32' ? Float32Array : Float64Array).from(row, Number));
const codes = quantize({ z: rows, rows: rows.length, cols: rows[0].length }, { norm, lo: Number(lo), hi: Number(hi) });
console.log(JSON.stringify(Array.from(codes)));
