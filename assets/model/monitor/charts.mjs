/* Charts of caches, prefetching and the machine: figures and facts out of the ledger's series and sums. All return null
   where there is nothing to be drawn. */

import {
  bars,
  baseLayout,
  highest,
  isEmpty,
  line,
  mix,
  stacked,
  timeLayout,
  valuesOf,
  withoutLegend,
} from './figures.mjs';
import { formatBytes } from '../number-format.mjs';
import { formatShare } from './format.mjs';
import { sizesOf } from './sizes.mjs';
/** @import { Figure, GroupSteps, Outcome, Series, Theme, Values } from './figures.mjs' */
/** @import { Stats } from './tiles.mjs' */

/**
 * @typedef {Omit<Outcome, 'pattern'> & {values: number[]}} Layer
 * @typedef {'requests' | 'bytes' | 'time'} Quantity
 */

/** Where slices came from. `groups` are those of the outcomes over time, `group` is the one volume or axis that is asked
 * for, if any.
 * @param {Series} series
 * @param {{outcomes: Outcome[], show: Quantity, groups?: Record<string, GroupSteps> | null,
 *   group?: Pick<GroupSteps, 'demand'> | null, outcome?: string}} options
 * @returns {(Outcome & Layer)[]} */
export function outcomesOf(series, { outcomes, show, groups, group, outcome }) {
  /** @param {string} name @returns {number[]} */
  const of = (name) => {
    if (show === 'bytes') return valuesOf(series.counters, 'sent_bytes.' + name, series);
    if (show === 'time') return groups && groups[name] ? groups[name].server_s : series.times.map(() => 0);
    return group ? valuesOf(group.demand, name, series) : series.demand[name];
  };
  return outcomes.filter(({ name }) => !outcome || outcome === name).map((one) => ({ ...one, values: of(one.name) }));
}

const UNITS = { requests: 'slices', bytes: 'bytes', time: 's' };

/** @param {Series} series @param {Theme} theme @param {(Outcome & Layer)[]} layers @param {Quantity} show
 * @returns {Figure | null} */
export function outcomesFigure(series, theme, layers, show) {
  const lists = layers.map(({ values }) => values);
  if (isEmpty(...lists)) return null;
  const top = show === 'requests' ? highest(lists) : undefined;
  return stacked(
    layers.map(({ label, color, pattern, values }) => bars(series, label, values, color, pattern)),
    withoutLegend(timeLayout(series, theme, UNITS[show], top)),
  );
}

// Colours of reasons: those of an outcome would mean something else.
const REASON_COLORS = ['#2d69d1', '#e65266', '#848f9c', '#c98022', '#16a572', '#b33991', '#84644e', '#739e28'];

/** Why slices were decoded. @param {Series} series @param {Record<string, string>} reasons In words.
 * @param {string} [chosen] @returns {Layer[]} */
export function reasonsOf(series, reasons, chosen) {
  return Object.entries(reasons).map(([name, label], i) => ({
    name,
    label,
    color: REASON_COLORS[i % REASON_COLORS.length],
    values: valuesOf(series.counters, 'misses.' + name, series),
  })).filter(({ name, values }) => !isEmpty(values) && (!chosen || chosen === name));
}

/** @param {Series} series @param {Theme} theme @param {Layer[]} reasons @returns {Figure | null} */
export function reasonsFigure(series, theme, reasons) {
  if (!reasons.length) return null;
  return stacked(
    reasons.map(({ label, color, values }) => bars(series, label, values, color)),
    withoutLegend(timeLayout(series, theme, 'slices', highest(reasons.map(({ values }) => values)))),
  );
}

/** Hit rates of the cache with other limits; the present one is marked.
 * @param {Stats} stats @param {Theme} theme @returns {Figure | null} */
