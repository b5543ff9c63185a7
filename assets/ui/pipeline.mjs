/* The pipeline panel: the slice on the screen stage by stage, beside the percentiles of the ledger, and what made it
   slow. While a slice is awaited for long, the head of the panel counts. */

import { browserClock } from '../data/clock.mjs';
import { activityOf, describeCulprit, mainCause } from '../model/culprit.mjs';
import { element, setText } from '../render/dom.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Origin } from '../data/slice-loader.mjs' */
/** @import { PaintedSlice } from '../data/telemetry.mjs' */
/** @import { Cause } from '../model/culprit.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Percentiles } from './panel-scheduler.mjs' */

/**
 * @typedef {object} Stage Of the server's configuration.
 * @property {string} name
 * @property {string} where `server` or `browser`.
 * @property {string} color
 * @property {string} reference What a desktop viewer takes for it.
 * @property {string} what It does.
 */

/**
 * @typedef {{stages: Record<string, Percentiles>, slices: Record<string, Percentiles>}} LedgerFigures Of each stage, and
 *   of whole slices by outcome.
 * @typedef {{since: number, timer: number}} Counting
 * @typedef {ReturnType<typeof createPipelinePanel>} PipelinePanel
 */

/** Where a slice came from: a label, and a sentence.
 * @type {Record<Origin['source'] | 'prefetched', [string, string]>} */
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

// Percentiles of fewer slices say nothing.
const MIN_SLICES = 5;

// A slice that is awaited for this long (ms) is counted, this often; its estimate is the median of the last ones that
// were decoded, and holds until it is exceeded by half.
const COUNT_AFTER_MS = 300;
const COUNT_EVERY_MS = 100;
const REMEMBERED = 5;
const OVERDUE = 1.5;

/** `stages` are those of the server's configuration, `reference` is what a desktop viewer takes for all of them.
 * `isVisible()` is true while the panel is on screen, `currentView()` is the view.
 * @param {{stages: Stage[], reference: string, isVisible: () => boolean, currentView: () => View | null,
 *   clock?: Clock}} parts */
