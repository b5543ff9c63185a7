/* The dimensions of a dataset in units: their names, coordinates, ticks, and the size of a voxel. */

import { roundTicks } from './colorbar.mjs';
import { formatNumber } from './number-format.mjs';
import { conversion, displayUnit, metres, symbolOf } from './units.mjs';
/** @import { AxisMeaning, Coordinates } from './meaning.mjs' */
/** @import { Display } from './units.mjs' */
/** @import { View } from './view.mjs' */
/** @import { Range } from './viewport.mjs' */

/**
 * @typedef {Pick<View, 'shape' | 'meaning' | 'voxel'>} Measured
 * @typedef {{name: string, unit: string, coordinates: Coordinates | null, edges: boolean, dates: boolean,
 *   length: number, display: Display}} Axis `length` is how many voxels there are.
 * @typedef {{offset: number, scale: number}} Along See alongIn.
 * @typedef {{positions: number[], texts: string[]}} AxisTicks Positions in voxels.
 * @typedef {{sizes: number[], unit: string}} VoxelSize Of the last dimensions of space; a single one is that of all.
 */

const LONGEST_TEXT = 16;

/** @param {Pick<View, 'meaning'>} view @param {number} dimension @returns {string} */
export function nameOf({ meaning }, dimension) {
  return meaning?.axes[dimension]?.name || 'axis ' + dimension;
}

/** @param {Measured} view @param {number} dimension @returns {Axis} */
export function axisOf(view, dimension) {
  const length = view.shape[dimension];
  const found = view.meaning?.axes[dimension];
  const own = found && found.coordinates ? found : typedAxis(view, dimension, found);
  const axis = {
    name: nameOf(view, dimension),
    unit: own?.unit || '',
    coordinates: own?.coordinates || null,
    edges: Boolean(own?.edges),
    dates: Boolean(own?.dates),
    length,
  };
  const ends = [0, length - 1].map((index) => Math.abs(numberAt(axis, index)));
  return Object.assign(axis, { display: displayUnit(axis.unit, Math.max(...ends)) });
}

/** A dimension that the file gives no coordinates, by the voxel size that was typed.
 * @param {Measured} view @param {number} dimension @param {AxisMeaning | undefined} found */
function typedAxis(view, dimension, found) {
  const size = parseVoxelSize(view.voxel);
  if (!size) return found;
  const all = view.shape.map((_, d) => d);
  const spatial = view.meaning?.spatial || all;
  // As many sizes as there are dimensions are those of all.
  const dimensions = size.sizes.length > Math.max(spatial.length, 1) ? all : spatial;
  const place = dimensions.indexOf(dimension);
  if (place < 0) return found;
  const step = size.sizes.length === 1 ? size.sizes[0] : size.sizes[size.sizes.length - dimensions.length + place];
  return step === undefined ? found : { unit: size.unit, coordinates: { start: 0, step }, edges: false, dates: false };
}

/** The size of voxels as it is typed, and as it stands in a link: `5 µm`, `2 × 0.65 × 0.65 um`, `2,0.65,0.65,um`.
 * Null where it is not understood. @param {string} text @returns {VoxelSize | null} */
export function parseVoxelSize(text) {
  const match = /^([\d.,eE+\-×x*\s]*\d\.?)[\s,]*([^\d\s,.]\S*)$/.exec(text.trim());
  if (!match) return null;
  const sizes = match[1].split(/[,×x*\s]+/).filter(Boolean).map(Number);
  const valid = sizes.length > 0 && sizes.every((size) => size > 0 && Number.isFinite(size));
  return valid ? { sizes, unit: match[2] } : null;
}

/** The text of a link for a voxel size. @param {VoxelSize} size */
export const formatVoxelSize = ({ sizes, unit }) => [...sizes, unit].join(',');

/** A coordinate as a number, at a position between voxels too; NaN where there is none.
 * @param {Pick<Axis, 'coordinates' | 'edges'>} axis @param {number} position */
