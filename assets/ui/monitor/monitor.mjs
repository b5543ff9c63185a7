/* The page as a whole: what is polled, and what is drawn of it. */

import { periodOf } from '../../model/monitor/address.mjs';
import { adviceOf } from '../../model/monitor/advice.mjs';
import { tilesOf } from '../../model/monitor/tiles.mjs';
import { element, setText } from '../../render/dom.mjs';
import { keep, make, tile } from '../../render/monitor/elements.mjs';

// Breakdowns, for the advice and the filters, are requested no more often than this (ms): they change slowly.
const GROUPS_MS = 60_000;

export function createMonitor({ config, store, statistics, controls, rows, poller, wall }) {
  let figures = null;
  // Number of the newest poll: what an older one brings is not drawn.
  let newest = 0;
  let grouped = { name: '', at: -Infinity, groups: {} };

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
      if (mine === newest) onError(error);
      return mine !== newest;
    }
  }

  async function groupsOf(state) {
    const name = JSON.stringify([state.range, state.span]);
    if (grouped.name === name && performance.now() - grouped.at < GROUPS_MS) return grouped.groups;
    const [volumes, axes] = await Promise.all(['volume', 'axis'].map((by) => statistics.sums(state, by)));
    grouped = { name, at: performance.now(), groups: { volume: volumes.groups, axis: axes.groups } };
    return grouped.groups;
  }

  function draw(state) {
    const { stats, series, groups } = figures;
    controls.setSpan(series, state);
    const tiles = tilesOf(stats, series);
    keep(element('monitor-tiles'), tiles, () => tiles.map(tile));
    const advice = adviceOf(stats, groups);
    keep(element('monitor-advice'), advice, () => advice.map(adviceLine));
    setOptions(stats, groups);
    drawRow(state);
  }

  function drawRow(state) {
    Promise.resolve(rows.show(state, figures)).then(() => {
      element('monitor').dataset.drawn = state.row;
    }).catch(onError);
  }

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

  function setOptions(stats, groups) {
    const names = (values) => Object.fromEntries(values.map((name) => [name, name]));
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
