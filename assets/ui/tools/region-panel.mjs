/* The figures of a region of the slice, and its histogram, asked of the server: the last ones that it was asked for are
   shown. */

import { csvOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { formatExact, formatNumber } from '../../model/number-format.mjs';
import { isRegion } from '../../model/tool-geometry.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { button, createPanel, createRequests, make, saveCsv, sliceKeyOf, sliceQueryOf } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Entry } from './layer.mjs' */
/** @import { Panel } from './measure.mjs' */

/**
 * @typedef {number | bigint | null} Figure Null where no voxel has a value.
 * @typedef {object} RegionFigures As `/api/v1/region` has them.
 * @property {number} n
 * @property {number} missing
 * @property {Figure} mean
 * @property {Figure} sd
 * @property {Figure} median
 * @property {Figure} min
 * @property {Figure} max
 * @property {Figure} sum
 * @property {number} area
 * @property {string | null} area_unit
 *
 * @typedef {{entry: Entry, view: View, figures: RegionFigures}} Shown
 */

const DIGITS = 7;
const BINS = 64;
/** @type {Record<string, string>} */
const SHAPES = { rect: 'rectangle', ellipse: 'ellipse', poly: 'polygon' };
/** @type {readonly [name: 'n' | 'mean' | 'sd' | 'median' | 'min' | 'max' | 'sum' | 'missing', text: string][]} */
const FIGURES = [['mean', 'mean'], ['sd', 'σ'], ['min', 'min'], ['max', 'max'], ['median', 'median'], ['sum', 'sum']];

/** @param {ToolParts} parts @returns {Panel} */
export function createRegionPanel({ api }) {
  const requests = createRequests(api);
  const counting = createRequests(api);
  /** @type {Shown | null} */
  let shown = null;
  let asked = '';
  /** The region while it is dragged faster than the server answers. @type {{entry: Entry, view: View} | null} */
  let next = null;

  const list = make('dl', 'figures');
  const host = make('div', 'measured-chart hidden');
  const chart = createChart(host);
  const panel = createPanel('region-panel', [button('CSV', saveFigures, 'Save the figures as CSV')], [list, host]);

  /** @param {View} view @param {Tool} tool */
  const keyOf = (view, { kind, points }) => JSON.stringify([sliceKeyOf(view), kind, points]);

  /** @param {Entry} entry @param {View} view @param {boolean} isAtRest */
  function show(entry, view, isAtRest) {
    head(entry);
    const key = keyOf(view, entry.tool);
    panel.stale(!shown || keyOf(shown.view, shown.entry.tool) !== key);
    if (key === asked) return;
    next = null;
    if (isAtRest) ask(entry, view);
    else requests.cancel();
  }

  /** @param {Entry} entry @param {View} view */
  function live(entry, view) {
    head(entry);
    if (requests.isRunning()) next = { entry, view };
    else ask(entry, view);
  }

  /** @param {Entry} entry */
  function head({ tool, index }) {
    panel.show(true);
    panel.name(nameOf(tool, index));
  }

  /** @param {Entry} entry @param {View} view */
  async function ask(entry, view) {
    asked = keyOf(view, entry.tool);
    const mine = asked;
    try {
      const response = await requests.ask('/api/v1/region', {
        ...sliceQueryOf(view),
        shape: SHAPES[entry.tool.kind],
        points: entry.tool.points.join(','),
      }, view.generation);
      const text = response && await response.text();
      if (!text) {
        if (asked === mine) asked = '';
        return;
      }
      requests.done();
      draw({ entry, view, figures: parseFigures(text) });
      if (!next) count(entry, view);
    } catch (error) {
      if (asked !== mine) return;
      requests.done();
      clear();
      panel.say(/** @type {Error} */ (error).message, true);
    }
    const waiting = next;
    next = null;
    if (waiting) live(waiting.entry, waiting.view);
  }

  function clear() {
    shown = null;
    list.replaceChildren();
    chart.clear();
    host.classList.add('hidden');
    panel.stale(false);
  }

  /** @param {Shown} now */
  function draw(now) {
    shown = now;
    const { view, figures } = now;
    panel.stale(false);
    panel.say(sizeText(figures));
    const unit = valueUnit(view);
    list.replaceChildren(...FIGURES.flatMap(([name, text]) => {
      const value = figureText(figures[name]);
      const cell = make('dd', '', value);
      cell.title = [value, name === 'sum' ? '' : unit].filter(Boolean).join(' ');
      return [make('dt', '', text), cell];
    }));
    if (!figures.n) host.classList.add('hidden');
  }

  /** The histogram, which follows the figures. @param {Entry} entry @param {View} view */
  async function count({ tool, index }, view) {
    const mine = asked;
    try {
      const response = await counting.ask('/api/v1/histogram', {
        ...sliceQueryOf(view),
        shape: SHAPES[tool.kind],
        points: tool.points.join(','),
        bins: BINS,
      }, view.generation);
      /** @type {{counts: number[], edges: number[], n: number} | null} */
      const found = response && await response.json();
      if (!found || asked !== mine || !found.n) return;
      counting.done();
      host.classList.remove('hidden');
      chart.draw({
        curves: [{
          x: found.counts.map((_, i) => (found.edges[i] + found.edges[i + 1]) / 2),
          y: found.counts,
          color: colorOf(index),
          name: 'voxels',
          kind: 'bars',
        }],
        xTitle: valueUnit(view) || 'value',
        yTitle: 'voxels',
      });
    } catch (error) {
      // The figures stay.
      if (asked === mine) panel.say(/** @type {Error} */ (error).message, true);
    }
  }

  function saveFigures() {
    if (!shown) return;
    const { entry, view, figures } = shown;
    const { area_unit: unit } = figures;
    const head_ = ['shape', 'n', 'missing', ...FIGURES.map(([name]) => name), 'area' + (unit ? ' [' + unit + ']' : '')];
    const name = nameOf(entry.tool, entry.index);
    /** @param {Figure} value */
    const cell = (value) => (typeof value === 'bigint' ? String(value) : value);
    const row = [name, figures.n, figures.missing, ...FIGURES.map(([one]) => cell(figures[one])), figures.area];
    saveCsv(csvOf(head_, [row]), view, name);
  }

  return {
    fits: isRegion,
    show,
    live,
    hide: () => {
      requests.cancel();
      counting.cancel();
      next = null;
      asked = '';
      clear();
      panel.show(false);
    },
  };
}

/** Integers that a double does not hold stay exact, where the browser says how they were written.
 * @param {string} text @returns {RegionFigures} */
function parseFigures(text) {
  return JSON.parse(text, (_key, value, context = undefined) => {
    const source = /** @type {{source?: string} | undefined} */ (context)?.source;
    return typeof value === 'number' && !Number.isSafeInteger(value) && source && /^-?\d+$/.test(source)
      ? BigInt(source)
      : value;
  });
}

/** @param {Figure} value */
function figureText(value) {
  if (value === null) return '–';
  if (typeof value === 'bigint' || Number.isInteger(value)) return formatExact(value, 'int64');
  return formatNumber(Number(value.toPrecision(DIGITS)), DIGITS);
}

/** @param {RegionFigures} figures */
function sizeText({ n, missing, area, area_unit }) {
  const voxels = figureText(n) + (n === 1 ? ' voxel' : ' voxels');
  const without = missing ? figureText(missing) + ' without a value' : '';
  return [
    voxels,
    !area_unit ? '' : formatNumber(Number(area.toPrecision(5)), 5) + ' ' + area_unit,
    without,
  ]
    .filter(Boolean).join(' · ');
}