function numberAt({ coordinates, edges }, position) {
  if (!coordinates || 'text' in coordinates) return NaN;
  if ('step' in coordinates) return coordinates.start + coordinates.step * position;
  const at = edges ? position + 0.5 : position;
  const low = Math.floor(at);
  const { values } = coordinates;
  const rest = at - low;
  return rest ? values[low] + (values[low + 1] - values[low]) * rest : values[low];
}

/** The index of another axis at the place of an index of one, by their coordinates; below 0 or beyond the last one where the
 * other has no such place. The same index where they have none, or none in units of one kind.
 * @param {Axis} axis @param {number} index @param {Axis} other @returns {number} */
export function indexIn(axis, index, other) {
  const value = numberAt(axis, index) * (conversion(axis.unit, other.unit) ?? NaN);
  const places = Array.from({ length: Math.min(other.length, 2) }, (_, i) => numberAt(other, i));
  if (!places.concat(value).every(Number.isFinite)) return index;
  if (other.coordinates && 'step' in other.coordinates) {
    return Math.round((value - other.coordinates.start) / other.coordinates.step);
  }
  const apart = Array.from({ length: other.length }, (_, i) => Math.abs(numberAt(other, i) - value));
  const nearest = apart.indexOf(Math.min(...apart));
  const isLast = nearest === other.length - 1;
  if ((nearest && !isLast) || other.length < 2) return nearest;
  const width = Math.abs(numberAt(other, nearest) - numberAt(other, nearest ? nearest - 1 : 1));
  // Cells at the ends are as wide as the step beside them.
  return apart[nearest] <= width / 2 ? nearest : isLast ? other.length : -1;
}

/** Where the voxels of one axis lie along another one, by their coordinates: `index` at `offset + scale * index`. Null where
 * these are not even ones in units of one kind. @param {Axis} axis @param {Axis} other @returns {Along | null} */
export function alongIn(axis, other) {
  const factor = conversion(axis.unit, other.unit);
  const [own, theirs] = [axis.coordinates, other.coordinates];
  if (factor === null || !own || !theirs || !('step' in own) || !('step' in theirs)) return null;
  return { offset: (own.start * factor - theirs.start) / theirs.step, scale: own.step * factor / theirs.step };
}

/** The coordinate at an index with its unit; empty where there is none. @param {Axis} axis @param {number} index */
export function coordinateText(axis, index) {
  const { coordinates, display } = axis;
  if (coordinates && 'text' in coordinates) return dateText(coordinates.text[Math.floor(index)] ?? '');
  const value = numberAt(axis, index) * display.factor;
  if (!Number.isFinite(value)) return '';
  const near = numberAt(axis, index > 0 ? index - 1 : index + 1) * display.factor;
  const text = formatNumber(rounded(value, Math.abs(value - near)), 12);
  return display.unit ? text + ' ' + display.unit : text;
}

/** A value with two digits more than steps of this size need. @param {number} value @param {number} step */
function rounded(value, step) {
  if (!(step > 0) || !Number.isFinite(step)) return Number(value.toPrecision(6));
  const places = Math.min(Math.max(2 - Math.floor(Math.log10(step)), 0), 20);
  return Number(value.toFixed(places));
}

/** @param {string} text A date of ISO 8601, or a name. */
function dateText(text) {
  return text.replace(/^(\d{4}-\d\d-\d\d)T00:00(:00(\.0+)?)?$/, '$1').replace(/^(\d{4}-\d\d-\d\d)T/, '$1 ');
}

/** What stands beside an axis. @param {Axis} axis */
export function axisTitle({ name, display }) {
  return display.unit ? name + ' (' + display.unit + ')' : name;
}

/** Ticks in units over a range of voxels, about `count` of them; null for an axis that counts voxels.
 * @param {Axis} axis @param {Range} range @param {number} count @returns {AxisTicks | null} */
