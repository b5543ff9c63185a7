/* Ticks and titles of a picture beside the main one: few ticks, at whole voxels or round coordinates. */

import { axisTicks, axisTitle } from '../../model/axes.mjs';
import { roundTicks } from '../../model/colorbar.mjs';
/** @import { Axis } from '../../model/axes.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { AxisMarks } from '../../render/plot.mjs' */
/** @import { Range } from '../../model/viewport.mjs' */

/** @typedef {{className: string, left: number, top: number, text: string}} Mark In px of the frame. */

const PX_A_COLUMN = 64;
const PX_A_ROW = 34;
// Of the titles, from the picture (px).
const BELOW = 18;
const BESIDE = 56;

/** @param {readonly [rows: Axis, cols: Axis]} axes @param {PlotArea} area @returns {Mark[]} */
export function tickMarks([rows, cols], area) {
  const { left, top, width, height } = area;
  return [
    ...along(cols, area.x, width, PX_A_COLUMN).map(({ at, text }) => ({
      className: 'tick-x',
      left: Math.round(left + at),
      top: top + height,
      text,
    })),
    ...along(rows, area.y, height, PX_A_ROW).map(({ at, text }) => ({
      className: 'tick-y',
      left,
      top: Math.round(top + at),
      text,
    })),
    { className: 'title-x', left: left + width / 2, top: top + height + BELOW, text: axisTitle(cols) },
    { className: 'title-y', left: left - BESIDE, top: top + height / 2, text: axisTitle(rows) },
  ];
}

// Of the middle of a title of rows (px): from the picture, and at least from the frame.
const AWAY = 46;
const EDGE = 8;

/** The ticks and titles of another picture, on one of its size. @param {{x: AxisMarks, y: AxisMarks}} marks
 * @param {Pick<PlotArea, 'left' | 'top' | 'width' | 'height'>} area @returns {Mark[]} */
export function marksAt({ x, y }, { left, top, width, height }) {
  const titles = [
    { className: 'title-x', left: left + width / 2, top: top + height, text: x.title },
    { className: 'title-y', left: Math.max(left - AWAY, EDGE), top: top + height / 2, text: y.title },
  ];
  return [
    ...x.ticks.map(({ at, text }) => ({ className: 'tick-x', left: left + at, top: top + height, text })),
    ...y.ticks.map(({ at, text }) => ({ className: 'tick-y', left, top: top + at, text })),
    ...titles.filter(({ text }) => text),
  ];
}

/** @param {Axis} axis @param {Range} range @param {number} px @param {number} each
 * @returns {{at: number, text: string}[]} */
function along(axis, [from, to], px, each) {
  /** @type {Range} */
  const range = from < to ? [from, to] : [to, from];
  const count = Math.max(1, Math.min(5, Math.floor(px / each)));
  const found = axisTicks(axis, range, count) || voxels(range, count);
  return found.positions.map((position, i) => ({ at: (position - from) / (to - from) * px, text: found.texts[i] }))
    .filter(({ at }) => at >= 0 && at <= px);
}

/** @param {Range} range @param {number} count */
function voxels([low, high], count) {
  const positions = roundTicks(low, high, count).filter((at) => Number.isInteger(at) && at >= low && at <= high);
  if (!positions.length) positions.push(Math.round((low + high) / 2));
  return { positions, texts: positions.map(String) };
}
