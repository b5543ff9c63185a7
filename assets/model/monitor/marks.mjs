/* What happened on the time axis: starts of processes, a worker that went away, a cache that is full. */

import { localTime } from './format.mjs';
/** @import { Figure, Series, Start, Theme } from './figures.mjs' */
/** @import { Stats } from './tiles.mjs' */

/** @typedef {{time: number, text: string}} Mark */

// So many settings are named.
const NAMES = 2;
// Marks that are nearer to each other than this share of the axis are one.
const NEAR = 0.02;

/** Marks within the time of a series, in order. @param {Stats} stats @param {Series} series @returns {Mark[]} */
export function marksOf(stats, series) {
  const { to } = stats;
  const started = series.starts.map((start) => ({ time: start.time, text: startText(start) }));
  const { state, since_s: since } = stats.worker;
  const away = since && (state === 'away' || state === 'ended')
    ? [{ time: to - since, text: state === 'away' ? 'worker away' : 'worker ended' }]
    : [];
  const evictions = series.counters['bricks.evictions'] || [];
  const full = evictions.findIndex((n, i) => n > 0 && !evictions[i - 1]);
  const fills = full < 0 ? [] : [{ time: series.times[full], text: 'cache full' }];
  const marks = [...started, ...away, ...fills]
    .filter(({ time }) => time > series.from && time < series.to)
    .sort((a, b) => a.time - b.time);
  return merged(marks, NEAR * (series.to - series.from));
}

/** A start with its version and the names of settings that had changed. @param {Start} start */
function startText({ version, changed }) {
  const names = Object.keys(changed);
  const settings = names.length > NAMES
    ? `${names.length} settings changed`
    : names.length
    ? names.join(', ') + ' changed'
    : '';
  return [`start of ${version}`, settings].filter(Boolean).join(', ');
}

/** @param {Mark[]} marks @param {number} near @returns {Mark[]} */
function merged(marks, near) {
  /** @type {Mark[]} */
  const found = [];
  marks.forEach((mark) => {
    const last = found[found.length - 1];
    if (!last || mark.time - last.time >= near) found.push({ ...mark });
    else if (!last.text.includes(mark.text)) last.text += ', ' + mark.text;
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
  const annotations = marks.map(({ time, text }) => ({
    x: localTime(time),
    yref: 'paper',
    y: 1,
    yanchor: 'top',
    xanchor: 'right',
    textangle: -90,
    showarrow: false,
    text,
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