export function axisTicks(axis, range, count) {
  const { coordinates, display, length } = axis;
  if (!coordinates) return null;
  if ('step' in coordinates) {
    const start = coordinates.start * display.factor;
    const step = coordinates.step * display.factor;
    const ends = range.map((position) => start + step * position).sort((a, b) => a - b);
    if (!(ends[1] > ends[0])) return null;
    const values = roundTicks(ends[0], ends[1], count).filter((value) => value >= ends[0] && value <= ends[1]);
    return {
      positions: values.map((value) => (value - start) / step || 0),
      texts: values.map((v) => formatNumber(v, 12)),
    };
  }
  const low = Math.max(Math.ceil(range[0]), 0);
  const high = Math.min(Math.floor(range[1]), length - 1);
  if (high < low) return { positions: [], texts: [] };
  const every = Math.max(1, niceStep((high - low + 1) / count));
  const positions = [];
  for (let at = Math.ceil(low / every) * every; at <= high; at += every) positions.push(at);
  if (!positions.length) positions.push(low);
  return { positions, texts: positions.map((at) => cut(bare(coordinateText(axis, at), display.unit))) };
}

/** @param {number} rough @returns {number} A whole number of 1, 2 or 5 and zeros, not below it. */
function niceStep(rough) {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(rough, 1))));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= rough) || power * 10;
}

/** @param {string} text @param {string} unit */
const bare = (text, unit) => (unit && text.endsWith(' ' + unit) ? text.slice(0, -unit.length - 1) : text);

/** @param {string} text */
const cut = (text) => (text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT - 1) + '…' : text);

/* Sizes */

/** The length of a voxel along an axis (m); null where it is not known, or not the same everywhere.
 * @param {Axis} axis @returns {number | null} */
export function voxelLength({ coordinates, unit }) {
  const factor = metres(unit);
  if (factor === null || !coordinates || 'text' in coordinates) return null;
  if ('step' in coordinates) return Math.abs(coordinates.step) * factor;
  return null;
}

/** The height of a voxel of the picture by its width; null where the picture fills the plot.
 * @param {Measured & Pick<View, 'rows' | 'cols' | 'aspect'>} view @returns {number | null} */
export function aspectOf(view) {
  if (view.aspect === 'fill') return null;
  if (view.aspect === 'square') return 1;
  const { meaning } = view;
  if (meaning?.aspect && meaning.rows === view.rows && meaning.columns === view.cols) return meaning.aspect;
  if (meaning?.aspect && meaning.rows === view.cols && meaning.columns === view.rows) return 1 / meaning.aspect;
  return lengthRatio(view, view.rows, view.cols) ?? 1;
}

/** The length of a voxel along one dimension by that along another; null where it is not known.
 * @param {Measured} view @param {number} dimension @param {number} other @returns {number | null} */
export function lengthRatio(view, dimension, other) {
  const [own, theirs] = [dimension, other].map((d) => axisOf(view, d));
  const [length, by] = [own, theirs].map(voxelLength);
  if (length && by) return length / by;
  const { meaning } = view;
  const [a, b] = [own.coordinates, theirs.coordinates];
  // Sizes without a unit are in one, where the file has them as those of voxels.
  const isSized = meaning?.aspect && [dimension, other].every((d) => meaning.spatial.includes(d));
  if (!isSized || own.unit !== theirs.unit || !a || !b || !('step' in a) || !('step' in b)) return null;
  return Math.abs(a.step / b.step);
}

/** A bar of a round length, at most a quarter as long as what it stands in. @param {number} metresPerPx
 * @param {number} px @returns {{px: number, text: string} | null} */
export function scaleBar(metresPerPx, px) {
  const most = metresPerPx * px / 4;
  if (!(most > 0) || !Number.isFinite(most)) return null;
  const power = Math.pow(10, Math.floor(Math.log10(most)));
  const length = /** @type {number} */ ([5, 2, 1].map((m) => m * power).find((one) => one <= most * (1 + 1e-9)));
  // Not as 0.2 m nor as 2000 m, which a file may well have.
  const { unit, factor } = displayUnit('m', length < 1 ? Math.min(length, 0.05) : length < 1e3 ? length : length * 10);
  return { px: length / metresPerPx, text: formatNumber(Number((length * factor).toPrecision(3)), 3) + ' ' + unit };
}

/** The size of a voxel as text, for the field where it is typed. @param {VoxelSize} size */
export function voxelSizeText({ sizes, unit }) {
  return sizes.join(' × ') + ' ' + symbolOf(unit);
}
