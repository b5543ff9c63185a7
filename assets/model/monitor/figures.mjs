/* What the monitor's charts have in common: time axes, stacked layers, lines. Figures are Plotly's, as plain data. */

import { localTime } from './format.mjs';

/**
 * @typedef {object} Theme Colours, and the size of the text (px).
 * @property {string} ink
 * @property {string} dim
 * @property {string} line
 * @property {string} accent
 * @property {string} soft
 * @property {string} bad
 * @property {string} card
 * @property {number} font
 */

/**
 * @typedef {{data: Plotly[], layout: Plotly}} Figure
 * @typedef {(number | null)[]} Values
 * @typedef {{count: number[], p50_ms: Values, p95_ms: Values, p99_ms: Values}} TimeSteps
 * @typedef {{demand: Record<string, number[]>, server_s: number[]}} GroupSteps
 * @typedef {{name: string, label: string, color: string, pattern: string}} Outcome In words and colours.
 */

/** @typedef {{time: number, version: string, version_before?: string | null, changed: Record<string, unknown[]>}} Start
 * Of the service; settings that had changed, with both values. */

/**
 * @typedef {object} Series The server's figures over time: lists have a value for each step.
 * @property {number} from Unix time (s), as the other times.
 * @property {number} to
 * @property {number} step_s
 * @property {number[]} times Where steps begin.
 * @property {Record<string, number[]>} demand By outcome.
 * @property {TimeSteps} perceived
 * @property {TimeSteps} server
 * @property {TimeSteps} queue
 * @property {number[]} seen_within_100_ms
 * @property {Record<string, number[]>} counters
 * @property {Record<string, Values>} gauges
 * @property {Start[]} starts
 */

/** @typedef {Series & {groups: Record<string, GroupSteps>}} GroupedSeries */

/** @param {Theme} theme @returns {Plotly} */
export function baseLayout(theme) {
  const font = { size: theme.font, color: theme.dim };
  const em = theme.font;
  return {
    template: { layout: {} },
    autosize: true,
    showlegend: false,
    margin: { l: 4.2 * em, r: 1.4 * em, t: 2 * em, b: 2.6 * em, pad: 0 },
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: 'rgba(0,0,0,0)',
    font,
    hoverlabel: {
      bgcolor: '#22282d',
      bordercolor: '#56616a',
      font: { size: theme.font, color: '#ffffff' },
      align: 'left',
    },
    dragmode: 'zoom',
  };
}

const DAY_S = 86400;

/** The time axis of a chart. @param {Series} series @returns {Plotly} */
export function timeAxis(series) {
  const seconds = series.to - series.from;
  return {
    type: 'date',
    range: [localTime(series.from), localTime(series.to)],
    showgrid: false,
    zeroline: false,
    nticks: 7,
    tickangle: 0,
    ticklabelstandoff: 6,
    tickformat: seconds > 8 * DAY_S
      ? '%d %b'
      : seconds > 1.1 * DAY_S
      ? '%a %H:%M'
      : seconds < 120
      ? '%H:%M:%S'
      : '%H:%M',
  };
}

/** The layout of a chart over time, which drags narrow down along the time alone. `top` is the highest of the values
 * that are counts: their axis has no fractions.
 * @param {Series} series @param {Theme} theme @param {string} unit @param {number} top @returns {Plotly} */
export function timeLayout(series, theme, unit, top = Infinity) {
  const layout = baseLayout(theme);
  const axis = { gridcolor: theme.line, zeroline: false, tickfont: { size: theme.font } };
  return {
    ...layout,
    hovermode: 'x unified',
    showlegend: true,
    legend: { orientation: 'h', x: 1, xanchor: 'right', y: 1, yanchor: 'bottom', font: { size: theme.font } },
    xaxis: { ...axis, ...timeAxis(series) },
    yaxis: {
      ...axis,
      rangemode: 'tozero',
      fixedrange: true,
      nticks: 5,
      title: { text: unit, standoff: 2, font: { size: theme.font } },
      tickformat: unit === 'bytes' ? '~s' : ',~r',
      ...(top < 5 ? { dtick: 1 } : {}),
    },
  };
}

