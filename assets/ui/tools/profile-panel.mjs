/* The profile along a line: while the line is dragged, of the values that the page has, which are pooled where the picture
   is; at rest, and where the page has not all of them, as the server has it. */

import { axisOf } from '../../model/axes.mjs';
import { datesOf } from '../../model/dates.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { profileOf } from '../../model/line-profile.mjs';
import { csvOf, lengthOf, lengthText, scaleOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { MAX_WIDTH } from '../../model/tools.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { createFollowing } from './following.mjs';
import { button, createPanel, createRequests, make, saveCsv, sliceKeyOf, sliceQueryOf } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { Dates } from '../../model/dates.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Curve } from '../../render/measure-chart.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Shown } from './following.mjs' */
/** @import { Entry } from './layer.mjs' */
/** @import { Panel } from './measure.mjs' */

/**
 * @typedef {object} Profile
 * @property {ArrayLike<number | null>} values
 * @property {ArrayLike<number>} positions In voxels.
 * @property {string} [cells] Of which cells, where they are not the voxels.
 */

const MOST_FROZEN = 5;
const FROZEN_COLORS = ['#8b969e', '#b07aa1', '#76b7b2', '#9c755f', '#59a14f'];
const DIGITS = 6;
// Dates are as exact as so many steps of their range.
const DATE_STEPS = 1e4;

/** `change(by)` gives the line another width or the like.
 * @param {ToolParts} parts @param {{change: (by: Partial<Tool>) => void}} hooks @returns {Panel} */
