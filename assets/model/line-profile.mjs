/* The values along a line, as `skimage.measure.profile_line` has them: bilinear samples a voxel apart, across as many
   parallel lines as the line is wide. Missing values and what is outside of the slice do not count. Of a picture that is
   pooled they are samples of its cells. */

/** @import { Cells } from './cells.mjs' */
/** @import { Tool } from './tools.mjs' */

/**
 * @typedef {{values: Float64Array, positions: Float64Array}} Profile A value is NaN where there is none; positions are
 *   distances from the first end in voxels.
 */

/** The values of a line from the cells of a picture; null where these do not have all voxels that it needs.
 * @param {Cells} cells @param {Tool} line @param {boolean} transposed Whether the picture has R along its columns.
 * @param {readonly [rows: number, cols: number]} size Of the plane, along R and C. @returns {Profile | null} */
export function profileOf(cells, line, transposed, size) {
  if (cells.pixels) return null;
  const [r0, c0, r1, c1] = line.points;
  const [dr, dc] = [r1 - r0, c1 - c0];
  const length = Math.hypot(dr, dc);
  const count = Math.ceil(length + 1);
  const half = (line.width - 1) / 2;
  // Across the line.
  const [ar, ac] = length ? [dc / length, -dr / length] : [1, 0];
  const values = new Float64Array(count);
  const positions = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const share = count > 1 ? i / (count - 1) : 0;
    positions[i] = share * length;
    let sum = 0;
    let n = 0;
    for (let k = 0; k < line.width; k += 1) {
      const off = k - half;
      const [row, col] = [r0 + share * dr + off * ar, c0 + share * dc + off * ac];
      if (row < 0 || col < 0 || row > size[0] - 1 || col > size[1] - 1) continue;
      const value = transposed ? sampleOf(cells, col, row) : sampleOf(cells, row, col);
      if (value === null) return null;
      if (Number.isNaN(value)) continue;
      sum += value;
      n += 1;
    }
    values[i] = n ? (line.sum ? sum : sum / n) : NaN;
  }
  return { values, positions };
}

/** Where a voxel is among cells: those at the ends reach to the edges of their blocks.
 * @param {number} voxel @param {number} step @param {number} count */
function cellAt(voxel, step, count) {
  const at = (voxel - (step - 1) / 2) / step;
  if (at < 0 && voxel >= 0) return 0;
  return at > count - 1 && voxel <= count * step - 1 ? count - 1 : at;
}

/** Between voxels, at a row and column of the picture: NaN where one of them has no value, null where one is not there.
 * @param {Cells} cells @param {number} y @param {number} x @returns {number | null} */
function sampleOf({ z, fill, row0, col0, rows, cols, rowStep, colStep }, y, x) {
  const [r, c] = [cellAt(y - row0, rowStep, rows), cellAt(x - col0, colStep, cols)];
  const [top, left] = [Math.floor(r), Math.floor(c)];
  const [down, right] = [r - top, c - left];
  if (top < 0 || left < 0 || top + (down ? 1 : 0) >= rows || left + (right ? 1 : 0) >= cols) return null;
  /** @param {number} i @param {number} j @param {number} weight */
  const part = (i, j, weight) => {
    if (!weight) return 0;
    const value = z[i][j];
    return value === fill || !Number.isFinite(value) ? NaN : value * weight;
  };
  return part(top, left, (1 - down) * (1 - right)) + part(top, left + 1, (1 - down) * right) +
    part(top + 1, left, down * (1 - right)) + part(top + 1, left + 1, down * right);
}
