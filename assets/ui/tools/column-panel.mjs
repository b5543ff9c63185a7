/* The values through all slices at a point, or in a region: a curve that grows from the slice on the screen outwards. */

import { axisOf, coordinateText, nameOf as axisName } from '../../model/axes.mjs';
import { csvOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { isRegion } from '../../model/tool-geometry.mjs';
import { selectionOf } from '../../model/viewport.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { readColumn } from '../../data/column.mjs';
import { button, createPanel, createRequests, make, queryOf, saveCsv } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { ColumnLine } from '../../data/column.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Curve } from '../../render/measure-chart.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
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
/** @type {Record<string, string>} */
const SHAPES = { rect: 'rectangle', ellipse: 'ellipse', poly: 'polygon' };

/** @param {ToolParts} parts @returns {Panel} */
export function createColumnPanel({ api, clock, store, viewer }) {
  const requests = createRequests(api);
  /** @type {Column | null} */
  let column = null;
  let asked = '';
  let drawing = 0;

  const host = make('div', 'measured-chart');
  const chart = createChart(host, (x) => viewer.go(Math.round(x)));
  host.title = 'A click goes to the slice';
  const starting = button('Measure', start, 'Measure the region in all slices');
  const stopping = button('Cancel', () => cancel(), 'Stop, and keep what has come');
  const saving = button('CSV', saveValues, 'Save the values as CSV');
  const bar = make('div', 'measured-progress');
  const panel = createPanel('column-panel', [starting, stopping, saving], [bar, host]);
  /** @type {{entry: Entry, view: View} | null} */
  let offered = null;

  /** What the values depend on, which the slice on the screen is no part of. @param {View} view @param {Tool} tool */
  const keyOf = (view, { kind, plane, points }) =>
    JSON.stringify([
      view.generation,
      view.axis,
      view.shape,
      view.position.map((at, d) => (d === view.axis || plane.includes(d) ? null : at)),
      view.decode,
      view.part,
      kind,
      points,
    ]);

  /** @param {Entry} entry @param {View} view @param {boolean} isAtRest */
  function show(entry, view, isAtRest) {
    panel.show(true);
    panel.name(nameOf(entry.tool, entry.index) + ' through ' + axisName(view, Number(view.axis)));
    offered = { entry, view };
    if (keyOf(view, entry.tool) === asked) {
      draw();
      return;
    }
    forget();
    if (entry.tool.kind === 'point' && isAtRest) start();
    buttons();
  }

  /* The figures are of another place. */
  function forget() {
    requests.cancel();
    clock.cancel(drawing);
    drawing = 0;
    if (column) chart.clear();
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
    host.classList.toggle('hidden', !column);
    bar.classList.toggle('hidden', !isRunning);
    if (column) bar.style.width = 100 * column.count / column.lines.length + '%';
  }

  async function start() {
    if (!offered || offered.view.axis === null) return;
    const { entry, view } = offered;
    const axis = Number(view.axis);
    asked = keyOf(view, entry.tool);
    const mine = asked;
    /** @type {Column} */
    const fresh = { entry, view, lines: new Array(view.shape[axis]), count: 0 };
    column = fresh;
    panel.say('');
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

  function draw() {
    clock.cancel(drawing);
    drawing = 0;
    buttons();
    const now = store.current();
    if (!column || !now) return;
    const { entry, view, lines, count } = column;
    if (requests.isRunning()) panel.say(count + ' of ' + lines.length + ' slices');
    else if (count === lines.length) panel.say(count + ' slices');
    const index = Array.from(lines.keys());
    /** @param {(line: ColumnLine) => number | null | undefined} get @returns {(number | null)[]} */
    const values = (get) => Array.from(lines, (line) => (line ? get(line) ?? null : null));
    const color = colorOf(entry.index);
    /** @type {Curve[]} */
    const curves = isRegion(entry.tool)
      ? [
        { x: index, y: values(({ min }) => min), color, name: 'min', kind: 'faint' },
        { x: index, y: values(({ max }) => max), color, name: 'max', kind: 'faint' },
        { x: index, y: values(({ mean }) => mean), color, name: 'mean' },
      ]
      : [{ x: index, y: values(({ value }) => value), color, name: nameOf(entry.tool, entry.index) }];
    chart.draw({
      curves,
      xTitle: 'index along ' + axisName(view, Number(view.axis)),
      yTitle: valueUnit(view) || '',
      marker: now.axis === view.axis ? now.position[Number(view.axis)] : null,
    });
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

  return {
    fits: (tool, view) => view.axis !== null && (tool.kind === 'point' || isRegion(tool)),
    show,
    live: () => forget(),
    hide: () => {
      forget();
      offered = null;
      panel.show(false);
    },
    cancel,
  };
}