export function createProfilePanel({ api, plot }, { change }) {
  const requests = createRequests(api);
  /** @type {Curve[]} */
  let frozen = [];

  const width = /** @type {HTMLInputElement} */ (make('input'));
  Object.assign(width, { type: 'number', min: '1', max: String(MAX_WIDTH), step: '1' });
  width.setAttribute('aria-label', 'Width of the line in voxels');
  width.addEventListener('change', () => {
    const value = Number(width.value);
    if (Number.isInteger(value) && value >= 1 && value <= MAX_WIDTH) change({ width: value });
    else width.value = String(following.shown()?.entry.tool.width ?? 1);
  });
  const reduce = /** @type {HTMLSelectElement} */ (make('select'));
  reduce.append(...['mean', 'sum'].map((name) => new Option(name)));
  reduce.setAttribute('aria-label', 'How the values across the line become one');
  reduce.addEventListener('change', () => change({ sum: reduce.value === 'sum' }));
  const options = make('div', 'measured-options');
  options.append('width', width, reduce);
  const chartHost = make('div', 'measured-chart');
  const chart = createChart(chartHost);
  const freezing = button('Freeze', freeze, 'Keep this profile in the chart for comparison');
  const panel = createPanel('profile-panel', [freezing, button('CSV', saveValues, 'Save the profile as CSV')], [
    chartHost,
    options,
  ]);

  const following = createFollowing({ requests, panel, keyOf, ask, draw, clear: () => chart.clear() });

  /** @param {View} view @param {Tool} tool */
  function keyOf(view, { points, width: wide, sum }) {
    return JSON.stringify([sliceKeyOf(view), points, wide, sum]);
  }

  /** @param {Entry} entry @param {View} view */
  function live(entry, view) {
    head(entry, view);
    const found = atHand(entry, view);
    if (found) following.put({ entry, view, found });
    else following.live(entry, view);
  }

  /** From the values on the screen. @param {Entry} entry @param {View} view */
  function atHand({ tool }, view) {
    const scene = plot.scene();
    if (!scene || scene.request.generation !== view.generation) return null;
    if (sliceKeyOf(scene.request.view) !== sliceKeyOf(view)) return null;
    const { cells } = scene;
    const [first, second] = tool.plane;
    const found = profileOf(cells, tool, isTransposed(view), [view.shape[first], view.shape[second]]);
    const isPooled = cells.step > 1;
    return found &&
      { ...found, cells: isPooled ? 'of cells of ' + cells.colStep + ' × ' + cells.rowStep + ' voxels' : '' };
  }

  /** @param {Entry} entry @param {View} view */
  function head({ tool, index }, view) {
    panel.show(true);
    panel.name(nameOf(tool, index) + ' · ' + lengthText(view, tool));
    width.value = String(tool.width);
    reduce.value = tool.sum ? 'sum' : 'mean';
  }

  /** @param {Entry} entry @param {View} view @returns {Promise<Profile | null>} */
  async function ask({ tool }, view) {
    const { points: [r0, c0, r1, c1], width: wide, sum } = tool;
    const response = await requests.ask('/api/v1/profile', {
      ...sliceQueryOf(view),
      from: r0 + ',' + c0,
      to: r1 + ',' + c1,
      width: wide,
      reduce: sum ? 'sum' : 'mean',
    }, view.generation);
    const found = response && await response.json();
    return found && { values: found.values, positions: positionsOf(tool, found.values.length) };
  }

  /** @param {Shown<Profile>} now @param {boolean} [isLast] */
  function draw(now, isLast = true) {
    const { view, entry, found } = now;
    const dates = entry.tool.sum ? null : datesOf(view);
    panel.say(found.cells || summary(found.values, dates));
    const { factor, unit } = scaleOf(view, entry.tool);
    chart.draw({
      curves: [...frozen, curveOf(found, factor, nameOf(entry.tool, entry.index), colorOf(entry.index))],
      xTitle: unit,
      yTitle: valueUnit(view) || '',
      yDates: dates,
    }, !isLast);
  }

  /** @param {Profile} of @param {number} factor @param {string} name @param {string} color @returns {Curve} */
  function curveOf({ values, positions }, factor, name, color) {
    return { x: Array.from(positions, (at) => at * factor), y: values, name, color };
  }

  function freeze() {
    const now = following.shown();
    if (!now) return;
    const { view, found, entry: { tool, index } } = now;
    const where = view.axis === null ? '' : ', ' + axisOf(view, view.axis).name + ' ' + view.position[view.axis];
    const color = FROZEN_COLORS[frozen.length % FROZEN_COLORS.length];
    const curve = curveOf(found, scaleOf(view, tool).factor, nameOf(tool, index) + where, color);
    frozen = [...frozen, { ...curve, kind: /** @type {const} */ ('faint') }].slice(-MOST_FROZEN);
    draw(now);
    showThaw();
  }

  const thawing = button('Clear', () => {
    frozen = [];
    showThaw();
    const now = following.shown();
    if (now) draw(now);
  }, 'Remove the frozen profiles from the chart');

  function showThaw() {
    if (frozen.length) freezing.after(thawing);
    else thawing.remove();
  }

  function saveValues() {
    const now = following.shown();
    if (!now) return;
    const { view, entry, found: { values, positions } } = now;
    const { factor, unit } = scaleOf(view, entry.tool);
    const name = nameOf(entry.tool, entry.index);
    const inUnits = unit !== 'voxels';
    const head_ = ['position [voxels]', ...(inUnits ? ['position [' + unit + ']'] : []), name];
    const own = Array.from(positions, (at, i) => [at, ...(inUnits ? [at * factor] : []), values[i]]);
    // Frozen ones have positions of their own.
    const others = frozen.flatMap((curve) => [curve.name + ' position [' + unit + ']', curve.name]);
    const length = Math.max(own.length, ...frozen.map(({ x }) => x.length));
    const rows = Array.from({ length }, (_, i) => [
      ...(own[i] || head_.map(() => null)),
      ...frozen.flatMap(({ x, y }) => (i < x.length ? [x[i], y[i]] : [null, null])),
    ]);
    saveCsv(csvOf([...head_, ...others], rows), view, name);
  }

  return {
    fits: (tool) => tool.kind === 'line',
    show: (entry, view, isAtRest) => {
      head(entry, view);
      following.show(entry, view, isAtRest);
    },
    live,
    hide: () => {
      following.hide();
      panel.show(false);
    },
  };
}

/** Of `count` values along a line, from its first end to the other. @param {Tool} line @param {number} count */
function positionsOf(line, count) {
  return Float64Array.from({ length: count }, (_, i) => lengthOf(line) * i / Math.max(count - 1, 1));
}

/** @param {ArrayLike<number | null>} values @param {Dates | null} dates */
function summary(values, dates) {
  let [n, sum, min, max] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === null || Number.isNaN(value)) continue;
    n += 1;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (!n) return 'There are no values along it.';
  /** @param {number} value */
  const text = (value) =>
    dates
      ? dates.text(value, max > min ? (max - min) / DATE_STEPS : undefined)
      : formatNumber(Number(value.toPrecision(DIGITS)), DIGITS);
  return text(min) + ' to ' + text(max) + ', mean ' + text(sum / n);
}
