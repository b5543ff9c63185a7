/* The values through all slices at a point, or in a region: a curve that grows from the slice on the screen outwards. While a
   point is moved, and under the mouse, it has the slices that are cached. */

import { axisOf, coordinateText, nameOf as axisName } from '../../model/axes.mjs';
import { datesOf } from '../../model/dates.mjs';
import { csvOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { isRegion } from '../../model/tool-geometry.mjs';
import { selectionOf } from '../../model/viewport.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { readColumn } from '../../data/column.mjs';
import { createFollowing } from './following.mjs';
import { button, createPanel, createRequests, make, queryOf, saveCsv, SHAPES } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { ColumnLine } from '../../data/column.mjs' */
/** @import { Plane, Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Curve } from '../../render/measure-chart.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Shown } from './following.mjs' */
/** @import { Entry } from './layer.mjs' */
/** @import { Panel } from './measure.mjs' */

/**
 * @typedef {object} Column What has come by now.
 * @property {Entry} entry
 * @property {View} view
 * @property {(ColumnLine | undefined)[]} lines By index.
 * @property {number} count
 */

// The chart is drawn at most so often (ms).
const DRAW_MS = 120;
// What is under the mouse is none of the view's shapes.
const UNDER = -1;
const UNDER_COLOR = '#8b969e';
const DIGITS = 7;

/** `viewOf(plane)` is the view of the picture that shows a plane.
 * @param {ToolParts} parts @param {{viewOf: (plane: Plane) => View | null, reported: () => void}} hooks
 * @returns {Panel & {point: (tool: Tool | null, view: View | null) => void}} */
export function createColumnPanel({ api, clock, store, viewer }, { viewOf, reported }) {
  const requests = createRequests(api);
  const peeking = createRequests(api);
  /** @type {Column | null} */
  let column = null;
  let asked = '';
  let drawing = 0;

  const host = make('div', 'measured-chart');
  const chart = createChart(host, (x) => goTo(Math.round(x)));
  host.title = 'A click goes to the slice';
  const starting = button('Measure', () => start(), 'Measure the region in all slices');
  const stopping = button('Cancel', () => cancel(), 'Cancel, and keep what has come');
  const saving = button('CSV', saveValues, 'Save the values as CSV');
  const bar = make('div', 'measured-progress');
  const panel = createPanel('column-panel', [starting, stopping, saving], [bar, host], reported);
  /** @type {{entry: Entry, view: View} | null} */
  let offered = null;

  /** What is cached of a point that is on its way. */
  const following = createFollowing({
    requests: peeking,
    panel,
    keyOf,
    ask: peek,
    draw: (_, isLast) => draw(!isLast),
    clear: () => undefined,
  });

  /** A slice along the axis of the chart. @param {number} index */
  function goTo(index) {
    const now = store.current();
    const axis = (column || following.shown())?.view.axis;
    if (now && axis === now.axis) viewer.go(index);
    else if (now) viewer.setPoint(now.position.map((at, d) => (d === axis ? index : at)));
  }

  /** What the values depend on, which the slice on the screen is no part of. @param {View} view @param {Tool} tool */
  function keyOf(view, { kind, plane, points }) {
    return JSON.stringify([
      view.generation,
      view.axis,
      view.shape,
      view.position.map((at, d) => (d === view.axis || plane.includes(d) ? null : at)),
      view.decode,
      view.part,
      kind,
      points,
    ]);
  }

  /** @param {Entry} entry @param {View} view @param {boolean} isAtRest */
  function show(entry, view, isAtRest) {
    head(entry, view);
    offered = { entry, view };
    if (keyOf(view, entry.tool) === asked) {
      draw();
      return;
    }
    const known = following.shown();
    forget();
    if (entry.tool.kind === 'point' && isAtRest) start(known);
    buttons();
  }

  /** @param {Entry} entry @param {View} view */
  function head({ tool, index }, view) {
    panel.show(true);
    const name = index === UNDER ? 'Under the pointer' : nameOf(tool, index);
    panel.name(name + ' through ' + axisName(view, Number(view.axis)));
  }

  /** The shape is moved. @param {Entry} entry @param {View} view */
  function live(entry, view) {
    if (column || entry.tool.kind !== 'point') forget();
    if (entry.tool.kind !== 'point') return;
    head(entry, view);
    following.live(entry, view);
  }

  /** Where the mouse is, null where it is nowhere. @param {Tool | null} tool @param {View | null} view */
  function point(tool, view) {
    if (tool && view && view.axis !== null) {
      const entry = { tool, index: UNDER };
      if (!offered) head(entry, view);
      following.live(entry, view);
    } else if (following.isOf(UNDER)) {
      following.hide();
      if (offered) draw();
      else hide();
    }
  }

  /** The values of slices that are cached. @param {Entry} entry @param {View} view @returns {Promise<ColumnLine[] | null>} */
  async function peek({ tool }, view) {
    const query = { ...queryOf(view), axis: view.axis, ...whereOf(view, tool), cached: 1 };
    const response = await peeking.ask('/api/v1/column', query, view.generation);
    if (!response) return null;
    /** @type {ColumnLine[]} */
    const found = new Array(view.shape[Number(view.axis)]);
    for await (const lines of readColumn(response)) for (const line of lines) found[line.index] = line;
    return found;
  }

  /* The figures are of another place. */
  function forget() {
    following.hide();
    forgetColumn();
  }

  function forgetColumn() {
    requests.cancel();
    clock.cancel(drawing);
    drawing = 0;
    column = null;
    asked = '';
    panel.say('');
    buttons();
  }

  function buttons() {
    const isRunning = requests.isRunning();
    const isWhole = column && column.count === column.lines.length;
    starting.classList.toggle('hidden', isRunning || Boolean(isWhole));
    stopping.classList.toggle('hidden', !isRunning);
    saving.classList.toggle('hidden', !column || !column.count);
    host.classList.toggle('hidden', !column && !following.shown());
    bar.classList.toggle('hidden', !isRunning);
    if (column) bar.style.width = 100 * column.count / column.lines.length + '%';
  }

  /** @param {Shown<ColumnLine[]> | null} [known] */
  async function start(known = null) {
    if (!offered || offered.view.axis === null) return;
    const { entry, view } = offered;
    const axis = Number(view.axis);
    asked = keyOf(view, entry.tool);
    const mine = asked;
    const isOfIt = known && keyOf(known.view, known.entry.tool) === asked;
    const lines = isOfIt ? known.found : new Array(view.shape[axis]);
    /** @type {Column} */
    const fresh = { entry, view, lines, count: lines.reduce((n) => n + 1, 0) };
    column = fresh;
    panel.say('');
    if (fresh.count) draw();
    else chart.clear();
    try {
      const answer = requests.ask(
        '/api/v1/column',
        { ...queryOf(view), axis, ...whereOf(view, entry.tool) },
        view.generation,
      );
      buttons();
      const response = await answer;
      if (!response) return;
      for await (const lines of readColumn(response)) {
        if (column !== fresh) return;
        for (const line of lines) {
          if (!fresh.lines[line.index]) fresh.count += 1;
          fresh.lines[line.index] = line;
        }
        if (!drawing) drawing = clock.later(draw, DRAW_MS);
      }
      requests.done();
    } catch (error) {
      if (asked !== mine || column !== fresh) return;
      requests.done();
      if (!fresh.count) column = null;
      panel.say(/** @type {Error} */ (error).message, true);
      buttons();
      return;
    }
    draw();
  }

  /** @param {View} view @param {Tool} tool */
  function whereOf(view, tool) {
    if (isRegion(tool)) {
      return { region: SHAPES[tool.kind] + ':' + tool.points.join(','), selection: selectionOf(view) };
    }
    const at = view.position.map((index, d) => (tool.plane.includes(d) ? tool.points[tool.plane.indexOf(d)] : index));
    return { at: at.join(',') };
  }

  /** @param {boolean} [isLive] More are to come. */
  function draw(isLive = false) {
    clock.cancel(drawing);
    drawing = 0;
    buttons();
    const now = store.current();
    const under = following.shown();
    const shown = column || under;
    if (!shown || !now) return;
    const { view } = shown;
    if (column) sayCount(column, now);
    else if (under) panel.say(under.found.reduce((n) => n + 1, 0) + ' of ' + under.found.length + ' slices are cached');
    // Those of slices, whatever the picture shows of them.
    const values = { ...view, project: '' };
    chart.draw({
      curves: [
        ...(column ? curvesOf(column.entry, column.lines) : []),
        ...(under ? curvesOf(under.entry, under.found) : []),
      ],
      xTitle: 'index along ' + axisName(view, Number(view.axis)),
      yTitle: valueUnit(values) || '',
      yDates: datesOf(values),
      marker: now.axis === view.axis || now.views === 3 ? now.position[Number(view.axis)] : null,
    }, isLive);
  }

  /** @param {Column} of @param {View} now */
  function sayCount({ entry, view, count, lines }, now) {
    const isRunning = requests.isRunning();
    if (!isRunning && count < lines.length) return;
    const text = isRunning ? count + ' of ' + lines.length + ' slices' : count + ' slices';
    const value = lines[now.position[Number(view.axis)]]?.value;
    const isNumber = entry.tool.kind === 'point' && typeof value === 'number' && !datesOf({ ...view, project: '' });
    panel.say(
      text,
      false,
      isNumber ? [formatNumber(value, DIGITS), valueUnit(view), 'here,', text].filter(Boolean).join(' ') : '',
    );
  }

  /** @param {Entry} entry @param {(ColumnLine | undefined)[]} lines @returns {Curve[]} */
  function curvesOf({ tool, index }, lines) {
    const x = Array.from(lines.keys());
    /** @param {(line: ColumnLine) => number | null | undefined} get @returns {(number | null)[]} */
    const values = (get) => Array.from(lines, (line) => (line ? get(line) ?? null : null));
    if (index === UNDER) return [{ x, y: values(({ value }) => value), color: UNDER_COLOR, name: 'under the pointer' }];
    const color = colorOf(index);
    return !isRegion(tool) ? [{ x, y: values(({ value }) => value), color, name: nameOf(tool, index) }] : [
      { x, y: values(({ min }) => min), color, name: 'min', kind: 'faint' },
      { x, y: values(({ max }) => max), color, name: 'max', kind: 'faint' },
      { x, y: values(({ mean }) => mean), color, name: 'mean' },
    ];
  }

  function saveValues() {
    if (!column) return;
    const { entry, view, lines } = column;
    const axis = axisOf(view, Number(view.axis));
    /** @type {(keyof ColumnLine)[]} */
    const fields = isRegion(entry.tool) ? ['n', 'mean', 'sd', 'min', 'max'] : ['value'];
    const rows = Array.from(lines).flatMap((line, index) =>
      line ? [[index, coordinateText(axis, index), ...fields.map((field) => line[field] ?? null)]] : []
    );
    saveCsv(csvOf(['index', axis.name, ...fields], rows), view, nameOf(entry.tool, entry.index) + '-column');
  }

  function cancel() {
    if (!requests.isRunning()) return false;
    requests.cancel();
    if (column && !column.count) column = null;
    draw();
    panel.say(column ? 'Cancelled after ' + column.count + ' of ' + column.lines.length + ' slices.' : 'Cancelled.');
    buttons();
    return true;
  }

  /* No shape is chosen; what is under the pointer stays where nothing else has changed. */
  function hide() {
    offered = null;
    const under = following.isOf(UNDER) ? following.shown() : null;
    const now = under && viewOf(under.entry.tool.plane);
    if (now && under && keyOf(now, under.entry.tool) === keyOf(under.view, under.entry.tool)) {
      forgetColumn();
      head(under.entry, now);
      draw();
      return;
    }
    forget();
    panel.show(false);
  }

  return {
    fits: (tool, view) => view.axis !== null && (tool.kind === 'point' || isRegion(tool)),
    show,
    live,
    point,
    hide,
    cancel,
    headline: panel.headline,
  };
}
