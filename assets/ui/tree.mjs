/* The tree of files and datasets. */

import { formatBytes } from '../model/number-format.mjs';
import { element, setText } from '../render/dom.mjs';
/** @import { Datasets, ListedFile, Target } from '../data/datasets.mjs' */
/** @import { DatasetRecord, View } from '../model/view.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Focus } from './focus.mjs' */

/**
 * @typedef {object} TreeNode
 * @property {string} value Names it.
 * @property {string} label
 * @property {'file' | 'group' | 'dataset' | 'refused' | 'note' | 'error'} kind
 * @property {string} [meta] Beside the label.
 * @property {TreeNode[]} [children]
 * @property {string | false} [warning]
 * @property {string} [reason]
 */

/**
 * @template T
 * @typedef {{below: Map<string, Branch<T>>, leaves: T[]}} Branch
 */

/**
 * @typedef {object} TreeParts
 * @property {Datasets} datasets
 * @property {Pick<DashBridge, 'set'>} bridge
 * @property {Focus} focus
 * @property {() => boolean} isFailing
 * @property {() => void} closeTree
 * @property {(found: Target) => void} onOpen
 */

/** @typedef {ReturnType<typeof createTree>} Tree */

const OPEN_ALL_MOST = 40;

// A group that is opened puts all its members into the page; beyond some thousands that takes seconds.
const MAX_MEMBERS = 1000;
/** @param {string} file */
const fileValue = (file) => 'f:' + file;

/** Names may have any characters in them, line feeds too. @param {string} file @param {string} dataset */
const dataValue = (file, dataset) => 'd:' + encodeURIComponent(file) + '\n' + encodeURIComponent(dataset);

/** `onOpen({file, dataset})` opens a dataset, `closeTree()` the drawer; `isFailing()` is true while a message covers
 * the plot. @param {TreeParts} parts */
