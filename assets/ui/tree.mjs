/* The tree of files and datasets: only the rows in sight are in the page, whatever there is. While something is typed
   into the filter it shows what matches. A row keeps its element as long as it is in sight, so that a redraw between
   press and release loses no click. */

import { filtered } from '../model/tree-filter.mjs';
import { above, canOpen, count, dataValue, fileNodes, unfolded } from '../model/tree-nodes.mjs';
import { element, setText } from '../render/dom.mjs';
/** @import { Datasets, Target } from '../data/datasets.mjs' */
/** @import { DatasetRecord } from '../model/view.mjs' */
/** @import { Row, TreeNode } from '../model/tree-nodes.mjs' */
/** @import { Focus } from './focus.mjs' */

/**
 * @typedef {object} TreeParts
 * @property {Datasets} datasets
 * @property {Focus} focus
 * @property {() => boolean} isFailing
 * @property {() => void} closeTree
 * @property {(found: Target) => void} onOpen
 * @property {(file: string, path: string) => void} onChosen
 */

/** @typedef {ReturnType<typeof createTree>} Tree */

// Heights of a row's lines (px), as css/40-tree.css has them.
const LINE = 24;
const META = 15;
const REASON = 30;
// Rows are drawn so far beyond what is in sight (px).
const MARGIN = 400;
const INDENT = 10;

/** `onOpen({file, dataset})` opens a dataset, `onChosen(file, path)` hears which node was chosen, `closeTree()` closes the
 * drawer; `isFailing()` is true while a message covers the plot. @param {TreeParts} parts */