export function sizesFigure(stats, theme) {
  const sizes = sizesOf(stats);
  if (!sizes.length) return null;
  const layout = baseLayout(theme);
  const axis = { gridcolor: theme.line, zeroline: false, fixedrange: true };
  return {
    data: [{
      type: 'scatter',
      mode: 'lines+markers+text',
      x: sizes.map(({ factor }) => Math.log2(factor)),
      y: sizes.map(({ hitRate }) => 100 * hitRate),
      text: sizes.map(({ hitRate }) => formatShare(hitRate)),
      textposition: 'top center',
      cliponaxis: false,
      textfont: { size: theme.font, color: theme.ink },
      line: { color: theme.accent, width: 2 },
      marker: {
        size: sizes.map(({ factor }) => (factor === 1 ? 11 : 6)),
        color: theme.accent,
        line: { width: sizes.map(({ factor }) => (factor === 1 ? 2 : 0)), color: theme.ink },
      },
      hovertext: sizes.map(({ limit, hitRate }) => `${formatBytes(limit)}: ${formatShare(hitRate)} hits`),
      hovertemplate: '%{hovertext}<extra></extra>',
    }],
    layout: {
      ...layout,
      dragmode: false,
      hovermode: 'closest',
      xaxis: {
        ...axis,
        showgrid: false,
        range: [-2.4, 2.4],
        tickvals: sizes.map(({ factor }) => Math.log2(factor)),
        ticktext: sizes.map(({ factor, limit }) => formatBytes(limit) + (factor === 1 ? ' (now)' : '')),
      },
      yaxis: {
        ...axis,
        range: [0, 108],
        tickvals: [0, 25, 50, 75, 100],
        title: { text: '%', standoff: 2, font: { size: theme.font } },
      },
    },
  };
}

/** How full the brick cache is, its limit, and marks where bricks were evicted.
 * @param {Series} series @param {Theme} theme @returns {Figure | null} */
export function contentsFigure(series, theme) {
  const bytes = series.gauges['bricks.bytes'];
  if (!bytes) return null;
  const limit = valuesOf(series.gauges, 'bricks.limit', series);
  const evictions = valuesOf(series.counters, 'bricks.evictions', series);
  return {
    data: [
      line(series, 'bricks', bytes, theme.accent, { fill: 'tozeroy', fillcolor: theme.soft }),
      line(series, 'limit', limit, theme.bad, { dash: 'dash' }),
      {
        type: 'scatter',
        mode: 'markers',
        name: 'evicted',
        x: line(series, '', [], '').x,
        y: evictions.map((n, i) => (n ? bytes[i] : null)),
        text: evictions.map((n) => `${n} evicted`),
        marker: { symbol: 'triangle-down', size: 8, color: theme.bad },
        hovertemplate: '%{text}<extra></extra>',
      },
    ],
    layout: timeLayout(series, theme, 'bytes'),
  };
}

/** Bytes decoded ahead in each step, and those used and wasted in it.
 * @param {Series} series @param {Theme} theme @returns {Figure | null} */
export function aheadFigure(series, theme) {
  /** @param {string} name */
  const of = (name) => valuesOf(series.counters, 'prefetch.' + name, series);
  // Wasted by cause; `prefetch.wasted_bytes` has the evicted ones of earlier versions.
  const causes = Object.keys(series.counters).filter((name) => name.startsWith('wasted_bytes.'));
  const wasted = causes.map((name) => series.counters[name])
    .reduce((sums, values) => sums.map((sum, i) => sum + values[i]), of('wasted_bytes'));
  const lists = [of('decoded_bytes'), of('used_bytes'), wasted];
  if (isEmpty(...lists)) return null;
  return {
    data: [
      bars(series, 'decoded ahead', lists[0], mix(theme.card, theme.accent, 0.35)),
      line(series, 'used', lists[1], theme.accent),
      line(series, 'wasted', lists[2], theme.bad, { dash: 'dot' }),
    ],
    layout: { ...timeLayout(series, theme, 'bytes'), bargap: 0 },
  };
}

