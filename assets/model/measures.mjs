/* Lengths on a plane in voxels and in units, and tables of what is measured as CSV. */

import { axisOf } from './axes.mjs';
import { formatNumber } from './number-format.mjs';
import { conversion, displayUnit, quantityText, symbolOf } from './units.mjs';
/** @import { Measured } from './axes.mjs' */
/** @import { Tool } from './tools.mjs' */

const DIGITS = 5;

/** What one voxel along a line is in units; null where the axes have none, or not the same one.
 * @param {Measured} view @param {Pick<Tool, 'plane' | 'points'>} tool @returns {{size: number, unit: string} | null} */
export function voxelAlong(view, { plane, points: [r0, c0, r1, c1] }) {
  const way = [r1 - r0, c1 - c0];
  const steps = plane.map((d) => {
    const { coordinates, unit } = axisOf(view, d);
    return coordinates && 'step' in coordinates && unit ? { step: Math.abs(coordinates.step), unit } : null;
  });
  // An axis that the line does not go along may be in any units.
  const [rows, cols] = steps.map((
    one,
    d,
  ) => (way[d] === 0 ? steps[1 - d] && { step: 0, unit: steps[1 - d]?.unit } : one));
  if (!rows || !cols || symbolOf(rows.unit || '') !== symbolOf(cols.unit || '')) return null;
  const voxels = Math.hypot(...way);
  if (!voxels) return null;
  return { size: Math.hypot(way[0] * rows.step, way[1] * cols.step) / voxels, unit: rows.unit || '' };
}

/** @param {Pick<Tool, 'points'>} tool */
export const lengthOf = ({ points: [r0, c0, r1, c1] }) => Math.hypot(r1 - r0, c1 - c0);

/** The length of a line in units where there are, else in voxels. @param {Measured} view @param {Tool} tool */
export function lengthText(view, tool) {
  const along = voxelAlong(view, tool);
  return along ? quantityText(lengthOf(tool) * along.size, along.unit, DIGITS) : voxelsText(tool);
}

/** @param {Tool} tool */
export const voxelsText = (tool) => formatNumber(Number(lengthOf(tool).toPrecision(DIGITS)), DIGITS) + ' voxels';

/** The scales of profiles in one unit, that suits the first one: how many of it one voxel along each line is. Voxels
 * where one of them has no units, or not those of the first one.
 * @param {Measured} view @param {readonly Tool[]} lines @returns {{factors: number[], unit: string}} */
export function scalesOf(view, lines) {
  const along = lines.map((line) => voxelAlong(view, line));
  const [first] = along;
  const shown = displayUnit(first?.unit || '', (first?.size || 0) * (first ? lengthOf(lines[0]) : 0));
  const factors = along.map((one) =>
    one && first ? one.size * (conversion(one.unit, first.unit) ?? NaN) * shown.factor : NaN
  );
  return factors.every(Number.isFinite)
    ? { factors, unit: shown.unit }
    : { factors: lines.map(() => 1), unit: 'voxels' };
}

/** @param {string[]} head @param {readonly (readonly (number | string | null)[])[]} rows @returns {string} */
export function csvOf(head, rows) {
  /** @param {number | string | null} cell */
  const text = (cell) => {
    if (cell === null || Number.isNaN(cell)) return '';
    const plain = String(cell);
    return /[",\r\n]/.test(plain) ? '"' + plain.replace(/"/g, '""') + '"' : plain;
  };
  return [head, ...rows].map((row) => row.map(text).join(',') + '\r\n').join('');
}
