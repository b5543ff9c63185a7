/* The panels' figures as they come from the ledger. Written past Dash and React, which take longer than drawing them. */

import { element, readyGraph, setText, setVisible } from '../render/dom.mjs';
import { createPanelScheduler } from './panel-scheduler.mjs';

const PIPELINE = 'pipeline-panel';

// A viewer who requested no slice for this long is not about to request the next one.
const QUIET_MS = 500;
const RETRY_MS = 100;

/* `isMoving()` is true while slices move, `idleMs()` is the time since the last request. */
export function createPanels({ pipeline, isMoving, idleMs }) {
  const scheduler = createPanelScheduler({ show, isIdle, isVisible: isReady });
  const visible = new Set();
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

  /* Whether a panel is visible. When no slice is moving, one that is scrolled away counts too: it can be read aloud or
     printed. */
  function isPanelVisible(id) {
    if (document.hidden) return false;
    return visible.has(id) || (isIdle() && element(id).offsetWidth > 0);
  }

  /* Whether a part can be shown, and be seen. */
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

  /* A part: its id and what is new in it. */
  function show(id, { figure, stages, texts, titles, shares, hidden }) {
    each(texts, (name, text) => setText(name, text));
    each(titles, (name, title) => element(name).setAttribute('title', title));
    each(shares, setShare);
    each(hidden, (name, on) => setVisible(name, !on));
    if (stages) {
      pipeline.render();
      pipeline.setPercentiles(stages);
    }
    if (figure) globalThis.Plotly.react(readyGraph(element(id)), figure.data, figure.layout);
  }

  return {
    start,
    update: (parts) => scheduler.enqueue(parts),
    onPainted: () => scheduler.onPainted(),
    isPipelineVisible: () => isPanelVisible(PIPELINE),
  };
}

function each(values, job) {
  Object.entries(values || {}).forEach(([name, value]) => job(name, value));
}

/* How far a bar is filled (%). */
function setShare(id, percent) {
  const bar = element(id);
  bar.setAttribute('aria-valuenow', percent.toFixed(0));
  /** @type {HTMLElement} */ (bar.firstElementChild).style.width = percent + '%';
}