/** @param {Series} series @param {Theme} theme @returns {Figure | null} */
export function plansFigure(series, theme) {
  /** @param {string} name */
  const counters = (name) => valuesOf(series.counters, 'prefetch.' + name, series);
  /** @param {string} name */
  const gauges = (name) => valuesOf(series.gauges, 'prefetch.' + name, series);
  /** @type {[number[], number[], number[], Values, Values]} */
  const lists = [counters('decoded'), counters('late'), counters('failed'), gauges('planned'), gauges('in_flight')];
  if (isEmpty(...lists)) return null;
  const [decoded, late, failed, planned, inFlight] = lists;
  return stacked([
    bars(series, 'decoded in time', decoded.map((n, i) => Math.max(0, n - late[i])), theme.accent),
    bars(series, 'late', late, '#c98022', '/'),
    bars(series, 'failed', failed, theme.bad),
    line(series, 'planned', planned, theme.ink),
    line(series, 'being decoded', inFlight, theme.dim, { dash: 'dot' }),
  ], timeLayout(series, theme, 'bricks', highest([decoded, failed, planned])));
}

/** Busy threads, and the queue for one on the right axis.
 * @param {Series} series @param {Theme} theme @returns {Figure | null} */
export function threadsFigure(series, theme) {
  const busy = valuesOf(series.gauges, 'threads.busy', series);
  const queue = series.queue.p95_ms;
  if (isEmpty(busy, queue)) return null;
  const layout = timeLayout(series, theme, 'threads');
  return {
    data: [
      line(series, 'threads busy', busy, theme.accent, { fill: 'tozeroy', fillcolor: theme.soft }),
      line(series, 'ms in the queue (p95)', queue, theme.bad, {
        yaxis: 'y2',
        connectgaps: false,
        // A step between two without requests has no line.
        mode: 'lines+markers',
        marker: { size: 4 },
      }),
    ],
    layout: {
      ...layout,
      margin: { ...layout.margin, r: 4 * theme.font },
      yaxis2: {
        overlaying: 'y',
        side: 'right',
        rangemode: 'tozero',
        fixedrange: true,
        showgrid: false,
        zeroline: false,
        // Round numbers of its own, not those beside the other axis' lines.
        tickmode: 'auto',
        nticks: 4,
        title: { text: 'ms', standoff: 2, font: { size: theme.font } },
      },
    },
  };
}

/** Kinds of requests, and of answers that were no success, in the order of the stack.
 * @type {Record<string, [label: string, color: string]>} */
const KINDS = { demand: ['seen', '#009ce3'], ahead: ['fetched ahead', '#3a68d0'], script: ['scripts', '#739e28'] };
const ORDER = [...Object.keys(KINDS), 'refused', 'errors'];
const REFUSED = 400;
const FAILED = 500;

/** Responses by kind; those from status 400 on are refusals, from 500 on errors.
 * @param {Series} series @param {Theme} theme @param {string} [kind] @returns {Figure | null} */
export function answersFigure(series, theme, kind) {
  /** @type {Map<string, number[]>} */
  const found = new Map();
  Object.entries(series.counters).forEach(([name, steps]) => {
    const parts = /^requests\.(\w+)_(\d{3})$/.exec(name);
    if (!parts || (kind && parts[1] !== kind)) return;
    const code = Number(parts[2]);
    const isFailure = code >= FAILED && parts[1] !== 'ahead';
    const key = isFailure ? 'errors' : code >= REFUSED ? 'refused' : parts[1];
    const before = found.get(key);
    found.set(key, before ? before.map((n, i) => n + steps[i]) : steps);
  });
  if (!found.size) return null;
  const layers = ORDER.filter((key) => found.has(key)).map((key) => {
    const values = /** @type {number[]} */ (found.get(key));
    const [label, color] = KINDS[key] || [key, key === 'errors' ? theme.bad : theme.dim];
    return bars(series, label, values, color, key === 'errors' ? 'x' : '');
  });
  return stacked(layers, timeLayout(series, theme, 'requests', highest(Array.from(found.values()))));
}