export function createTree({ datasets, bridge, focus, isFailing, closeTree, onOpen }) {
  /** @type {string[]} */
  let expanded = [];
  /** @type {View | null} */
  let selection = null;

  /* Showing */

  function draw() {
    const files = datasets.files();
    if (!files) return;
    bridge.set('dataset-tree', { data: folders(files) });
    setText('tree-message', files.length ? '' : 'There are no HDF5 files under the data roots.');
  }

  /** Files under their folders; a folder that holds nothing but one folder shares its line.
   * @param {ListedFile[]} files @returns {TreeNode[]} */
  function folders(files) {
    /** @type {Branch<{name: string, file: ListedFile}>} */
    const root = branch();
    files.forEach((file) => {
      const steps = file.file.split('/');
      branchAt(root, steps).leaves.push({ name: steps[steps.length - 1], file });
    });
    const shown = nodes(root, 'g:', (leaf) => fileNode(leaf.name, leaf.file));
    if (!datasets.hasAllFiles()) {
      shown.push(note('files', 'the first ' + count(files.length) + ' files are listed; others open by their link'));
    }
    return shown;
  }

  /** @param {string} name @param {ListedFile} file @returns {TreeNode} */
  function fileNode(name, file) {
    const value = fileValue(file.file);
    const known = datasets.known(file.file);
    let children;
    if (known && known.list) {
      children = known.list.length ? groups(file.file, known.list) : [note(value, 'no datasets')];
    } else children = [note(value, known && known.error ? known.error : 'reading …', Boolean(known && known.error))];
    if (known && known.list && !known.complete) {
      children.push(
        note(value + '\n', 'the first ' + count(known.list.length) + ' datasets are listed; others open by their link'),
      );
    }
    return { value, label: name, kind: 'file', meta: formatBytes(file.size), children };
  }

  /** @param {string} file @param {DatasetRecord[]} records @returns {TreeNode[]} */
  function groups(file, records) {
    /** @type {Branch<{name: string, record: DatasetRecord}>} */
    const root = branch();
    records.forEach((record) => {
      const steps = record.dataset.split('/').filter(Boolean);
      branchAt(root, steps).leaves.push({ name: steps[steps.length - 1] || '/', record });
    });
    return nodes(root, 'g:' + file + '\n', (leaf) => datasetNode(file, leaf.name, leaf.record));
  }

  /* Listening */

  /** @param {string[] | null | undefined} values */
  function onSelect(values) {
    const value = (values || [])[0];
    // Dash hears what markSelected writes as well: without end, where there is nothing to mark.
    if (!value && !selection) return;
    if (!value || !value.startsWith('d:')) {
      markSelected();
      return;
    }
    const [file, dataset] = value.slice(2).split('\n').map(decodeURIComponent);
    const record = (datasets.known(file)?.list || []).find((r) => r.dataset === dataset);
    if (!record || (selection && value === dataValue(selection.file, selection.dataset))) return;
    if (!record.browsable) {
      setText('tree-message', dataset + ' cannot be shown. ' + (record.reason || ''));
      markSelected();
      return;
    }
    setText('tree-message', '');
    closeTree();
    focus.restore();
    onOpen({ file, dataset });
  }

  /* Only the dataset on the screen is selection, whatever was clicked. */
  function markSelected() {
    const value = selection ? [dataValue(selection.file, selection.dataset)] : [];
    bridge.set('dataset-tree', { selected: value });
  }

  /** @param {string[] | null | undefined} values */
  function onExpand(values) {
    const now = values || [];
    const fresh = now.filter((value) => value.startsWith('f:') && !expanded.includes(value));
    expanded = now.slice();
    fresh.forEach((value) => {
      const file = value.slice(2);
      const known = datasets.known(file);
      if (known && known.list) return;
      datasets.loadFile(file).then((records) => expandAll(file, records), () => undefined);
    });
  }

  /** @param {string} file @param {DatasetRecord[]} records */
  function expandAll(file, records) {
    const values = [fileValue(file)];
    if (records.length <= OPEN_ALL_MOST) {
      /** @param {TreeNode[]} items */
      const walk = (items) =>
        items.forEach((item) => {
          if (item.children) {
            values.push(item.value);
            walk(item.children);
          }
        });
      walk(groups(file, records));
    }
    expand(values);
  }

  /** @param {string[]} values */
  function expand(values) {
    const all = Array.from(new Set(expanded.concat(values)));
    if (all.length === expanded.length) return;
    expanded = all;
    bridge.set('dataset-tree', { expanded: all });
  }

  /** @param {View} view */
  function select(view) {
    selection = view;
    reveal(view.file);
    markSelected();
  }

  function deselect() {
    selection = null;
    markSelected();
  }

  /** Unfold the tree down to the datasets of a file. @param {string | null} file */
  function reveal(file) {
    if (!file) return;
    const steps = file.split('/').slice(0, -1);
    const above = [];
    for (let i = 0; i < steps.length; i += 1) {
      for (let j = i + 1; j <= steps.length; j += 1) {
        above.push('g:' + (i ? steps.slice(0, i).join('/') + '/' : '') + steps.slice(i, j).join('/'));
      }
    }
    const known = datasets.known(file);
    expand(above);
    expandAll(file, known && known.list ? known.list : []);
  }

  /* Enter does what a click does; the arrows are DMC's. A click on the node that is selected already changes nothing for
     Dash: it leads to the picture, and over an error it opens the dataset anew. */
  function start() {
    const root = element('dataset-tree');
    root.addEventListener('click', (event) => {
      if (!selection || !/** @type {Element} */ (event.target).closest('.node[data-selected]')) return;
      closeTree();
      focus.restore();
      if (isFailing()) onOpen({ file: selection.file, dataset: selection.dataset });
    }, true);
    root.addEventListener('keydown', (event) => {
      const item = event.key === 'Enter' && /** @type {Element} */ (event.target).closest('[role=treeitem]');
      const row = item && item.querySelector('.node');
      if (row instanceof HTMLElement) row.click();
    });
  }

  function reload() {
    const open = expanded.filter((value) => value.startsWith('f:')).map((value) => value.slice(2));
    return datasets.reload(open);
  }

  return { start, draw, select, deselect, expandAll, reveal, reload, onSelect, onExpand };
}

