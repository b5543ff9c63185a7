/* The page as a whole: what is polled, and what is drawn of it. */

import { periodOf } from '../../model/monitor/address.mjs';
import { adviceOf } from '../../model/monitor/advice.mjs';
import { tilesOf } from '../../model/monitor/tiles.mjs';
import { element, setText } from '../../render/dom.mjs';
import { keep, make, tile } from '../../render/monitor/elements.mjs';
/** @import { Query } from '../../data/api.mjs' */
/** @import { Poller } from '../../data/monitor/poller.mjs' */
/** @import { By, Statistics } from '../../data/monitor/statistics.mjs' */
/** @import { State } from '../../model/monitor/address.mjs' */
/** @import { Advice } from '../../model/monitor/advice.mjs' */
/** @import { Outcome, Series } from '../../model/monitor/figures.mjs' */
/** @import { StageWords } from '../../model/monitor/slow.mjs' */
/** @import { Groups, Stats } from '../../model/monitor/tiles.mjs' */
/** @import { Controls } from './controls.mjs' */
/** @import { MonitorStore } from './store.mjs' */
/** @import { Wall } from './wall.mjs' */

/**
 * @typedef {object} MonitorConfig The server's configuration, see dashboard/web/page/monitor.py.
 * @property {string} prefix The page's own path.
 * @property {StageWords[]} stages
 * @property {Outcome[]} outcomes
 * @property {Record<string, string>} reasons In words, as the causes.
 * @property {Record<string, string>} causes
 * @property {Record<string, string[]>} filters The rows in which each is of use.
 * @property {number} slowS For how long slow slices are kept (s).
 * @property {number} viewersS For how long figures by viewer are kept (s).
 * @property {number[]} desktopMs What a desktop viewer takes.
 */

/** @typedef {{stats: Stats, series: Series, groups: {volume: Groups, axis: Groups}}} Figures */

/**
 * @typedef {object} MonitorParts
 * @property {MonitorConfig} config
 * @property {MonitorStore} store
 * @property {Statistics} statistics
 * @property {Controls} controls
 * @property {{show: (state: State, figures: Figures) => unknown, forget: () => void}} rows
 * @property {Poller} poller
 * @property {Wall} wall
 */

// Breakdowns, for the advice and the filters, are requested no more often than this (ms): they change slowly.
const GROUPS_MS = 60_000;

/** @param {MonitorParts} parts */
export function createMonitor({ config, store, statistics, controls, rows, poller, wall }) {
  /** @type {Figures | null} */
  let figures = null;
  // Number of the newest poll: what an older one brings is not drawn.
  let newest = 0;
  /** @type {{name: string, at: number, groups: Figures['groups']}} */
  let grouped = { name: '', at: -Infinity, groups: /** @type {Figures['groups']} */ ({}) };

  function start() {
    document.addEventListener('visibilitychange', poller.onVisibility);
    // Charts have the colours of the theme, and text of the window's size.
    new MutationObserver(redraw).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ['data-mantine-color-scheme'],
    });
    addEventListener('resize', redraw);
    onChange(store.current());
  }

  /** @param {State} state */
  function onChange(state) {
    wall.show(state);
    controls.show(state);
    rows.forget();
    poller.run();
  }

  /* Whether the server answered; what is drawn is newer than any answer that comes late. */
  async function poll() {
    newest += 1;
    const mine = newest;
    const state = store.current();
    statistics.renew();
    try {
      const found = await Promise.all([statistics.sums(state), statistics.series(state), groupsOf(state)]);
      if (mine !== newest) return true;
      const [stats, series, groups] = found;
      figures = { stats, series, groups };
      setText('monitor-status', '');
      element('monitor-status').classList.remove('bad');
      draw(state);
      return true;
    } catch (error) {
      if (mine === newest) onError(/** @type {Error} */ (error));
      return mine !== newest;
    }
  }

  /** @param {State} state */
  async function groupsOf(state) {
    const name = JSON.stringify([state.range, state.span]);
    if (grouped.name === name && performance.now() - grouped.at < GROUPS_MS) return grouped.groups;
    const [volumes, axes] = await Promise.all(
      /** @type {By[]} */ (['volume', 'axis']).map((by) => statistics.sums(state, by)),
    );
    grouped = { name, at: performance.now(), groups: { volume: volumes.groups, axis: axes.groups } };
    return grouped.groups;
  }

  /** @param {State} state */
  function draw(state) {
    const { stats, series, groups } = /** @type {Figures} */ (figures);
    controls.setSpan(series, state);
    const tiles = tilesOf(stats, series);
    keep(element('monitor-tiles'), tiles, () => tiles.map(tile));
    const advice = adviceOf(stats, groups);
    keep(element('monitor-advice'), advice, () => advice.map(adviceLine));
    setOptions(stats, groups);
    drawRow(state);
  }

  /** @param {State} state */
  function drawRow(state) {
    Promise.resolve(rows.show(state, /** @type {Figures} */ (figures))).then(() => {
      element('monitor').dataset.drawn = state.row;
    }).catch(onError);
  }

  /** @param {Advice} advice */
  function adviceLine({ id, text, evidence, row, command }) {
    const line = make('div', 'advice-line');
    line.dataset.advice = id;
    line.append(make('b', '', text), ': ' + evidence + '. ');
    if (command) line.append(make('code', '', command));
    const button = make('button', 'link-button', 'Show');
    button.addEventListener('click', () => store.change({ row }));
    line.append(button);
    return line;
  }

  /** @param {Stats} stats @param {Figures['groups']} groups */
  function setOptions(stats, groups) {
    /** @param {string[]} values */
    const names = (values) => Object.fromEntries(values.map((name) => [name, name]));
    /** @param {{name: string, label: string}[]} values */
    const labels = (values) => Object.fromEntries(values.map(({ name, label }) => [name, label]));
    controls.setOptions('volume', names(Object.keys(groups.volume)));
    controls.setOptions('axis', names(Object.keys(groups.axis)));
    controls.setOptions('outcome', labels(config.outcomes));
    controls.setOptions('reason', config.reasons);
    controls.setOptions('kind', names(Object.keys(stats.requests)));
    controls.setOptions('process', names(Object.keys(stats.machine.processes)));
  }

  function redraw() {
    if (figures) drawRow(store.current());
  }

  /** @param {Error} error */
  function onError(error) {
    setText('monitor-status', error.message);
    element('monitor-status').classList.add('bad');
  }

  return {
    start,
    onChange,
    poll,
    redraw,
    onError,
    periodMs: () => periodOf(store.current()),
    /** @param {string} chart @param {Query} more */
    setLink: (chart, more) => {
      const link = /** @type {HTMLAnchorElement} */ (element(chart + '-csv'));
      link.href = statistics.csv(store.current(), more);
    },
    togglePause: () => {
      poller.pause(!poller.isPaused());
      controls.setPaused(poller.isPaused());
    },
  };
}
