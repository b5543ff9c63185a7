/* Elements of the monitor: tiles, tables, facts. Nodes are kept while what they show is the same. */

/** @import { Fact } from '../../model/monitor/format.mjs' */
/** @import { Part } from '../../model/monitor/horizons.mjs' */
/** @import { Bar } from '../../model/monitor/slow.mjs' */
/** @import { Tile } from '../../model/monitor/tiles.mjs' */

/**
 * @typedef {string | {text: string, color?: string, title?: string, action?: () => void}} Cell A button with an action.
 * @typedef {{cells: Cell[], level?: string, id?: number}} Row
 */

/**
 * @typedef {object} TableContent
 * @property {string[]} head
 * @property {Row[]} rows
 * @property {number | null} chosen The id of a row.
 * @property {((id: number) => void) | null} onRow Called for the row that is chosen.
 * @property {string} empty What is shown without any row.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** A new element. @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {string} [name] its class
 * @param {string} [text] @returns {HTMLElementTagNameMap[T]} */
export function make(tag, name = '', text = '') {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text) node.textContent = text;
  return node;
}

/** @type {WeakMap<Element, string>} */
const shown = new WeakMap();

const FOCUSABLE = 'button, [tabindex="0"]';

/** Put into an element what `build()` makes, if `value` is another one than the last time. The focus stays at its
 * place among what can have it, or on the element where nothing can.
 * @param {HTMLElement} node @param {unknown} value @param {() => Node[]} build */
export function keep(node, value, build) {
  const text = JSON.stringify(value);
  if (shown.get(node) === text) return;
  shown.set(node, text);
  /** @type {() => HTMLElement[]} */
  const stops = () => Array.from(node.querySelectorAll(FOCUSABLE));
  const at = stops().indexOf(/** @type {HTMLElement} */ (document.activeElement));
  node.replaceChildren(...build());
  if (at < 0) return;
  const left = stops();
  if (!left.length) node.tabIndex = -1;
  (left[Math.min(at, left.length - 1)] || node).focus({ preventScroll: true });
}

const WIDTH = 100;
const HEIGHT = 24;

/** A line through values, from 0 to the highest of them, with gaps where there is none.
 * @param {(number | null | undefined)[]} values */
export function sparkline(values) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('class', 'tile-spark');
  svg.setAttribute('aria-hidden', 'true');
  const top = Math.max(...values.map((value) => value || 0), Number.MIN_VALUE);
  const step = WIDTH / Math.max(values.length, 1);
  let isOn = false;
  const parts = values.map((value, i) => {
    if (value === null || value === undefined) {
      isOn = false;
      return '';
    }
    const y = (HEIGHT - 1 - (HEIGHT - 3) * (value / top)).toFixed(1);
    const start = (isOn ? 'V' : `M${(i * step).toFixed(1)} `) + y;
    isOn = true;
    return `${start}H${((i + 1) * step).toFixed(1)}`;
  });
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', parts.join(''));
  svg.append(path);
  return svg;
}

/** @param {Tile} content */
export function tile({ id, label, help, value, level, word, note, limit, spark }) {
  const node = make('div', 'tile ' + level);
  node.dataset.tile = id;
  node.title = help;
  const head = make('div', 'tile-label', label);
  const number = make('div', 'tile-value', value);
  const state = make('div', 'tile-word');
  state.append(make('span', 'tile-dot'), make('span', '', word));
  const foot = make('div', 'tile-note', note);
  node.append(head, number, sparkline(spark), state, foot, make('div', 'tile-limit', limit));
  return node;
}

/** @param {TableContent} content @returns {HTMLElement[]} */
export function table({ head, rows, chosen, onRow, empty }) {
  if (!rows.length) return [make('p', 'empty', empty)];
  const node = make('table', 'monitor-table');
  const line = make('tr');
  line.append(...head.map((text) => make('th', '', text)));
  const top = make('thead');
  top.append(line);
  const body = make('tbody');
  body.append(...rows.map((row) => {
    const tr = make('tr', row.level || '');
    tr.append(...row.cells.map((cell) => cellOf(cell)));
    if (onRow) {
      tr.tabIndex = 0;
      tr.setAttribute('aria-selected', String(row.id === chosen));
      tr.addEventListener('click', () => onRow(/** @type {number} */ (row.id)));
      tr.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' || event.key === ' ') {
          event.preventDefault();
          onRow(/** @type {number} */ (row.id));
        }
      });
    }
    return tr;
  }));
  node.append(top, body);
  return [node];
}

/** @param {Cell} cell */
function cellOf(cell) {
  if (typeof cell === 'string') return make('td', '', cell);
  const td = make('td');
  if (cell.action) {
    const button = make('button', 'link-button', cell.text);
    button.title = cell.title || '';
    button.addEventListener('click', cell.action);
    td.append(button);
    return td;
  }
  if (cell.color) {
    const dot = make('span', 'dot');
    dot.style.setProperty('--dot', cell.color);
    td.append(dot, ' ');
  }
  td.append(cell.text);
  if (cell.title) td.title = cell.title;
  return td;
}

/** Facts as a list of definitions. @param {Fact[]} facts */
export function factList(facts) {
  const list = make('dl');
  facts.forEach(([name, text, help]) => {
    const term = make('dt', '', name);
    if (help) term.title = help;
    list.append(term, make('dd', '', text));
  });
  return [list];
}

/** Parts of a whole as one bar. @param {[name: string, share: number, color: string][]} parts */
export function shareBar(parts) {
  const bar = make('div', 'share-bar');
  bar.append(...parts.map(([name, share, color]) => {
    const part = make('div');
    part.title = name;
    part.style.width = 100 * share + '%';
    part.style.background = color;
    return part;
  }));
  return bar;
}

/** A viewer's horizon: what it is called, a bar, and words.
 * @param {{title: string, parts: Part[], at: number, text: string}} content */
export function horizonRow({ title, parts, at, text }) {
  const row = make('div', 'horizon');
  const bar = make('div', 'horizon-bar');
  bar.append(...parts.map(({ kind, from, width }) => {
    const part = make('div', 'horizon-part ' + kind);
    part.style.left = 100 * from + '%';
    part.style.width = 100 * width + '%';
    return part;
  }));
  const mark = make('div', 'horizon-at');
  mark.style.left = 100 * at + '%';
  bar.append(mark);
  row.append(make('div', 'horizon-title', title), bar, make('div', 'horizon-text', text));
  return row;
}

/** Facts in one line; a colour makes it a legend. @param {[name: string, text: string, color?: string][]} facts */
export function factLine(facts) {
  return facts.map(([name, text, color]) => {
    const node = make('span', 'outcome');
    if (color) {
      const dot = make('span', 'dot');
      dot.style.setProperty('--dot', color);
      node.append(dot);
    }
    node.append(make('span', '', name), make('b', '', text));
    return node;
  });
}

/** The stages of a slice as bars, one after the other.
 * @param {Bar[]} bars @param {(ms: number) => string} formatDuration */
export function waterfall(bars, formatDuration) {
  return bars.map(({ name, what, color, ms, from, width }) => {
    const row = make('div', 'fall');
    row.title = what;
    const track = make('div', 'fall-track');
    const bar = make('div', 'fall-bar');
    bar.style.left = 100 * from + '%';
    bar.style.width = Math.max(0.4, 100 * width) + '%';
    bar.style.background = color;
    track.append(bar);
    row.append(make('span', 'fall-name', name), track, make('span', 'fall-ms', formatDuration(ms)));
    return row;
  });
}
