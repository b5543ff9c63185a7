/* The pipeline panel: the slice on the screen stage by stage, beside the percentiles of the ledger. */

import { element, setText } from '../render/dom.mjs';

const SOURCES = {
  ring: ['in the page', 'The page still had this slice'],
  frames: ['frame cache', 'This slice was made ready before'],
  bricks: ['brick cache', 'Cut from a brick that was decoded before'],
  prefetched: ['prefetched', 'Cut from a brick that was decoded ahead'],
  coalesced: ['shared decode', 'Waited for the same brick being decoded for another request'],
  miss: ['decoded now', 'Its brick was read and decoded for this request'],
};

// The share of the whole from which on `other` is shown.
const OTHER_SHOWN = 0.05;

/* `stages` are those of the server's configuration; `isVisible()` is true while the panel is on screen. */
export function createPipelinePanel({ stages, isVisible }) {
  let rows = null;
  let percentiles = {};
  let last = null;
  let drawn = null;

  function build() {
    const table = element('pipeline-rows');
    table.replaceChildren();
    table.setAttribute('role', 'table');
    table.setAttribute('aria-label', 'Stages of this slice, in milliseconds');
    const head = document.createElement('div');
    head.className = 'stage-row head';
    head.setAttribute('role', 'row');
    ['stage', '', 'current (ms)', 'p50', 'p95', 'desktop'].forEach((text, i) => {
      const span = cell(head, ['name', 'lane', 'now', 'p50', 'p95', 'reference'][i], text);
      span.setAttribute('role', 'columnheader');
    });
    /** @type {HTMLElement} */ (head.lastChild).title = 'What a desktop viewer of the same pipeline takes';
    table.append(head);
    rows = {};
    stages.forEach((stage) => {
      const row = document.createElement('div');
      row.className = 'stage-row ' + stage.where;
      row.setAttribute('role', 'row');
      row.title = stage.name + ' (' + stage.where + '): ' + stage.what;
      row.style.setProperty('--stage', stage.color);
      cell(row, 'name', stage.name);
      const lane = cell(row, 'lane');
      const bar = document.createElement('span');
      bar.className = 'bar';
      lane.append(bar);
      rows[stage.name] = {
        row,
        bar,
        now: cell(row, 'now'),
        p50: cell(row, 'p50'),
        p95: cell(row, 'p95'),
      };
      cell(row, 'reference', stage.reference.replace(/ ms$/, '').replace('part of 825', '825*'));
      table.append(row);
    });
    const note = document.createElement('div');
    note.className = 'stage-note';
    note.textContent = '* read and decode together';
    table.append(note);
  }

  /* `painted`: {stages: {name: ms}, source, ahead} of the slice that has just come on the screen. */
  function show(painted) {
    last = painted;
    render();
  }

  /* Render the newest slice if the panel is visible; called again when it comes into view. */
  function render() {
    if (!last || last === drawn || !isVisible()) return;
    drawn = last;
    if (!rows) build();
    const painted = last;
    const names = stages.map((stage) => stage.name);
    const total = names.reduce((sum, name) => sum + (painted.stages[name] || 0), 0);
    let at = 0;
    names.forEach((name) => {
      const spent = painted.stages[name] || 0;
      const row = rows[name];
      row.bar.style.left = (100 * at / (total || 1)) + '%';
      row.bar.style.width = (100 * spent / (total || 1)) + '%';
      row.bar.classList.toggle('none', spent === 0);
      row.now.textContent = formatMs(painted.stages[name]);
      // What no stage accounts for is of interest where it is much.
      if (name === 'other') row.row.hidden = spent <= OTHER_SHOWN * total;
      at += spent;
    });
    const source = SOURCES[painted.ahead ? 'prefetched' : painted.source] || SOURCES.miss;
    const badge = element('pipeline-source');
    badge.textContent = source[0];
    badge.title = source[1];
    badge.dataset.source = painted.ahead ? 'prefetched' : painted.source;
    setText('pipeline-total', formatMs(painted.perceived === undefined ? total : painted.perceived) + ' ms');
  }

  /* The ledger's figures: {stage: {p50_ms, p95_ms}}. */
  function setPercentiles(found) {
    percentiles = found || {};
    if (!rows) {
      if (!Object.keys(percentiles).length) return;
      build();
    }
    stages.forEach(({ name }) => {
      const figures = percentiles[name];
      write(rows[name].p50, formatMs(figures && figures.p50_ms));
      write(rows[name].p95, formatMs(figures && figures.p95_ms));
    });
  }

  return { show, render, setPercentiles };
}

function cell(row, name, text) {
  const span = document.createElement('span');
  span.className = name;
  span.setAttribute('role', 'cell');
  if (text) span.textContent = text;
  row.append(span);
  return span;
}

function formatMs(value) {
  if (value === undefined || value === null) return '–';
  if (value === 0) return '0';
  if (value < 0.05) return '<0.1';
  if (value < 100) return value.toFixed(1);
  return Math.round(value).toString();
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
