/* The figures of a region of the slice, and its histogram, asked of the server: the last ones that it was asked for are
   shown. */

import { datesOf } from '../../model/dates.mjs';
import { csvOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { formatExact, formatNumber } from '../../model/number-format.mjs';
import { isRegion } from '../../model/tool-geometry.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { createFollowing } from './following.mjs';
import { button, createPanel, createRequests, make, saveCsv, SHAPES, sliceKeyOf, sliceQueryOf } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { Query } from '../../data/api.mjs' */
/** @import { Dates } from '../../model/dates.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Shown } from './following.mjs' */
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
 */

const DIGITS = 7;
const BINS = 64;
// A mean of dates is as exact as so many steps of their range.
const DATE_STEPS = 1e4;
/** @type {readonly [name: 'n' | 'mean' | 'sd' | 'median' | 'min' | 'max' | 'sum' | 'missing', text: string][]} */
const FIGURES = [['mean', 'mean'], ['sd', 'σ'], ['min', 'min'], ['max', 'max'], ['median', 'median'], ['sum', 'sum']];

/** @param {ToolParts} parts @param {{reported: () => void}} hooks @returns {Panel} */
export function createRegionPanel({ api }, { reported }) {
  const requests = createRequests(api);
  const counting = createRequests(api);
  const list = make('dl', 'figures');
  const host = make('div', 'measured-chart hidden');
  const chart = createChart(host);
  const saving = button('CSV', saveFigures, 'Save the figures as CSV');
  saving.classList.add('hidden');
  const panel = createPanel('region-panel', [saving], [list, host], reported);
  const following = createFollowing({ requests, panel, keyOf, ask, draw, clear });

  /** @param {View} view @param {Tool} tool */
  function keyOf(view, { kind, points }) {
    return JSON.stringify([sliceKeyOf(view), kind, points]);
  }

  /** @param {View} view @param {Tool} tool @returns {Query} */
  const regionQuery = (view, { kind, points }) => ({
    ...sliceQueryOf(view),
    shape: SHAPES[kind],
    points: points.join(','),
  });

  /** @param {Entry} entry */
  function head({ tool, index }) {
    panel.show(true);
    panel.name(nameOf(tool, index));
  }

  /** @param {Entry} entry @param {View} view @returns {Promise<RegionFigures | null>} */
  async function ask({ tool }, view) {
    const response = await requests.ask('/api/v1/region', regionQuery(view, tool), view.generation);
    const text = response && await response.text();
    return text ? parseFigures(text) : null;
  }

  function clear() {
    counting.cancel();
    saving.classList.add('hidden');
    list.replaceChildren();
    chart.clear();
    host.classList.add('hidden');
  }

  /** @param {Shown<RegionFigures>} now @param {boolean} isLast */
  function draw({ entry, view, found: figures }, isLast) {
    const unit = valueUnit(view);
    const dates = datesOf(view);
    /** @param {typeof FIGURES[number][0]} name */
    const text = (name) => (dates ? dateText(dates, name, figures) : figureText(figures[name]));
    const main = figures.n
      ? 'mean ' + [text('mean'), dates ? '' : unit].filter(Boolean).join(' ') + ' · σ ' + text('sd')
      : '';
    panel.say(sizeText(figures), false, main);
    saving.classList.remove('hidden');
    list.replaceChildren(...FIGURES.flatMap(([name, title]) => {
      const value = text(name);
      const cell = make('dd', '', value);
      cell.title = dates ? value : [value, name === 'sum' ? '' : unit].filter(Boolean).join(' ');
      return [make('dt', '', title), cell];
    }));
    if (!figures.n) host.classList.add('hidden');
    if (isLast) count(entry, view);
  }

  /** The histogram, which follows the figures. @param {Entry} entry @param {View} view */
  async function count({ tool, index }, view) {
    const query = { ...regionQuery(view, tool), bins: BINS };
    try {
      const response = await counting.ask('/api/v1/histogram', query, view.generation);
      /** @type {{counts: number[], edges: number[], n: number} | null} */
      const found = response && await response.json();
      if (!found || !isShown(view, tool) || !found.n) return;
      counting.done();
      host.classList.remove('hidden');
      const dates = datesOf(view);
      const step = (found.edges[found.edges.length - 1] - found.edges[0]) / (10 * BINS);
      const edges = dates ? Array.from(found.edges, (edge) => dates.text(edge, step)) : [];
      chart.draw({
        curves: [{
          x: found.counts.map((_, i) => (found.edges[i] + found.edges[i + 1]) / 2),
          y: found.counts,
          color: colorOf(index),
          name: 'voxels',
          kind: 'bars',
          ranges: dates ? found.counts.map((_, i) => edges[i] + ' to ' + edges[i + 1]) : undefined,
        }],
        xTitle: valueUnit(view) || 'value',
        xDates: dates,
        yTitle: 'voxels',
      });
    } catch (error) {
      // The figures stay.
      if (isShown(view, tool)) panel.say(/** @type {Error} */ (error).message, true);
    }
  }

  /** Whether the figures are of this region. @param {View} view @param {Tool} tool */
  function isShown(view, tool) {
    const now = following.shown();
    return Boolean(now && keyOf(now.view, now.entry.tool) === keyOf(view, tool));
  }

  function saveFigures() {
    const now = following.shown();
    if (!now) return;
    const { entry, view, found: figures } = now;
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
    show: (entry, view, isAtRest) => {
      head(entry);
      following.show(entry, view, isAtRest);
    },
    live: (entry, view) => {
      head(entry);
      following.live(entry, view);
    },
    hide: () => {
      following.hide();
      panel.show(false);
    },
    headline: panel.headline,
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

/** Figures of dates: a deviation is a time, and a sum of them is nothing.
 * @param {Dates} dates @param {typeof FIGURES[number][0]} name @param {RegionFigures} figures */
function dateText(dates, name, figures) {
  const value = figures[name];
  if (value === null || name === 'sum') return '–';
  if (name === 'sd') return figureText(value) + ' ' + dates.each;
  const range = Number(figures.max) - Number(figures.min);
  return dates.text(value, name === 'mean' && range > 0 ? range / DATE_STEPS : undefined);
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
