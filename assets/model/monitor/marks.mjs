/* What happened on the time axis: starts of processes, a worker that went away, a cache that is full. A mark has a word
   or two, and all details under the pointer. */

import { formatBytes } from '../number-format.mjs';
import { clockTime, localTime } from './format.mjs';
/** @import { Figure, Series, Start, Theme } from './figures.mjs' */
/** @import { Stats } from './tiles.mjs' */

/** @typedef {{time: number, text: string, details: string}} Mark Lines of the details are separated by <br>. */

// Marks that are nearer to each other than this share of the axis are one.
const NEAR = 0.02;
// Characters of a text: charts are no higher.
const LONGEST = 14;
// A cache that is as full as this evicts for lack of space.
const FULL = 0.9;
const START = 'start';

/** Marks within the time of a series, in order. @param {Stats} stats @param {Series} series @returns {Mark[]} */
export function marksOf(stats, series) {
  const { to } = stats;
  const { state, since_s: since } = stats.worker;
  const gone = since && (state === 'away' || state === 'ended') ? [to - since] : [];
  const full = fullAt(series);
  const marks = [
    ...series.starts.map((start) => ({ time: start.time, text: startText(start), details: startDetails(start) })),
    ...gone.map((time) => ({ time, text: 'worker ' + state, details: 'prefetch worker ' + state })),
    ...full.map((time) => ({ time, text: 'cache full', details: 'brick cache full: first eviction' })),
  ]
    .filter(({ time }) => time > series.from && time < series.to)
    .sort((a, b) => a.time - b.time)
    .map((mark) => ({ ...mark, details: clockTime(mark.time, to, true) + ' ' + mark.details }));
  return merged(marks, NEAR * (series.to - series.from));
}

/** When bricks were first evicted because the cache was full: others leave with their file, or are dropped.
 * @param {Series} series @returns {number[]} */
function fullAt({ counters, gauges, times }) {
  const evictions = counters['bricks.evictions'] || [];
  const [bytes, limit] = [gauges['bricks.bytes'] || [], gauges['bricks.limit'] || []];
  const at = evictions.findIndex((n, i) => n > 0 && Number(bytes[i]) >= FULL * Number(limit[i]));
  return at < 0 ? [] : [times[at]];
}

/** @param {Start} start */
const isUpdate = ({ version, version_before: before }) => Boolean(before) && before !== version;

/** @param {Start} start */
function startText(start) {
  const text = 'version ' + start.version;
  if (isUpdate(start)) return text.length > LONGEST ? 'new version' : text;
  return Object.keys(start.changed).length ? 'settings' : START;
}

/** A start with its version, and settings before and after. @param {Start} start */
function startDetails(start) {
  const { version, version_before: before, changed } = start;
  return [
    `start of ${version}` + (isUpdate(start) ? ` (before: ${before})` : ''),
    ...Object.entries(changed).map(([name, values]) => {
      const [from, to] = values.map((value) => valueText(name, value));
      return `LAMELLA_${name.toUpperCase()} ${from} → ${to}`;
    }),
  ].join('<br>');
}

/** @param {string} name of a setting @param {unknown} value */
function valueText(name, value) {
  if (value === null) return 'none';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return name.endsWith('bytes') ? formatBytes(Number(value)) : String(value);
}

/** A mark for those that are near to each other: anything else says more than a start.
 * @param {Mark[]} marks @param {number} near @returns {Mark[]} */
function merged(marks, near) {
  /** @type {Mark[]} */
  const found = [];
  marks.forEach((mark) => {
    const last = found[found.length - 1];
    if (!last || mark.time - last.time >= near) {
      found.push({ ...mark });
      return;
    }
    if (last.text === START) last.text = mark.text;
    last.details += '<br>' + mark.details;
  });
  return found;
}

/** The same figure with marks; null stays null.
 * @param {Figure | null} figure @param {Mark[]} marks @param {Theme} theme @returns {Figure | null} */
export function withMarks(figure, marks, theme) {
  if (!figure) return null;
  const { layout } = figure;
  const shapes = marks.map(({ time }) => ({
    type: 'line',
    yref: 'paper',
    x0: localTime(time),
    x1: localTime(time),
    y0: 0,
    y1: 1,
    line: { color: theme.dim, width: 1, dash: 'dot' },
  }));
  const { bgcolor, bordercolor, font } = layout.hoverlabel;
  const annotations = marks.map(({ time, text, details }) => ({
    x: localTime(time),
    yref: 'paper',
    y: 1,
    yanchor: 'top',
    xanchor: 'right',
    textangle: -90,
    showarrow: false,
    text,
    hovertext: details,
    hoverlabel: { bgcolor, bordercolor, font },
    font: { size: 0.9 * theme.font, color: theme.dim },
  }));
  return {
    ...figure,
    layout: {
      ...layout,
      shapes: [...(layout.shapes || []), ...shapes],
      annotations: [...(layout.annotations || []), ...annotations],
    },
  };
}
