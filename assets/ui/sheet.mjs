/* What is shown in the picture's place: curves, tables, text and single values. */

import { curveOf } from '../model/curve.mjs';
import { count, shapeText } from '../model/tree-nodes.mjs';
import { element } from '../render/dom.mjs';
import { createTable } from './row-table.mjs';
/** @import { Datasets } from '../data/datasets.mjs' */
/** @import { Rows } from '../data/rows.mjs' */
/** @import { RowWindow } from '../model/curve.mjs' */
/** @import { DatasetRecord } from '../model/view.mjs' */
/** @import { Table } from './row-table.mjs' */

/**
 * @typedef {{file: string, record: DatasetRecord}} Shown
 * @typedef {ReturnType<typeof createSheet>} Sheet
 */

// Points of a curve that are drawn at once, and rows of a table that are fetched at first.
const CURVE_ROWS = 50_000;
const TABLE_ROWS = 200;
const COLUMNS = 64;
const CONFIG = { displayModeBar: false, showTips: false, scrollZoom: true, responsive: true };

/** `plotly()` resolves when Plotly is there.
 * @param {{rows: Rows, datasets: Pick<Datasets, 'node' | 'version' | 'invalidate'>, plotly: () => Promise<unknown>}} parts */
export function createSheet({ rows, datasets, plotly }) {
  /** @type {Shown | null} */
  let shown = null;
  /** @type {Table | null} */
  let table = null;
  /** @type {Promise<DashProps> | null} */
  let node = null;
  /** Which state of which dataset was read last. @type {{file: string, dataset: string, version: string | null}} */
  let state = { file: '', dataset: '', version: null };

  const sheet = () => element('sheet');
  const section = () => /** @type {HTMLElement} */ (sheet().closest('.viewer'));
  /** @param {Shown} of */
  const isStill = (of) => shown === of;

  /** @param {Shown} found */
  function show(found) {
    clear();
    shown = found;
    section().classList.add('as-rows');
    sheet().classList.remove('hidden');
    const { file, record: { dataset, view } } = found;
    node = datasets.node(file, dataset).catch(() => null);
    // What lies in another file has a version of its own, which `follow` asks for.
    if (state.file !== file || state.dataset !== dataset) state = { file, dataset, version: datasets.version(file) };
    if (view === 'curve') showCurve(found, 0);
    else if (view === 'table') showTable(found, 0);
    else showText(found);
  }

  /** The file may have changed: then `again` is called, to read what is shown anew. @param {() => void} again */
  async function follow(again) {
    const of = shown;
    if (!of) return;
    const { file, record: { dataset } } = of;
    const version = await rows.version(file, dataset).catch(() => null);
    if (!isStill(of) || !version || version === state.version) return;
    const isFirst = !state.version;
    state = { file, dataset, version };
    if (isFirst) return;
    datasets.invalidate(file);
    again();
  }

  function clear() {
    table?.end();
    table = null;
    const graph = sheet().querySelector('.js-plotly-plot');
    if (graph && globalThis.Plotly) globalThis.Plotly.purge(graph);
    sheet().replaceChildren();
  }

  function hide() {
    if (!shown) return;
    shown = null;
    clear();
    section().classList.remove('as-rows');
    sheet().classList.add('hidden');
  }

  /** A bar with what it is and what can be done, and a body below it, both empty but for that.
   * @param {Shown} of @param {HTMLElement[]} actions @returns {HTMLElement} The body. */
  function frame(of, actions) {
    clear();
    const { record } = of;
    const bar = make('div', 'sheet-bar');
    const title = make('span', 'sheet-title', record.dataset);
    title.title = record.dataset;
    bar.append(title, make('span', 'sheet-meta', [shapeText(record.shape), record.dtype].filter(Boolean).join(' · ')));
    const csv = /** @type {HTMLAnchorElement} */ (make('a', 'text-button', 'CSV'));
    csv.href = rows.csv(of.file, record.dataset);
    csv.download = record.dataset.replace(/[^\w.-]+/g, '_').replace(/^_+/, '') + '.csv';
    csv.setAttribute('aria-label', 'Download all rows as CSV');
    bar.append(make('span', 'spacer', ''), ...actions, csv);
    const body = make('div', 'sheet-body');
    body.append(make('div', 'sheet-note', 'reading …'));
    sheet().replaceChildren(bar, body);
    return body;
  }

  /** @param {HTMLElement} body @param {unknown} error */
  function fail(body, error) {
    const text = make('div', 'sheet-note wrong', error instanceof Error ? error.message : String(error));
    text.setAttribute('role', 'alert');
    body.replaceChildren(text);
  }

  /** @param {Shown} of */
  async function showText(of) {
    const body = frame(of, []);
    try {
      const found = await rows.read(of.file, of.record.dataset, 0, 1);
      if (!isStill(of)) return;
      const cells = found.rows[0] || [];
      const named = found.columns.length > 1;
      const lines = named
        ? cells.map((cell, at) => found.columns[at].name + ': ' + cell)
        : [String(cells[0] ?? 'It holds no value.')];
      const unit = !named && found.columns[0]?.unit ? ' ' + found.columns[0].unit : '';
      const text = make(
        'pre',
        of.record.view === 'text' || named ? 'sheet-text' : 'sheet-value',
        lines.join('\n') + unit,
      );
      text.tabIndex = 0;
      body.replaceChildren(text);
    } catch (error) {
      if (isStill(of)) fail(body, error);
    }
  }

  /** @param {Shown} of @param {number} firstColumn */
  async function showTable(of, firstColumn) {
    const { file, record } = of;
    const goTo = rowField((row) => table?.goTo(row));
    /** @type {HTMLElement[]} */
    const actions = [goTo];
    if (record.view === 'curve') actions.unshift(button('Curve', () => showCurve(of, 0)));
    const pager = make('span', 'sheet-pager');
    actions.unshift(pager);
    const body = frame(of, actions);
    const columns = firstColumn + ':' + (firstColumn + COLUMNS);
    /** @param {number} start @param {number} stop */
    const read = (start, stop) => rows.read(file, record.dataset, start, stop, columns);
    try {
      const first = await read(0, TABLE_ROWS);
      if (!isStill(of)) return;
      goTo.title = count(first.total) + ' rows';
      pageColumns(pager, of, firstColumn, first);
      if (!first.total) {
        body.replaceChildren(make('div', 'sheet-note', 'It has no rows.'));
        return;
      }
      table = createTable({ host: body, first, read, onError: (error) => isStill(of) && fail(body, error) });
      table.focus();
    } catch (error) {
      if (isStill(of)) fail(body, error);
    }
  }

  /** @param {HTMLElement} pager @param {Shown} of @param {number} from @param {RowWindow} first */
  function pageColumns(pager, of, from, first) {
    const end = from + first.columns.length;
    const rowsText = count(first.total) + (first.total === 1 ? ' row' : ' rows');
    if (first.columns.length >= first.columns_in_all) {
      pager.textContent = rowsText;
      return;
    }
    const back = button('◂', () => showTable(of, Math.max(0, from - COLUMNS)), 'Columns before these');
    const on = button('▸', () => showTable(of, end), 'Columns after these');
    back.disabled = from === 0;
    on.disabled = end >= first.columns_in_all;
    const text = rowsText + ', columns ' + from + '–' + (end - 1) + ' of ' + count(first.columns_in_all);
    pager.replaceChildren(back, make('span', '', text), on);
  }

  /** @param {Shown} of @param {number} start */
  async function showCurve(of, start) {
    const { file, record } = of;
    const pager = make('span', 'sheet-pager');
    const body = frame(of, [pager, button('Table', () => showTable(of, 0))]);
    try {
      const [found, about] = await Promise.all([
        rows.read(file, record.dataset, start, start + CURVE_ROWS),
        node,
        plotly(),
      ]);
      if (!isStill(of)) return;
      if (found.rows.length < found.total) {
        const back = button('◂', () => showCurve(of, Math.max(0, start - CURVE_ROWS)), 'Values before these');
        const on = button('▸', () => showCurve(of, found.stop), 'Values after these');
        back.disabled = start === 0;
        on.disabled = found.stop >= found.total;
        const text = count(found.start) + '–' + count(found.stop - 1) + ' of ' + count(found.total) + ' values';
        pager.replaceChildren(back, make('span', '', text), on);
      }
      draw(body, curveOf(found, record.dataset.slice(record.dataset.lastIndexOf('/') + 1), about?.meaning || null));
    } catch (error) {
      if (isStill(of)) fail(body, error);
    }
  }

  /** @param {HTMLElement} body @param {ReturnType<typeof curveOf>} curve */
  function draw(body, curve) {
    const style = getComputedStyle(document.documentElement);
    /** @param {string} name */
    const color = (name) => style.getPropertyValue('--l-' + name).trim();
    const axis = {
      gridcolor: color('line'),
      zerolinecolor: color('line'),
      linecolor: color('faint'),
      automargin: true,
    };
    const graph = make('div', 'sheet-curve');
    body.replaceChildren(graph);
    globalThis.Plotly.newPlot(
      graph,
      [{
        type: 'scatter',
        mode: curve.y.length < 200 ? 'lines+markers' : 'lines',
        x: curve.x,
        y: curve.y,
        line: { color: color('accent'), width: 1.5 },
        marker: { size: 4, color: color('accent') },
        hovertemplate: '%{x}<br>%{y}<extra></extra>',
      }],
      {
        margin: { l: 64, r: 16, t: 12, b: 48 },
        paper_bgcolor: 'rgba(0,0,0,0)',
        plot_bgcolor: 'rgba(0,0,0,0)',
        font: { color: color('ink'), size: 12, family: style.fontFamily },
        xaxis: { ...axis, title: { text: curve.xTitle } },
        yaxis: { ...axis, title: { text: curve.yTitle }, exponentformat: 'power' },
        hovermode: 'closest',
        dragmode: 'zoom',
        showlegend: false,
        annotations: curve.note
          ? [{ text: curve.note, x: 0.5, y: 0.5, xref: 'paper', yref: 'paper', showarrow: false }]
          : [],
      },
      CONFIG,
    );
  }

  return { show, hide, follow, isShown: () => shown !== null };
}

/** @param {(row: number) => void} go */
function rowField(go) {
  const field = document.createElement('input');
  field.type = 'number';
  field.min = '0';
  field.placeholder = 'row';
  field.className = 'sheet-row';
  field.setAttribute('aria-label', 'Go to row');
  field.addEventListener('change', () => field.value !== '' && go(Number(field.value)));
  return field;
}

/** @param {string} text @param {() => void} act @param {string} [label] */
function button(text, act, label) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = 'text-button';
  made.textContent = text;
  if (label) made.setAttribute('aria-label', label);
  made.addEventListener('click', act);
  return made;
}

/** @param {string} tag @param {string} name @param {string} [text] */
function make(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
