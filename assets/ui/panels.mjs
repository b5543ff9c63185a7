/* The panels' figures as they come from the ledger. Written past Dash and React, which take longer than drawing them. */

import { element, readyGraph, setText, setVisible } from '../render/dom.mjs';
import { createPanelScheduler } from './panel-scheduler.mjs';
/** @import { PanelUpdate, PanelUpdates } from './panel-scheduler.mjs' */
/** @import { PipelinePanel } from './pipeline.mjs' */

/** @typedef {ReturnType<typeof createPanels>} Panels */

const PIPELINE = 'pipeline-panel';

// A viewer who requested no slice for this long is not about to request the next one.
const QUIET_MS = 500;
const RETRY_MS = 100;

const SVG = 'http://www.w3.org/2000/svg';
const SPARKLINE = [80, 16];
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** `isMoving()` is true while slices move, `idleMs()` is the time since the last request, `isCompact(id)` is true for a
 * panel that shows its head alone.
 * @param {{pipeline: PipelinePanel, isMoving: () => boolean, idleMs: () => number, isCompact: (id: string) => boolean}}
 *   parts */
export function createPanels({ pipeline, isMoving, idleMs, isCompact }) {
  const scheduler = createPanelScheduler({ show, isIdle, isVisible: isReady });
  /** Ids. @type {Set<string>} */
  const visible = new Set();
  /** Charts of compact panels, until these are opened. @type {Map<string, Plotly>} */
  const undrawn = new Map();
  let retry = 0;

  function start() {
    const observer = new IntersectionObserver((entries) => {
      entries.forEach(({ target, isIntersecting }) => {
        if (isIntersecting) visible.add(target.id);
        else visible.delete(target.id);
      });
      refresh();
    });
    document.querySelectorAll('#panels > section').forEach((section) => observer.observe(section));
    document.addEventListener('visibilitychange', refresh);
  }

  /* Updates of hidden panels were put off. */
  function refresh() {
    pipeline.render();
    scheduler.schedule();
  }

  function isIdle() {
    return !isMoving() && idleMs() >= QUIET_MS;
  }

  /** Whether a panel is visible. When no slice is moving, one that is scrolled away counts too: it can be read aloud or
   * printed. @param {string} id @returns {boolean} */
  function isPanelVisible(id) {
    if (document.hidden) return false;
    return visible.has(id) || (isIdle() && element(id).offsetWidth > 0);
  }

  /** Whether a part can be shown, and be seen. @param {string} id @returns {boolean} */
  function isReady(id) {
    const node = element(id);
    if (!node.classList.contains('card')) return true;
    if (!isPanelVisible(id)) return false;
    if (!node.querySelector('.dash-graph') || readyGraph(node)) return true;
    // Dash has no event for the empty graph being drawn.
    clearTimeout(retry);
    retry = setTimeout(scheduler.schedule, RETRY_MS);
    return false;
  }

  /** A part: its id and what is new in it. @param {string} id @param {PanelUpdate} update */
  function show(id, { figure, stages, slices, texts, titles, alerts, shares, sparks, hidden }) {
    each(texts, (name, text) => setText(name, text));
    each(titles, (name, title) => element(name).setAttribute('title', title));
    each(alerts, (name, on) => element(name).classList.toggle('bad', on));
    each(shares, setShare);
    each(sparks, drawSparkline);
    each(hidden, (name, on) => setVisible(name, !on));
    if (stages) {
      pipeline.render();
      pipeline.setPercentiles({ stages, slices: slices || {} });
    }
    if (figure && isCompact(id)) undrawn.set(id, figure);
    else if (figure) draw(id, figure);
  }

  /** @param {string} id @param {Plotly} figure */
  function draw(id, figure) {
    const graph = readyGraph(element(id));
    if (!graph) {
      undrawn.set(id, figure);
      setTimeout(() => onOpened(id), RETRY_MS);
      return;
    }
    undrawn.delete(id);
    globalThis.Plotly.react(graph, figure.data.map(withClock), figure.layout);
  }

  /** A panel that was compact is open now, or its graph may be there by now. @param {string} id */
  function onOpened(id) {
    if (undrawn.has(id) && !isCompact(id)) draw(id, undrawn.get(id));
  }

  return {
    start,
    onOpened,
    /** @param {PanelUpdates | null | undefined} parts */
    update: (parts) => scheduler.enqueue(parts),
    onPainted: () => scheduler.onPainted(),
    isPipelineVisible: () => isPanelVisible(PIPELINE),
  };
}

/** @template T @param {Record<string, T> | undefined} values @param {(name: string, value: T) => void} job */
function each(values, job) {
  Object.entries(values || {}).forEach(([name, value]) => job(name, value));
}

/** How far a bar is filled (%); a part of a stacked bar is as wide. @param {string} id @param {number} percent */
function setShare(id, percent) {
  const bar = element(id);
  const fill = /** @type {HTMLElement | null} */ (bar.firstElementChild);
  if (fill) bar.setAttribute('aria-valuenow', percent.toFixed(0));
  (fill || bar).style.width = percent + '%';
}

/** A bar for each value, in one path; the highest fills the height. @param {string} id @param {number[]} values */
function drawSparkline(id, values) {
  const [width, height] = SPARKLINE;
  const top = Math.max(...values, Number.MIN_VALUE);
  const step = width / Math.max(values.length, 1);
  const bars = values.map((value, i) => {
    const x = ((i + 0.5) * step).toFixed(1);
    return value > 0 ? `M${x} ${height}V${Math.min(height - 1, height * (1 - value / top)).toFixed(1)}` : '';
  });
  const node = element(id);
  if (!node.firstChild) {
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.append(document.createElementNS(SVG, 'path'));
    node.append(svg);
  }
  const path = /** @type {Element} */ (node.querySelector('path'));
  path.setAttribute('d', bars.join(''));
  path.setAttribute('stroke-width', String(0.7 * step));
}

/** A trace with the clock time of its steps before its texts; `customdata` has their beginnings (s).
 * @param {Plotly} trace @returns {Plotly} */
function withClock(trace) {
  if (!trace.customdata) return trace;
  const text = trace.text.map((
    /** @type {string} */ lines,
    /** @type {number} */ i,
  ) => (lines ? CLOCK.format(1000 * trace.customdata[i]) + ' · ' + lines : ''));
  return Object.assign({}, trace, { text });
}
