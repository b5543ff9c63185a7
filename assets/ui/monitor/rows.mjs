/* What each row of the monitor needs, and how it is drawn. A row that is not shown asks for nothing. */

import { recentPart, switchOf } from '../../model/monitor/address.mjs';
import {
  aheadFigure,
  answersFigure,
  contentsFigure,
  outcomesFigure,
  outcomesOf,
  plansFigure,
  reasonsFigure,
  reasonsOf,
  sizesFigure,
  threadsFigure,
} from '../../model/monitor/charts.mjs';
import {
  cacheFacts,
  CAUSES,
  fatesOf,
  machineFacts,
  prefetchFacts,
  PROCESS_HEAD,
  processRows,
  worthSentence,
} from '../../model/monitor/facts.mjs';
import { clockTime, formatCount, formatDuration, formatSeconds, plural } from '../../model/monitor/format.mjs';
import { formatBytes } from '../../model/number-format.mjs';
import { cellAt, heatmapFigure } from '../../model/monitor/heatmap.mjs';
import { horizonOf, horizonText } from '../../model/monitor/horizons.mjs';
import { marksOf, withMarks } from '../../model/monitor/marks.mjs';
import { sizesSentence } from '../../model/monitor/sizes.mjs';
import {
  bytesSentence,
  chosenSlices,
  shortSelection,
  slicesOfCell,
  slowFacts,
  slowSentence,
  viewerLink,
  waterfallOf,
  wholeMs,
} from '../../model/monitor/slow.mjs';
import { element, setText } from '../../render/dom.mjs';
import {
  factLine,
  factList,
  horizonRow,
  keep,
  make,
  shareBar,
  table,
  waterfall,
} from '../../render/monitor/elements.mjs';
import { createGroups } from './groups.mjs';

/** @import { Query } from '../../data/api.mjs' */
/** @import { Statistics } from '../../data/monitor/statistics.mjs' */
/** @import { Span, State } from '../../model/monitor/address.mjs' */
/** @import { Quantity } from '../../model/monitor/charts.mjs' */
/** @import { Figure, Outcome, Series, Theme } from '../../model/monitor/figures.mjs' */
/** @import { Fact } from '../../model/monitor/format.mjs' */
/** @import { HeatmapCell, HistogramSeries, Times } from '../../model/monitor/heatmap.mjs' */
/** @import { SlowSlice } from '../../model/monitor/slow.mjs' */
/** @import { Charts } from '../../render/monitor/chart.mjs' */
/** @import { Row } from '../../render/monitor/elements.mjs' */
/** @import { Figures, MonitorConfig } from './monitor.mjs' */
/** @import { MonitorStore } from './store.mjs' */

/**
 * @typedef {object} RowParts
 * @property {MonitorConfig} config
 * @property {MonitorStore} store
 * @property {Statistics} statistics
 * @property {Charts} charts
 * @property {() => Theme} theme
 * @property {(chart: string, more: Query) => void} setLink
 * @property {(error: Error) => void} onError
 */

/** @typedef {[name: string, text: string, color?: string]} Legend */

// Slices in the list beside the heatmap.
const WRITTEN_LATE_S = 2; // A slice counts when its process writes its figures.
const SHOWN = 40;
// Colours of the causes of waste, in their order.
const WASTE_COLORS = ['#b3362b', '#f26660', '#c98022', '#84644e', '#e0a35c', '#8f5a86'];
const WASTED = 'wasted: ';
const CAUSE_NAMES = Object.values(CAUSES).map((name) => WASTED + name);
const NO_SLICES = 'No slices in this time.';
const NO_LIST =
  'No slices are kept of this time. The server keeps the slowest 200 of each day and, for 15 minutes, the last 200.';
const NO_MATCH = 'None of the slices that are kept of this time passes the filter.';
const NAMELESS = 'This server keeps no single slices, which name viewers.';

/** @param {number[]} values */
const total = (values) => values.reduce((sum, value) => sum + (value || 0), 0);

/** `theme()` gives the colours; `setLink(chart, more)` leads a chart's link to its figures as CSV.
 * @param {RowParts} parts */