export function createPipelinePanel({ stages, reference, isVisible, currentView, clock = browserClock }) {
  /** By stage, once the table is there. @type {Record<string, Record<string, HTMLElement>>} */
  const rows = {};
  /** @type {LedgerFigures} */
  let percentiles = { stages: {}, slices: {} };
  /** @type {PaintedSlice | null} */
  let last = null;
  /** @type {PaintedSlice | null} */
  let drawn = null;
  /** @type {Counting | null} */
  let counting = null;
  /** Slices that were decoded while they were awaited, of the dataset and axis of `key`.
   * @type {{key: string, slices: {perceived: number, cause: Cause}[]}} */
  let decoded = { key: '', slices: [] };

  function build() {
    const table = element('pipeline-rows');
    table.replaceChildren();
    table.setAttribute('role', 'table');
    table.setAttribute('aria-label', 'Stages of this slice, in milliseconds');
    const head = document.createElement('div');
    head.className = 'stage-row head';
    head.setAttribute('role', 'row');
    ['step', '', 'ms', 'p50', 'p95', 'desktop'].forEach((text, i) => {
      const span = cell(head, ['name', 'lane', 'now', 'p50', 'p95', 'reference'][i], text);
      span.setAttribute('role', 'columnheader');
    });
    const titles = [
      '',
      '',
      'The slice on the screen, in milliseconds',
      'Half of the slices of the last five minutes took longer',
      'One slice in twenty of the last five minutes took longer',
      'What a desktop viewer of the same pipeline takes',
    ];
    Array.from(head.children).forEach((node, i) => {
      /** @type {HTMLElement} */ (node).title = titles[i];
    });
    table.append(head);
    stages.forEach((stage) => addRow(table, stage, stage.name + ' (' + stage.where + '): ' + stage.what));
    const whole = { name: 'whole', where: 'whole', color: 'transparent', reference };
    addRow(table, whole, 'The whole slice, from key, wheel or click to the screen');
    rows.whole.bar.className = 'count';
  }

  /** @param {HTMLElement} table @param {Omit<Stage, 'what'>} stage @param {string} title */
  function addRow(table, stage, title) {
    const row = document.createElement('div');
    row.className = 'stage-row ' + stage.where;
    row.setAttribute('role', 'row');
    row.title = title;
    row.style.setProperty('--stage', stage.color);
    cell(row, 'name', stage.name);
    const lane = cell(row, 'lane');
    const bar = document.createElement('span');
    bar.className = 'bar';
    lane.append(bar);
    rows[stage.name] = { row, bar, now: cell(row, 'now'), p50: cell(row, 'p50'), p95: cell(row, 'p95') };
    const desktop = cell(row, 'reference', stage.reference.replace(/ ms$/, '').replace('part of 825', '825*'));
    if (/part of/.test(stage.reference)) desktop.title = 'For reading and decoding together';
    table.append(row);
  }

  /** @param {PaintedSlice} painted The slice that has just come on the screen. */
  function show(painted) {
    last = painted;
    if (painted.perceived !== undefined && ['miss', 'coalesced'].includes(painted.source)) remember(painted);
    render();
  }

  /** @param {View | null} view @returns {string} */
  function keyOf(view) {
    return view ? [view.generation, view.axis].join() : '';
  }

  /** @param {PaintedSlice} painted */
  function remember({ perceived, stages: spent }) {
    const key = keyOf(currentView());
    const cause = mainCause(spent).name;
    // The page opens only once, and is rarely busy with something else for long.
    if (cause === 'browser') return;
    const before = decoded.key === key ? decoded.slices : [];
    decoded = { key, slices: [...before, { perceived: /** @type {number} */ (perceived), cause }].slice(-REMEMBERED) };
  }

  /* Render the newest slice if the panel is visible; called again when it comes into view. */
  function render() {
    if (!last || last === drawn || !isVisible()) return;
    drawn = last;
    if (!rows.whole) build();
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
    const whole = painted.perceived === undefined ? total : painted.perceived;
    rows.whole.now.textContent = formatMs(whole);
    setText('pipeline-culprit', describeCulprit(painted.stages, whole, currentView()));
    const source = SOURCES[painted.ahead ? 'prefetched' : painted.source] || SOURCES.miss;
    const badge = element('pipeline-source');
    badge.textContent = source[0];
    badge.title = source[1];
    badge.dataset.source = painted.ahead ? 'prefetched' : painted.source;
    if (!counting) showTotal();
  }

  function showTotal() {
    setText('pipeline-total', drawn ? rows.whole.now.textContent + ' ms' : '');
  }

  /** @param {LedgerFigures} found */
  function setPercentiles(found) {
    percentiles = found;
    if (!rows.whole) {
      if (!Object.keys(percentiles.stages).length) return;
      build();
    }
    const all = Object.assign({}, percentiles.stages, { whole: percentiles.slices.all });
    Object.entries(rows).forEach(([name, row]) => {
      const figures = all[name];
      const few = !figures || figures.count < MIN_SLICES;
      row.row.classList.toggle('few', few);
      write(row.p50, few ? '–' : formatMs(figures.p50_ms));
      write(row.p95, few ? '–' : formatMs(figures.p95_ms));
      const count = figures ? figures.count : 0;
      row.p50.title = row.p95.title = 'of ' + count + (count === 1 ? ' slice' : ' slices') + ' in five minutes';
    });
    write(rows.whole.bar, all.whole ? 'n = ' + all.whole.count : '');
  }

  /** A slice is awaited from now on, or no more. @param {boolean} on */
  function setAwaited(on) {
    if (on === Boolean(counting)) return;
    if (on) {
      const since = clock.now();
      counting = { since, timer: clock.later(count, COUNT_AFTER_MS) };
      return;
    }
    clock.cancel(/** @type {Counting} */ (counting).timer);
    counting = null;
    element('pipeline-panel').classList.remove('counting');
    showTotal();
  }

  function count() {
    const running = /** @type {Counting} */ (counting);
    running.timer = clock.later(count, COUNT_EVERY_MS);
    if (!isVisible()) return;
    const elapsed = clock.now() - running.since;
    const { expected, cause } = estimate();
    const of = expected && elapsed < OVERDUE * expected ? ' of about ' + (expected / 1000).toFixed(1) : '';
    element('pipeline-panel').classList.add('counting');
    setText('pipeline-total', activityOf(cause) + ' … ' + (elapsed / 1000).toFixed(1) + ' s' + of);
  }

  /** What a slice that has to be decoded takes (ms), and what takes longest, as far as that is known: of this dataset
   * along this axis, or else of all slices. @returns {{expected: number | undefined, cause: Cause | undefined}} */
  function estimate() {
    const { key, slices } = decoded;
    if (key === keyOf(currentView()) && slices.length) {
      const times = slices.map(({ perceived }) => perceived).sort((a, b) => a - b);
      return { expected: times[Math.floor(times.length / 2)], cause: slices[slices.length - 1].cause };
    }
    const { miss } = percentiles.slices;
    return { expected: miss && miss.count >= MIN_SLICES ? miss.p50_ms : undefined, cause: undefined };
  }

  return { show, render, setPercentiles, setAwaited };
}

/** @param {HTMLElement} row @param {string} name @param {string} [text] @returns {HTMLElement} */
function cell(row, name, text) {
  const span = document.createElement('span');
  span.className = name;
  span.setAttribute('role', 'cell');
  if (text) span.textContent = text;
  row.append(span);
  return span;
}

/** @param {number | null | undefined} value @returns {string} */
function formatMs(value) {
  if (value === undefined || value === null) return '–';
  if (value === 0) return '0';
  if (value < 0.05) return '<0.1';
  if (value < 100) return value.toFixed(1);
  return Math.round(value).toString();
}

/** @param {HTMLElement} node @param {string} text */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
