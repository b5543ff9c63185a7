/* The heatmap of latencies: slices by time and by the logarithm of their duration, with percentiles over it. */

import { baseLayout, middles, mix, timeAxis } from './figures.mjs';
import { clockTime, formatDuration, localTime, plural } from './format.mjs';
/** @import { Figure, Series, Theme } from './figures.mjs' */

/**
 * @typedef {'perceived' | 'server'} Times Which durations of slices.
 * @typedef {Record<string, number[]>} Buckets Slices of each step, by the upper bound (s) of their durations.
 * @typedef {Record<Times, Record<string, Buckets>> & {bounds: string[]}} Histogram Buckets by outcome.
 * @typedef {Series & {histogram: Histogram}} HistogramSeries
 * @typedef {{from: number, to: number, lowMs: number, highMs: number, count: number}} HeatmapCell
 */

// Ratio of the bounds of the first bucket, and of the last one, which have one bound only.
const END_RATIO = 2;

/** Counts by bucket and step, the outcomes added up: {lows, highs (ms), counts}, the fastest bucket first. Empty buckets
 * between others are rows of zeros.
 * @param {HistogramSeries} series @param {Times} times @param {string} [outcome]
 * @returns {{lows: number[], highs: number[], counts: number[][]}} */
export function cellsOf(series, times, outcome) {
  const parts = Object.entries(series.histogram[times])
    .filter(([name]) => !outcome || name === outcome).map(([, part]) => part);
  const bounds = bucketBounds(series);
  const rows = bounds.map((name) =>
    series.times.map((_, i) => parts.reduce((sum, part) => sum + at(part, name, i), 0))
  );
  const used = rows.map((row, i) => (row.some(Boolean) ? i : -1)).filter((i) => i >= 0);
  if (!used.length) return { lows: [], highs: [], counts: [] };
  const [first, last] = [used[0], used[used.length - 1]];
  const highs = bounds.map((
    name,
    i,
  ) => (name === '+Inf' ? END_RATIO * 1000 * Number(bounds[i - 1]) : 1000 * Number(name)));
  const lows = highs.map((high, i) => (i ? highs[i - 1] : high / END_RATIO));
  return {
    lows: lows.slice(first, last + 1),
    highs: highs.slice(first, last + 1),
    counts: rows.slice(first, last + 1),
  };
}

/** @param {Buckets} part @param {string} name @param {number} step */
function at(part, name, step) {
  return part[name] ? part[name][step] : 0;
}

/** All bounds of the buckets (s), as the server has them: an answer leaves out those without any slice.
 * @param {HistogramSeries} series */
function bucketBounds(series) {
  return series.histogram.bounds;
}

/** A scale from nearly nothing to the colour of the theme. @param {Theme} theme */
function scaleOf(theme) {
  return [[0, 'rgba(0,0,0,0)'], [1e-9, mix(theme.card, theme.accent, 0.22)], [1, theme.accent]];
}

/** @type {['p50_ms' | 'p95_ms' | 'p99_ms', string][]} */
const PERCENTILES = [['p50_ms', 'half'], ['p95_ms', 'p95'], ['p99_ms', 'p99']];
const DASHES = ['solid', 'dash', 'dot'];
const TICKS_MS = [0.01, 0.1, 1, 10, 100, 1000, 10000, 100000];

/** The figure, null without any slice. `references` are times (ms) that are drawn as lines.
 * @param {HistogramSeries} series @param {Theme} theme
 * @param {{times: Times, outcome?: string, references: number[]}} options @returns {Figure | null} */
export function heatmapFigure(series, theme, { times, outcome, references }) {
  const { lows, highs, counts } = cellsOf(series, times, outcome);
  if (!counts.length) return null;
  const edges = series.times.concat(series.to).map(localTime);
  const log = lows.concat(highs.slice(-1)).map(Math.log10);
  const texts = counts.map((row, j) =>
    row.map((n, i) =>
      n
        ? `${plural(n, 'slice')}<br>${formatDuration(lows[j])} – ${formatDuration(highs[j])}<br>${
          clockTime(series.times[i], series.to, true)
        }`
        : ''
    )
  );
  const heat = {
    type: 'heatmap',
    x: edges,
    y: log,
    z: counts.map((row) => row.map(Math.sqrt)),
    text: texts,
    hovertemplate: '%{text}<extra></extra>',
    hoverongaps: false,
    colorscale: scaleOf(theme),
    zmin: 0,
    showscale: false,
    xgap: 1,
    ygap: 1,
  };
  const lines = outcome ? [] : PERCENTILES.map(([name, label], i) => ({
    type: 'scatter',
    mode: 'lines+markers',
    name: label,
    x: middles(series),
    y: series[times][name].map((ms) => (ms ? Math.log10(ms) : null)),
    line: { color: theme.ink, width: 1.6, dash: DASHES[i] },
    marker: { size: 3, color: theme.ink },
    hoverinfo: 'skip',
  }));
  const [low, high] = [
    Math.min(log[0], ...references.map(Math.log10)),
    Math.max(log[log.length - 1], ...references.map(Math.log10)),
  ];
  const layout = baseLayout(theme);
  const tickvals = TICKS_MS.map(Math.log10);
  return {
    data: [heat, ...lines],
    layout: {
      ...layout,
      hovermode: 'closest',
      showlegend: lines.length > 0,
      legend: { orientation: 'h', x: 1, xanchor: 'right', y: 1, yanchor: 'bottom', font: { size: theme.font } },
      margin: { ...layout.margin, l: 5 * theme.font },
      xaxis: timeAxis(series),
      yaxis: {
        range: [low - 0.1, high + 0.15],
        fixedrange: true,
        zeroline: false,
        gridcolor: theme.line,
        tickvals,
        ticktext: TICKS_MS.map(tickText),
      },
      shapes: references.map((ms) => ({
        type: 'line',
        xref: 'paper',
        x0: 0,
        x1: 1,
        y0: Math.log10(ms),
        y1: Math.log10(ms),
        line: { color: theme.bad, width: 1.2, dash: 'dashdot' },
      })),
      annotations: references.map((ms) => ({
        xref: 'paper',
        x: 0,
        xanchor: 'left',
        y: Math.log10(ms),
        yanchor: 'bottom',
        showarrow: false,
        text: `desktop viewer, ${ms > 100 ? 'from disk' : 'cached'}: ${ms} ms`,
        font: { size: theme.font, color: theme.bad },
      })),
    },
  };
}

/** @param {number} ms */
function tickText(ms) {
  if (ms >= 1000) return ms / 1000 + ' s';
  return ms < 1 ? 1000 * ms + ' µs' : ms + ' ms';
}

/** The cell at a place of the figure: a date, and the logarithm of a time (ms).
 * @param {HistogramSeries} series @param {{times: Times, outcome?: string}} options @param {number} time
 * @param {number} log @returns {HeatmapCell | null} */
export function cellAt(series, { times, outcome }, time, log) {
  const { lows, highs, counts } = cellsOf(series, times, outcome);
  const step = Math.floor((time - series.from) / series.step_s);
  const bucket = highs.findIndex((high) => log <= Math.log10(high));
  if (bucket < 0 || step < 0 || step >= series.times.length) return null;
  const from = series.times[step];
  return {
    from,
    to: from + series.step_s,
    lowMs: lows[bucket],
    highMs: highs[bucket],
    count: counts[bucket][step],
  };
}
