/* Charts of the monitor, drawn by Plotly; a drag on one chooses a time span. */

import { scaled } from '../../model/monitor/figures.mjs';
import { fromLocalTime } from '../../model/monitor/format.mjs';
import { element } from '../dom.mjs';
/** @import { Figure, Theme } from '../../model/monitor/figures.mjs' */

/** @typedef {ReturnType<typeof createCharts>} Charts */

const CONFIG = { displayModeBar: false, doubleClick: false, showTips: false, scrollZoom: false };

/** Colours of the theme, and the size of the text, as the style sheet has them. @returns {Theme} */
export function readTheme() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const color = (name) => style.getPropertyValue('--l-' + name).trim();
  return {
    ink: color('ink'),
    dim: color('dim'),
    line: color('line'),
    accent: color('accent'),
    soft: color('soft'),
    bad: color('bad'),
    card: color('card'),
    font: 0.6875 * parseFloat(style.fontSize),
  };
}

/** `onSpan(from, to)` is called after a drag, with Unix times (s), `onClick(id, x, y)` with a place of a chart: a Unix
 * time, and the value of the y axis.
 * @param {{onSpan: (from: number, to: number) => void, onClick: (id: string, x: number, y: number) => void}} parts */
export function createCharts({ onSpan, onClick }) {
  /** What is drawn, as text. @type {Map<string, string>} */
  const drawn = new Map();
  // What is written below a chart takes space from it.
  const sizes = new ResizeObserver((entries) =>
    entries.forEach(({ target, contentRect }) => {
      if (contentRect.width > 0 && contentRect.height > 0) globalThis.Plotly.Plots.resize(target);
    })
  );

  /** @param {string} id @param {Plotly} node */
  function listen(id, node) {
    node.on('plotly_relayout', (/** @type {Plotly} */ change) => {
      const [from, to] = [change['xaxis.range[0]'], change['xaxis.range[1]']];
      if (from !== undefined && to !== undefined) onSpan(fromLocalTime(from), fromLocalTime(to));
    });
    node.on('plotly_click', (/** @type {Plotly} */ { points: [point], event }) => {
      const box = node.querySelector('.nsewdrag').getBoundingClientRect();
      const { xaxis, yaxis } = node._fullLayout;
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      if (point) onClick(id, fromLocalTime(xaxis.p2d(x)), yaxis.p2d(y));
    });
  }

  /** Draw a figure, or the text of an empty chart; one that is drawn already is left as it is.
   * @param {string} id @param {Figure | null} figure @param {string} emptyText */
  function draw(id, figure, emptyText) {
    const empty = element(id + '-empty');
    empty.classList.toggle('hidden', Boolean(figure));
    empty.textContent = figure ? '' : emptyText;
    const node = element(id);
    node.classList.toggle('invisible', !figure);
    if (!figure || !globalThis.Plotly) return;
    const { data, layout } = scaled(figure, figure.layout.font.size);
    const text = JSON.stringify([data, layout]);
    if (drawn.get(id) === text) return;
    const isNew = !drawn.has(id);
    drawn.set(id, text);
    globalThis.Plotly.react(node, data, layout, CONFIG);
    if (!isNew) return;
    listen(id, node);
    sizes.observe(node);
  }

  return { draw };
}