export function createRows({ config, store, statistics, charts, theme, setLink, onError }) {
  /** @type {Record<string, Outcome>} */
  const outcomes = Object.fromEntries(config.outcomes.map((one) => [one.name, one]));
  /** @type {HeatmapCell | null} */
  let cell = null;
  /** @type {HistogramSeries | null} */
  let histogram = null;

  const now = () => Date.now() / 1000;
  const groupTable = createGroups({ config, statistics, onError }, now);

  /** A row of a table of slow slices. @param {SlowSlice} slice @returns {Row} */
  function rowOf(slice) {
    const { label, color } = outcomes[slice.outcome];
    return {
      id: slice.time,
      cells: [
        clockTime(slice.time, now(), true),
        formatDuration(slice.total_ms),
        slice.perceived_ms === null ? '–' : formatDuration(slice.perceived_ms),
        { text: label, color, title: slice.reason ? config.reasons[slice.reason] : '' },
        { text: slice.volume, title: slice.volume },
        { text: shortSelection(slice.selection), title: slice.selection },
      ],
    };
  }

  /** A chart over time, with what happened meanwhile.
   * @param {string} id @param {Figure | null} figure @param {string} empty @param {Figures} figures */
  function drawMarked(id, figure, empty, { stats, series }) {
    charts.draw(id, withMarks(figure, marksOf(stats, series), theme()), empty);
  }

  const HEAD = ['time', 'server', 'painted', 'came', 'volume', 'selection'];

  /** @param {State} state @param {Figures} figures */
  async function showLatency(state, figures) {
    const times = /** @type {Times} */ (switchOf(state, 'latency'));
    const outcome = state.filters.outcome;
    histogram = await statistics.series(state, { histogram: 1 });
    const options = { times, outcome, references: config.desktopMs };
    drawMarked('chart-latency', heatmapFigure(histogram, theme(), options), NO_SLICES, figures);
    setLink('chart-latency', { histogram: 1 });
    await showCell();
  }

  /* The requests of the chosen cell, or what to do for it. */
  async function showCell() {
    const list = element('monitor-cell-list');
    const { filters } = store.current();
    const chosen = cell;
    if (!chosen) {
      setText('monitor-cell-title', 'Slowest of this time');
      const slices = await slowSlices(spanOf(/** @type {HistogramSeries} */ (histogram)), store.current());
      if (cell) return;
      const found = chosenSlices(slices, filters).slice(0, SHOWN);
      const empty = whyEmpty(slices);
      keep(
        list,
        [found, empty],
        () => table({ head: HEAD, rows: found.map(rowOf), chosen: null, onRow: choose, empty }),
      );
      return;
    }
    const title = `${clockTime(chosen.from, now(), true)}, ${formatDuration(chosen.lowMs)} – ${
      formatDuration(chosen.highMs)
    }`;
    setText('monitor-cell-title', title);
    const isServer = switchOf(store.current(), 'latency') === 'server';
    const slices = await slowSlices({ from: chosen.from - WRITTEN_LATE_S, to: chosen.to });
    // Another cell, or none, may be chosen by now.
    if (cell !== chosen) return;
    const found = chosenSlices(slicesOfCell(slices, chosen, isServer), filters).slice(0, chosen.count);
    keep(list, [chosen, found], () => [
      cellNote(chosen, found),
      ...table({ head: HEAD, rows: found.map(rowOf), chosen: null, onRow: choose, empty: '' }),
    ]);
  }

  /** How many of a cell's slices are listed, and the way back to all of them.
   * @param {HeatmapCell} of @param {SlowSlice[]} found */
  function cellNote({ count }, found) {
    const note = make(
      'p',
      'empty',
      `${plural(count, 'slice')}, ${formatCount(found.length)} of them among the slowest kept. `,
    );
    const back = make('button', 'link-button', 'Show all');
    back.addEventListener('click', () => {
      cell = null;
      showCell().catch(onError);
    });
    note.append(back);
    return note;
  }

  /** @param {number} time */
  const choose = (time) => store.change({ row: 'requests', at: time });

  /** Slow slices of a span, as far as the server keeps them; without one, those of the time that is shown.
   * @param {Span} span @param {State | null} shown @returns {Promise<SlowSlice[]>} */
  async function slowSlices(span, shown = null, order = 'slowest') {
    const kept = recentPart(span, config.slowS, now());
    if (!kept) return [];
    return (await (shown ? statistics.slowOf(shown, kept, order) : statistics.slow(kept))).slices;
  }

  /** Why no slice is listed. @param {SlowSlice[]} slices */
  const whyEmpty = (slices) => (slices.length ? NO_MATCH : config.slowS ? NO_LIST : NAMELESS);

  /** @param {Series} series @returns {Span} */
  const spanOf = (series) => ({ from: series.from, to: series.to });

  /** @param {State} state @param {Figures} figures */
  async function showRequests(state, { series }) {
    const slices = await slowSlices(spanOf(series), state, switchOf(state, 'slow'));
    const found = chosenSlices(slices, state.filters);
    const chosen = found.find(({ time }) => time === state.at) || found[0] || null;
    const chosenTime = chosen && chosen.time;
    const list = element('monitor-slow-list');
    const empty = whyEmpty(slices);
    keep(
      list,
      [found, chosenTime, empty],
      () =>
        table({
          head: HEAD,
          rows: found.map(rowOf),
          chosen: chosenTime,
          onRow: (at) => store.change({ at }),
          empty,
        }),
    );
    keep(element('monitor-waterfall'), chosen, () => chosen ? waterfallParts(chosen) : []);
  }

  /** @param {SlowSlice} slice */
  function waterfallParts(slice) {
    const facts = make('div', 'facts-table');
    facts.append(...factList(slowFacts(slice)));
    const title = `${clockTime(slice.time, now(), true)} · ${formatDuration(wholeMs(slice))}`;
    const open = make('button', 'link-button', 'Show this slice');
    open.addEventListener('click', () => openSlice(slice, open));
    return [
      make('p', 'sentence', slowSentence(slice, config.causes)),
      make('h3', '', title),
      ...waterfall(waterfallOf(slice, config.stages), formatDuration),
      ...(slice.page_stages ? [] : [make('p', 'fall-note', 'What followed was not reported by the page.')]),
      make('p', 'fall-note', bytesSentence(slice)),
      facts,
      open,
    ];
  }

  /** Go to the viewer; which part of a volume's name is that of its file is known from the list of files.
   * @param {SlowSlice} slice @param {HTMLElement} button */
  async function openSlice(slice, button) {
    try {
      const { files } = await statistics.files();
      const link = viewerLink(slice, files.map(({ file }) => file), config.prefix);
      if (link) location.assign(link);
      else button.replaceWith(make('p', 'empty', 'Its file is not there any more.'));
    } catch (error) {
      onError(/** @type {Error} */ (error));
    }
  }

  /** @param {State} state @param {Figures} figures */
  async function showCaches(state, figures) {
    const { stats, series } = figures;
    const { volume, axis, outcome, reason } = state.filters;
    const by = volume ? 'volume' : axis ? 'axis' : null;
    const show = /** @type {Quantity} */ (switchOf(state, 'outcomes'));
    const groups = show === 'time' ? (await statistics.series(state, { by: 'outcome' })).groups : null;
    const grouped = by ? (await statistics.series(state, { by })).groups[volume || axis] || { demand: {} } : null;
    const options = { outcomes: config.outcomes, show, groups, group: show === 'requests' ? grouped : null, outcome };
    const layers = outcomesOf(series, options);
    drawMarked('chart-outcomes', outcomesFigure(series, theme(), layers, show), NO_SLICES, figures);
    setLink('chart-outcomes', show === 'time' ? { by: 'outcome' } : by ? { by } : {});
    const format = { requests: formatCount, bytes: formatBytes, time: formatSeconds }[show];
    /** @type {Legend[]} */
    const sums = layers.map(({ label, color, values }) => [label, format(total(values)), color]);
    keep(element('monitor-outcome-list'), sums, () => factLine(sums));
    const reasons = reasonsOf(series, config.reasons, reason);
    drawMarked('chart-reasons', reasonsFigure(series, theme(), reasons), 'Every slice was cached.', figures);
    setLink('chart-reasons', {});
    /** @type {Legend[]} */
    const counts = reasons.map(({ label, color, values }) => [label, formatCount(total(values)), color]);
    keep(element('monitor-reason-list'), counts, () => factLine(counts));
    charts.draw('chart-sizes', sizesFigure(stats, theme()), 'No brick was accessed in this time.');
    setLink('chart-sizes', {});
    setText('monitor-sizes-text', sizesSentence(stats, series, now()));
    drawMarked('chart-contents', contentsFigure(series, theme()), 'The cache has not been used yet.', figures);
    setLink('chart-contents', {});
    const facts = cacheFacts(stats);
    keep(element('monitor-cache-list'), facts, () => factLine(facts));
    await groupTable.show(state, spanOf(series));
  }

  /** @param {State} _state @param {Figures} figures */
  async function showPrefetch(_state, figures) {
    const { stats, series } = figures;
    drawMarked('chart-ahead', aheadFigure(series, theme()), 'Nothing was decoded ahead in this time.', figures);
    setLink('chart-ahead', {});
    drawMarked('chart-plans', plansFigure(series, theme()), 'Nothing was planned in this time.', figures);
    setLink('chart-plans', {});
    const facts = prefetchFacts(stats);
    const fates = fatesOf(stats);
    const worth = worthSentence(stats);
    keep(element('monitor-prefetch-facts'), [facts, fates, worth, theme()], () => prefetchParts(facts, fates, worth));
    await showHorizons();
  }

  /* How far ahead of each viewer slices are cached; a server that keeps nothing about viewers says so. */
  async function showHorizons() {
    const list = element('monitor-horizons');
    const { viewers } = config.viewersS ? await statistics.horizons() : { viewers: [] };
    const empty = config.viewersS ? 'No viewer has a plan now.' : 'This server says nothing about single viewers.';
    keep(list, [viewers, empty], () =>
      viewers.length
        ? viewers.map((viewer) => {
          const title = `${viewer.viewer.slice(0, 8)} · ${viewer.volume} · axis ${viewer.axis}`;
          return horizonRow({ title, ...horizonOf(viewer), text: horizonText(viewer) });
        })
        : [make('p', 'empty', empty)]);
  }

  /** @param {Fact[]} facts @param {ReturnType<typeof fatesOf>} fates @param {string} worth */
  function prefetchParts(facts, fates, worth) {
    const { accent, dim } = theme();
    /** @param {string} name */
    const color = (name) => name === 'used' ? accent : WASTE_COLORS[CAUSE_NAMES.indexOf(name)] || dim;
    /** @type {[name: string, bytes: number, share: number, color: string][]} */
    const parts = fates.map(([name, bytes, share]) => [name, bytes, share, color(name)]);
    const legend = make('div', 'facts-line');
    /** @type {Legend[]} */
    const names = parts.map(([name, bytes, , hue]) => [name.replace(WASTED, ''), formatBytes(bytes), hue]);
    const first = fates.findIndex(([name]) => name.startsWith(WASTED));
    // Their causes follow: the word is not said for each.
    if (first >= 0) names.splice(first, 0, [WASTED, formatBytes(total(fates.slice(first).map(([, bytes]) => bytes)))]);
    legend.append(...factLine(names));
    const bar = fates.length ? [shareBar(parts.map(([name, , share, hue]) => [name, share, hue])), legend] : [];
    return [make('p', 'sentence', worth), ...bar, ...factList(facts)];
  }

  /** @param {State} state @param {Figures} figures */
  function showMachine(state, figures) {
    const { stats, series } = figures;
    drawMarked('chart-threads', threadsFigure(series, theme()), 'No thread was busy in this time.', figures);
    setLink('chart-threads', {});
    drawMarked(
      'chart-answers',
      answersFigure(series, theme(), state.filters.kind),
      'No requests in this time.',
      figures,
    );
    setLink('chart-answers', {});
    const rows = processRows(stats, state.filters.process);
    keep(
      element('monitor-processes'),
      rows,
      () => table({ head: PROCESS_HEAD, rows, chosen: null, onRow: null, empty: 'None.' }),
    );
    const facts = machineFacts(stats, series);
    keep(element('monitor-machine-facts'), facts, () => factList(facts));
  }

  /** @type {Record<string, (state: State, figures: Figures) => Promise<void> | void>} */
  const ROWS = {
    latency: showLatency,
    requests: showRequests,
    caches: showCaches,
    prefetch: showPrefetch,
    machine: showMachine,
  };

  return {
    /** @param {State} state @param {Figures} figures */
    show: (state, figures) => ROWS[state.row](state, figures),
    /** A place of the heatmap was clicked. @param {string} id @param {number} time @param {number} log */
    onClick: (id, time, log) => {
      if (id !== 'chart-latency' || !histogram) return;
      const state = store.current();
      const options = { times: /** @type {Times} */ (switchOf(state, 'latency')), outcome: state.filters.outcome };
      const found = cellAt(histogram, options, time, log);
      if (!found || !found.count) return;
      cell = found;
      showCell().catch(onError);
    },
    /* Another time is shown, of which no cell is chosen. */
    forget: () => {
      cell = null;
    },
  };
}