export function createTree({ datasets, focus, isFailing, closeTree, onOpen, onChosen }) {
  /** @type {Set<string>} */
  const expanded = new Set();
  /** What is unfolded among the rows that a filter finds. @type {Set<string>} */
  const expandedFound = new Set();
  /** @type {Target | null} */
  let selection = null;
  let filter = '';
  /** @type {Row[]} */
  let rows = [];
  /** The upper edges of the rows, and the lower one of the last. */
  let edges = new Float64Array(1);
  /** The row that Tab leads to, by its value. @type {string | null} */
  let active = null;
  /** Whether the selected row is to be scrolled to as soon as it is there, and kept in sight until somebody scrolls. */
  let sought = false;
  let kept = false;
  /** @type {Map<string, HTMLElement>} */
  let drawn = new Map();
  /** @type {WeakMap<HTMLElement, string>} */
  const contents = new WeakMap();
  /** @type {{files: unknown, complete: boolean, nodes: TreeNode[]} | null} */
  let made = null;

  const tree = () => element('dataset-tree');
  const scroller = () => /** @type {HTMLElement} */ (tree().parentElement);
  const unfoldedValues = () => filter ? expandedFound : expanded;

  /* Showing */

  function draw() {
    const files = datasets.files();
    if (!files) return;
    if (!filter && (!made || made.files !== files)) {
      const complete = datasets.hasAllFiles();
      made = { files, complete, nodes: fileNodes(files, complete, datasets.known) };
    }
    const nodes = filter ? filtered(filter, files, datasets.known) : /** @type {{nodes: TreeNode[]}} */ (made).nodes;
    rows = unfolded(nodes, unfoldedValues());
    edges = new Float64Array(rows.length + 1);
    rows.forEach(({ node }, at) => edges[at + 1] = edges[at] + height(node));
    tree().style.height = edges[rows.length] + 'px';
    if (!files.length) setText('tree-message', 'There are no HDF5 files under the data roots.');
    if (sought) seek();
    drawRows();
  }

  /* The rows in sight, and the one that has the focus. */
  function drawRows() {
    const top = scroller().scrollTop;
    const first = rowAt(top - MARGIN);
    const last = rowAt(top + scroller().clientHeight + MARGIN);
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.value : undefined;
    const shown = Array.from({ length: Math.max(0, Math.min(last + 1, rows.length) - first) }, (_, n) => first + n);
    if (focused !== undefined && drawn.has(focused)) {
      const at = rows.findIndex(({ node }) => node.value === focused);
      if (at >= 0 && !shown.includes(at)) shown.push(at);
      shown.sort((a, b) => a - b);
    }
    const reachable = shown.find((at) => rows[at].node.value === active) ?? shown[0];
    /** @type {Map<string, HTMLElement>} */
    const next = new Map();
    shown.forEach((at) => {
      const { value } = rows[at].node;
      const item = drawn.get(value) || makeItem(value);
      drawItem(item, at, at === reachable);
      next.set(value, item);
    });
    drawn.forEach((item, value) => next.has(value) || item.remove());
    drawn = next;
    // In the order of reading; what is in its place stays there, with the focus and the pointer on it.
    let place = tree().firstElementChild;
    next.forEach((item) => {
      if (item === place) place = item.nextElementSibling;
      else tree().insertBefore(item, place);
    });
  }

  /** @param {string} value */
  function makeItem(value) {
    const item = document.createElement('div');
    item.setAttribute('role', 'treeitem');
    item.dataset.value = value;
    return item;
  }

  /** @param {HTMLElement} item @param {number} at @param {boolean} reachable */
  function drawItem(item, at, reachable) {
    const { node, level } = rows[at];
    const isOpen = Boolean(node.children) && unfoldedValues().has(node.value);
    const isSelected = Boolean(selection) && node.value === dataValue(selection?.file || '', selection?.dataset || '');
    item.style.top = edges[at] + 'px';
    item.tabIndex = reachable ? 0 : -1;
    const key = [node.kind, node.label, node.meta, node.reason, level, isOpen, isSelected].join('\n');
    if (contents.get(item) === key) return;
    contents.set(item, key);
    item.setAttribute('aria-level', String(level));
    item.setAttribute('aria-selected', String(isSelected));
    if (node.children) item.setAttribute('aria-expanded', String(isOpen));
    item.style.height = height(node) + 'px';
    const line = document.createElement('div');
    line.className = 'node node-' + node.kind;
    line.toggleAttribute('data-selected', isSelected);
    line.style.setProperty('--label-offset', (level - 1) * INDENT + 'px');
    line.title = node.reason || node.path || node.label;
    const text = span('node-text', '');
    text.append(span('node-label', node.label));
    if (node.meta) text.append(span('node-meta', node.meta));
    if (node.reason) text.append(span('node-reason', node.reason));
    line.append(span(node.children ? 'chevron' + (isOpen ? ' open' : '') : 'node-dot', ''), text);
    item.replaceChildren(line);
  }

  /** The number of the row at a height; of the first or last beyond them. @param {number} y @returns {number} */
  function rowAt(y) {
    let low = 0;
    let high = rows.length;
    while (low < high - 1) {
      const middle = (low + high) >> 1;
      if (edges[middle] <= y) low = middle;
      else high = middle;
    }
    return low;
  }

  /* Scroll to the selected row, unless it is in sight or not there yet. */
  function seek() {
    const target = selection;
    if (!target) return;
    const at = rows.findIndex(({ node }) =>
      node.record && node.record.dataset === target.dataset && node.file === target.file
    );
    if (at < 0) return;
    sought = false;
    kept = true;
    active = rows[at].node.value;
    const view = scroller();
    if (edges[at] >= view.scrollTop && edges[at + 1] <= view.scrollTop + view.clientHeight) return;
    view.scrollTop = edges[at] - view.clientHeight / 3;
  }

  /* Choosing */

  /** @param {TreeNode} node */
  function choose(node) {
    active = node.value;
    if (node.file && node.path) onChosen(node.file, node.path);
    if (node.unread) searchIn(node.unread);
    else if (node.children) toggle(node);
    else if (node.record) chooseDataset(/** @type {string} */ (node.file), node.record);
    else drawRows();
  }

  /** @param {TreeNode} node */
  function toggle(node) {
    const values = unfoldedValues();
    if (values.has(node.value)) {
      values.delete(node.value);
    } else {
      values.add(node.value);
      if (node.kind === 'file' && node.file) unfoldFile(node.file);
    }
    draw();
  }

  /** @param {string} file */
  function unfoldFile(file) {
    const known = datasets.known(file);
    if (known && known.list) expandAll(file, known.list);
    else datasets.loadFile(file).then((records) => expandAll(file, records), () => undefined);
  }

  /** @param {string} file @param {DatasetRecord} record */
  function chooseDataset(file, record) {
    const { dataset } = record;
    const isSelected = selection && selection.file === file && selection.dataset === dataset;
    if (isSelected) {
      // It leads to the picture, and over an error it opens the dataset anew.
      closeTree();
      focus.restore();
      if (isFailing()) onOpen({ file, dataset });
      return;
    }
    if (!canOpen(record)) {
      setText('tree-message', dataset + ' cannot be shown. ' + (record.reason || ''));
      drawRows();
      return;
    }
    setText('tree-message', '');
    closeTree();
    focus.restore();
    onOpen({ file, dataset });
  }

  /** Unfold the groups of a file that was unfolded. @param {string} file @param {DatasetRecord[]} records */
  function expandAll(file, records) {
    const dataset = selection && selection.file === file ? selection.dataset : null;
    expand(above(file, dataset, records));
  }

  /** @param {string[]} values */
  function expand(values) {
    values.forEach((value) => expanded.add(value));
    draw();
  }

  /** Only the dataset on the screen is selected, whatever was clicked. @param {Target} view */
  function select(view) {
    const isNew = !selection || selection.file !== view.file || selection.dataset !== view.dataset;
    selection = view;
    if (isNew) {
      sought = true;
      onChosen(view.file, view.dataset);
    }
    reveal(view.file);
  }

  function deselect() {
    selection = null;
    draw();
  }

  /** Unfold the tree down to the open dataset of a file, or to the file. @param {string | null} file */
  function reveal(file) {
    if (!file) return;
    const known = datasets.known(file);
    expandAll(file, known && known.list ? known.list : []);
  }

  /* Keys: arrows as in any tree, Enter and space do what a click does. */

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const item = event.target instanceof Element && event.target.closest('[role=treeitem]');
    if (!(item instanceof HTMLElement) || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = rows.findIndex(({ node }) => node.value === item.dataset.value);
    if (at < 0) return;
    const { node } = rows[at];
    const isOpen = Boolean(node.children) && unfoldedValues().has(node.value);
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowDown: () => focusRow(at + 1),
      ArrowUp: () => focusRow(at - 1),
      Home: () => focusRow(0),
      End: () => focusRow(rows.length - 1),
      PageDown: () => focusRow(rowAt(edges[at] + scroller().clientHeight)),
      PageUp: () => focusRow(rowAt(edges[at] - scroller().clientHeight)),
      ArrowRight: () => node.children && !isOpen ? toggle(node) : node.children && focusRow(at + 1),
      ArrowLeft: () => isOpen ? toggle(node) : focusRow(parentOf(at)),
      Enter: () => choose(node),
      ' ': () => choose(node),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }

  /** @param {number} at @returns {number} */
  function parentOf(at) {
    for (let above_ = at - 1; above_ >= 0; above_ -= 1) if (rows[above_].level < rows[at].level) return above_;
    return at;
  }

  /** Move the focus, or without it what Tab leads to. @param {number} at @param {boolean} [withFocus] */
  function focusRow(at, withFocus = true) {
    const row = rows[Math.max(0, Math.min(at, rows.length - 1))];
    if (!row) return;
    active = row.node.value;
    const number = rows.indexOf(row);
    const view = scroller();
    if (edges[number] < view.scrollTop) view.scrollTop = edges[number];
    else if (edges[number + 1] > view.scrollTop + view.clientHeight) {
      view.scrollTop = edges[number + 1] - view.clientHeight;
    }
    drawRows();
    drawn.forEach((item, value) => item.classList.toggle('marked', !withFocus && value === active));
    if (withFocus) drawn.get(active)?.focus({ preventScroll: true });
  }

  /* The filter */

  /** Show what matches a text; all with none. @param {string} text */
  function setFilter(text) {
    if (text.trim() === filter) return;
    filter = text.trim();
    expandedFound.clear();
    active = null;
    if (!filter) sought = true;
    scroller().scrollTop = 0;
    draw();
    if (filter) focusRow(0, false);
  }

  /** Read more files for the filter, until that is another. @param {string[]} files */
  function searchIn(files) {
    const text = filter;
    setText('tree-message', 'Reading the datasets of ' + count(files.length) + ' more …');
    datasets.loadAll(files, () => filter === text).finally(() => setText('tree-message', ''));
  }

  /** Mark another row while the focus stays in the filter. @param {number} by */
  function step(by) {
    focusRow(Math.max(0, rows.findIndex(({ node }) => node.value === active)) + by, false);
  }

  /* What Enter does in the filter: open the marked row, and for a file show it among all; whether the filter has done. */
  function chooseMarked() {
    const row = rows.find(({ node }) => node.value === active) || rows[0];
    if (!row) return true;
    if (row.node.children) {
      const { value, file, path } = row.node;
      setFilter('');
      expand(file ? [...above(file, path || null, null), value] : [value]);
      if (file) unfoldFile(file);
      focusRow(rows.findIndex((other) => other.node.value === value));
      if (file && path) onChosen(file, path);
    } else choose(row.node);
    return !row.node.unread;
  }

  function start() {
    tree().setAttribute('role', 'tree');
    tree().addEventListener('click', (event) => {
      const item = event.target instanceof Element && event.target.closest('[role=treeitem]');
      const row = item instanceof HTMLElement && rows.find(({ node }) => node.value === item.dataset.value);
      if (row) choose(row.node);
    });
    tree().addEventListener('keydown', onKey);
    scroller().addEventListener('scroll', drawRows, { passive: true });
    for (const name of ['wheel', 'pointerdown', 'keydown']) {
      scroller().addEventListener(name, () => sought = kept = false, { passive: true });
    }
    // What is said below it takes its height.
    new ResizeObserver(() => {
      if (kept) seek();
      drawRows();
    }).observe(scroller());
  }

  function reload() {
    const open = Array.from(expanded).filter((value) => value.startsWith('f:')).map((value) => value.slice(2));
    return datasets.reload(open);
  }

  return { start, draw, select, deselect, expandAll, reveal, reload, setFilter, step, chooseMarked };
}

/** @param {TreeNode} node */
function height(node) {
  if (['note', 'error', 'unread'].includes(node.kind)) return LINE + META;
  return LINE + (node.hasMeta ? META : 0) + (node.reason ? REASON : 0);
}

/** @param {string} name @param {string} text */
function span(name, text) {
  const made = document.createElement('span');
  made.className = name;
  made.textContent = text;
  return made;
}