/** The middles of the steps, as dates. @param {Series} series */
export function middles(series) {
  return series.times.map((time) => localTime(time + series.step_s / 2));
}

/** Bars of one layer of a stack, as wide as a step; null layers are none.
 * @param {Series} series @param {string} name @param {Values} values @param {string} color @param {string} pattern
 * @returns {Plotly} */
export function bars(series, name, values, color, pattern = '') {
  return {
    type: 'bar',
    name,
    x: middles(series),
    y: values,
    width: series.times.map(() => 1000 * series.step_s),
    marker: {
      color,
      line: { width: 0 },
      pattern: pattern
        ? { shape: pattern, bgcolor: color, fgcolor: '#ffffff', fgopacity: 0.6, size: 6, solidity: 0.25 }
        : undefined,
    },
    hovertemplate: '%{y:.3~s} ' + name + '<extra></extra>',
  };
}

/** @param {Series} series @param {string} name @param {Values} values @param {string} color @param {Plotly} more
 * @returns {Plotly} */
export function line(series, name, values, color, more = {}) {
  const { dash, text = '%{y:.3~s}', ...others } = more;
  return {
    type: 'scatter',
    mode: 'lines',
    name,
    x: middles(series),
    y: values,
    line: { color, width: 1.8, shape: 'hvh', dash },
    hovertemplate: text + ' ' + name + '<extra></extra>',
    ...others,
  };
}

/** The highest sum of one step. @param {Values[]} lists @returns {number} */
export function highest(lists) {
  return Math.max(0, ...(lists[0] || []).map((_, i) => lists.reduce((sum, values) => sum + (values[i] || 0), 0)));
}

/** A colour between two, both as #rrggbb. @param {string} from @param {string} to @param {number} share */
export function mix(from, to, share) {
  /** @param {string} color */
  const parts = (color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  const [a, b] = [parts(from), parts(to)];
  return '#' + a.map((v, i) => Math.round(v + share * (b[i] - v)).toString(16).padStart(2, '0')).join('');
}

/** A figure whose layers are stacked. @param {Plotly[]} data @param {Plotly} layout @returns {Figure} */
export function stacked(data, layout) {
  return { data, layout: { ...layout, barmode: 'stack', bargap: 0 } };
}

// Size of the text (px) for which lines and markers have their widths.
const BASE_FONT = 11;

/** The same figure with lines and markers for another size of the text, as on a wall.
 * @param {Figure} figure @param {number} font @returns {Figure} */
export function scaled(figure, font) {
  const factor = font / BASE_FONT;
  /** @param {Plotly} value A width, or one for each point. @returns {Plotly} */
  const times = (value) => (Array.isArray(value) ? value.map((one) => one * factor) : value && value * factor);
  const data = figure.data.map((trace) => ({
    ...trace,
    ...(trace.line ? { line: { ...trace.line, width: times(trace.line.width) } } : {}),
    ...(trace.marker ? { marker: { ...trace.marker, size: times(trace.marker.size) } } : {}),
  }));
  const shapes = (figure.layout.shapes || []).map((/** @type {Plotly} */ shape) => ({
    ...shape,
    line: { ...shape.line, width: times(shape.line.width) },
  }));
  return { data, layout: { ...figure.layout, shapes } };
}

/** A layout of a chart whose legend is below it. @param {Plotly} layout @returns {Plotly} */
export function withoutLegend(layout) {
  return { ...layout, showlegend: false, margin: { ...layout.margin, t: 0.8 * layout.font.size } };
}

/** Whether there is anything in lists of values. @param {...(Values | null | undefined)} lists */
export function isEmpty(...lists) {
  return !lists.some((values) => (values || []).some((value) => value));
}

/** Levels of a whole page or of all processes: a list for each step, zeros where nothing is known.
 * @template {number | null} T @param {Record<string, T[]> | null | undefined} lists @param {string} name
 * @param {Series} series @returns {(T | number)[]} */
export function valuesOf(lists, name, series) {
  return (lists && lists[name]) || series.times.map(() => 0);
}
