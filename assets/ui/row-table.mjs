/* A table of any number of rows: those in sight are in the page, and are fetched a page of rows at a time. */

/** @import { RowColumn, RowWindow } from '../model/curve.mjs' */

/**
 * @typedef {object} TableParts
 * @property {HTMLElement} host A positioned element, which the table fills.
 * @property {RowWindow} first The first rows.
 * @property {(start: number, stop: number) => Promise<RowWindow>} read
 * @property {(error: Error) => void} onError
 *
 * @typedef {ReturnType<typeof createTable>} Table
 */

const ROW = 24;
const PAGE_ROWS = 200;
const MAX_PAGES = 60;
// Browsers cut elements that are much higher; beyond it the scroll bar stands for a share of the rows.
const MAX_HEIGHT = 8e6;
const WAIT_MS = 60;

/** @param {TableParts} parts */
export function createTable({ host, first, read, onError }) {
  const { total, columns } = first;
  /** @type {Map<number, (string | number)[][] | null>} Null while a page is fetched. */
  const pages = new Map();
  if (first.rows.length >= PAGE_ROWS || first.stop >= total) pages.set(0, first.rows.slice(0, PAGE_ROWS));
  const widths = columns.map((column, at) => width(column, first.rows.map((row) => row[at])));
  const gutter = Math.max(48, 16 + 8 * String(total).length);
  const scaled = total * ROW > MAX_HEIGHT;
  let top = 0;
  let timer = 0;

  const scroller = make('div', 'row-table');
  const header = make('div', 'row-table-head');
  const space = make('div', 'row-table-space');
  const layer = make('div', 'row-table-rows');
  scroller.tabIndex = 0;
  scroller.setAttribute('role', 'grid');
  scroller.setAttribute('aria-rowcount', String(total));
  scroller.setAttribute('aria-label', 'Rows');
  const template = [gutter, ...widths].map((w) => w + 'px').join(' ');
  scroller.style.setProperty('--columns', template);
  scroller.style.setProperty('--width', gutter + widths.reduce((a, b) => a + b, 0) + 'px');
  header.append(make('span', 'row-number', ''), ...columns.map(head));
  space.style.height = Math.min(total * ROW, MAX_HEIGHT) + ROW + 'px';
  space.append(layer);
  scroller.append(header, space);
  host.replaceChildren(scroller);

  const visible = () => Math.max(1, Math.floor((scroller.clientHeight - ROW) / ROW));
  const last = () => Math.max(0, total - visible());

  /** Scroll to a row. @param {number} row */
  function goTo(row) {
    top = Math.max(0, Math.min(row, last()));
    scroller.scrollTop = scaled ? top / Math.max(1, last()) * range() : top * ROW;
    draw();
  }

  const range = () => Math.max(1, scroller.scrollHeight - scroller.clientHeight);

  function onScroll() {
    if (scaled) {
      const at = scroller.scrollTop / range() * last();
      // Otherwise it is where a key or the wheel has put it, which is more exact.
      if (Math.abs(at - top) > last() / range()) top = Math.round(at);
    } else top = scroller.scrollTop / ROW;
    draw();
  }

  function draw() {
    const from = Math.floor(top);
    const rows = [];
    for (let row = from; row < Math.min(total, from + visible() + 2); row += 1) rows.push(line(row));
    layer.replaceChildren(...rows);
    layer.style.transform = 'translateY(' + (scaled ? scroller.scrollTop : from * ROW) + 'px)';
    clearTimeout(timer);
    timer = setTimeout(fetchMissing, WAIT_MS);
  }

  /** @param {number} row */
  function line(row) {
    const made = make('div', 'row-table-row');
    made.setAttribute('role', 'row');
    made.setAttribute('aria-rowindex', String(row + 1));
    made.append(make('span', 'row-number', String(row)));
    const cells = pages.get(Math.floor(row / PAGE_ROWS))?.[row % PAGE_ROWS];
    columns.forEach((_, at) => {
      const value = cells ? cells[at] : null;
      const cell = make('span', typeof value === 'number' ? 'cell numeric' : 'cell', cells ? String(value) : '…');
      cell.setAttribute('role', 'gridcell');
      if (typeof value === 'string' && value.length > 20) cell.title = value;
      made.append(cell);
    });
    return made;
  }

  function fetchMissing() {
    const from = Math.floor(top);
    for (const row of [from, from + visible() + 1]) {
      const page = Math.floor(Math.min(row, Math.max(0, total - 1)) / PAGE_ROWS);
      if (!pages.has(page)) fetchPage(page);
    }
  }

  /** @param {number} page */
  async function fetchPage(page) {
    pages.set(page, null);
    try {
      const end = Math.min(total, (page + 1) * PAGE_ROWS);
      /** @type {(string | number)[][]} */
      const rows = [];
      // A window ends early where its rows are long.
      for (let at = page * PAGE_ROWS; at < end;) {
        const { rows: more, stop } = await read(at, end);
        if (!more.length) break;
        rows.push(...more);
        at = stop;
      }
      pages.delete(page);
      pages.set(page, rows);
      for (const old of pages.keys()) {
        if (pages.size <= MAX_PAGES) break;
        if (old !== page) pages.delete(old);
      }
      if (scroller.isConnected) draw();
    } catch (error) {
      pages.delete(page);
      onError(/** @type {Error} */ (error));
    }
  }

  /** @type {Record<string, () => number>} */
  const KEYS = {
    ArrowDown: () => top + 1,
    ArrowUp: () => top - 1,
    PageDown: () => top + visible(),
    PageUp: () => top - visible(),
    Home: () => 0,
    End: last,
  };
  scroller.addEventListener('keydown', (event) => {
    const go = KEYS[event.key];
    if (!go || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    goTo(go());
  });
  scroller.addEventListener('wheel', (event) => {
    if (!scaled || event.ctrlKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    goTo(top + event.deltaY * (event.deltaMode === 1 ? 40 : 1) / ROW);
  }, { passive: false });
  scroller.addEventListener('scroll', onScroll, { passive: true });
  const sizes = new ResizeObserver(draw);
  sizes.observe(scroller);
  draw();

  return { goTo, focus: () => scroller.focus({ preventScroll: true }), end: () => sizes.disconnect() };
}

/** @param {RowColumn} column */
function head({ name, unit, type }) {
  const made = make('span', 'head', name + (unit ? ' [' + unit + ']' : ''));
  made.title = name + ' · ' + type;
  made.setAttribute('role', 'columnheader');
  return made;
}

/** The width of a column (px): that of its first rows' texts, within limits.
 * @param {RowColumn} column @param {(string | number)[]} cells */
function width({ name, unit }, cells) {
  const longest = Math.max(name.length + (unit ? unit.length + 3 : 0), ...cells.map((cell) => String(cell).length));
  return Math.round(Math.min(320, Math.max(64, 18 + 7.4 * longest)));
}

/** @param {string} tag @param {string} name @param {string} [text] */
function make(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