/** @template T @returns {Branch<T>} */
function branch() {
  return { below: new Map(), leaves: [] };
}

/** The branch that holds the last of `steps`, made where it is not there yet.
 * @template T @param {Branch<T>} root @param {string[]} steps @returns {Branch<T>} */
function branchAt(root, steps) {
  return steps.slice(0, -1).reduce((parent, step) => {
    if (!parent.below.has(step)) parent.below.set(step, branch());
    return /** @type {Branch<T>} */ (parent.below.get(step));
  }, root);
}

/** @template T @param {Branch<T>} parent @param {string} prefix @param {(leaf: T) => TreeNode} leafNode
 * @returns {TreeNode[]} */
function nodes(parent, prefix, leafNode) {
  /** @type {TreeNode[]} */
  const found = [];
  parent.below.forEach((inner, step) => {
    let name = step;
    let at = inner;
    while (!at.leaves.length && at.below.size === 1) {
      const [only, next] = /** @type {[string, Branch<T>]} */ (at.below.entries().next().value);
      name += '/' + only;
      at = next;
    }
    const value = prefix + name;
    found.push({ value, label: name, kind: 'group', children: nodes(at, value + '/', leafNode) });
  });
  const left = found.length + parent.leaves.length - MAX_MEMBERS;
  const members = found.concat(parent.leaves.slice(0, Math.max(MAX_MEMBERS - found.length, 0)).map(leafNode));
  if (left <= 0) return members;
  return members.slice(0, MAX_MEMBERS).concat(note(prefix, count(left) + ' more, which open by their link'));
}

/** @param {string} value @param {string} text @param {boolean} [wrong] @returns {TreeNode} */
function note(value, text, wrong) {
  return { value: 'n:' + value, label: text, kind: wrong ? 'error' : 'note' };
}

/** @param {string} file @param {string} name @param {DatasetRecord} record @returns {TreeNode} */
function datasetNode(file, name, record) {
  // What a broken link would lead to has neither shape nor type: the reason says where it leads.
  const parts = record.dtype ? [shapeText(record.shape), record.dtype] : [];
  if (record.stored_bytes) parts.push(formatBytes(record.stored_bytes));
  return {
    value: dataValue(file, record.dataset),
    label: name,
    kind: record.browsable ? 'dataset' : 'refused',
    meta: parts.join(' · '),
    warning: record.browsable && record.reason,
    reason: record.reason || (record.browsable ? record.dataset : 'It cannot be shown.'),
  };
}

/** @param {number[] | null} shape */
function shapeText(shape) {
  if (!shape) return 'empty';
  return shape.length ? shape.join('×') : 'scalar';
}

/** @param {number} number */
function count(number) {
  return number.toLocaleString('en');
}

/** How DMC's tree draws a node. @param {DashProps} payload */
export function renderNode(payload) {
  const h = globalThis.React.createElement;
  const item = payload.node;
  const props = payload.elementProps;
  const name = [props.className, 'node', 'node-' + item.kind].filter(Boolean).join(' ');
  return h(
    'div',
    Object.assign({}, props, { className: name, title: item.reason || item.label }),
    payload.hasChildren
      ? h('span', { className: 'chevron' + (payload.expanded ? ' open' : '') })
      : h('span', { className: 'node-dot' }),
    h(
      'span',
      { className: 'node-text' },
      h('span', { className: 'node-label' }, item.label),
      item.meta ? h('span', { className: 'node-meta' }, item.meta) : null,
      item.kind === 'refused' || item.warning ? h('span', { className: 'node-reason' }, item.reason) : null,
    ),
  );
}
