/* What the tree of files and datasets holds: nodes, in natural order as the server lists them, and the rows that are
   unfolded. A group or folder that holds nothing but one group or folder shares its line. */

import { formatBytes } from './number-format.mjs';
/** @import { DatasetRecord } from './view.mjs' */

/**
 * @typedef {{file: string, size: number, modified: number}} ListedFile Its path below the data roots, its size (bytes), and the
 *   time of its last change (s since 1970).
 *
 * @typedef {object} TreeNode
 * @property {string} value Names it.
 * @property {string} label
 * @property {'file' | 'folder' | 'group' | 'dataset' | 'refused' | 'note' | 'error' | 'unread'} kind
 * @property {string} [file]
 * @property {string} [path] In the file.
 * @property {string} [meta] Beside the label.
 * @property {boolean} [hasMeta] Whether that has a line of its own.
 * @property {() => TreeNode[]} [children]
 * @property {DatasetRecord} [record]
 * @property {string} [reason]
 * @property {string[]} [unread] Files whose datasets are read as well when it is chosen.
 *
 * @typedef {{node: TreeNode, level: number}} Row
 * @typedef {{list: DatasetRecord[] | null, error: string | null, complete?: boolean}} ListedDatasets
 */

/**
 * @template T
 * @typedef {{below: Map<string, Branch<T>>, leaves: {name: string, leaf: T}[]}} Branch
 */

// A file that is unfolded shows all of its groups unfolded up to this number of datasets.
const OPEN_ALL_MOST = 40;

/** @param {string} file */
export const fileValue = (file) => 'f:' + file;

/** Names may have any characters in them, line feeds too. @param {string} file @param {string} dataset */
export const dataValue = (file, dataset) => 'd:' + encodeURIComponent(file) + '\n' + encodeURIComponent(dataset);

/** Where the value of a group begins, or of a folder without a file. @param {string | null} file */
const groupPrefix = (file) => file === null ? 'g:' : 'g:' + file + '\n';

/** Nodes of all files under their folders. @param {ListedFile[]} files @param {boolean} complete
 * @param {(file: string) => ListedDatasets | undefined} known @returns {TreeNode[]} */
export function fileNodes(files, complete, known) {
  /** @type {Branch<ListedFile>} */
  const root = branch();
  files.forEach((file) => addLeaf(root, file.file.split('/'), file));
  const found = nodes(root, groupPrefix(null), 'folder', null, (name, file) => fileNode(name, file, known));
  if (!complete) {
    found.push(note('files', 'the first ' + count(files.length) + ' files are listed; others open by their link'));
  }
  return found;
}

/** @param {string} label @param {ListedFile} file @param {(file: string) => ListedDatasets | undefined} known
 * @returns {TreeNode} */
export function fileNode(label, { file, size }, known) {
  return {
    value: fileValue(file),
    label,
    kind: 'file',
    file,
    path: '/',
    meta: formatBytes(size),
    children: () => datasetNodes(file, known(file)),
  };
}

/** By their lists, so that a redraw costs nothing. @type {WeakMap<DatasetRecord[], TreeNode[]>} */
const made = new WeakMap();

/** @param {string} file @param {ListedDatasets | undefined} known @returns {TreeNode[]} */
function datasetNodes(file, known) {
  if (!known?.list) return [note(file, known?.error || 'reading …', Boolean(known?.error))];
  const { list } = known;
  if (!list.length) return [note(file, 'no datasets')];
  let found = made.get(list);
  if (!found) {
    /** @type {Branch<DatasetRecord>} */
    const root = branch();
    addDatasets(root, list);
    found = nodes(root, groupPrefix(file), 'group', file, (name, record) => new DatasetNode(file, name, record));
    if (known.complete === false) {
      found.push(
        note(file + '\n', 'the first ' + count(list.length) + ' datasets are listed; others open by their link'),
      );
    }
    made.set(list, found);
  }
  return found;
}

/** A dataset in the tree. There may be tens of thousands, so that its texts are made when they are drawn. */
export class DatasetNode {
  /** @type {string | null} */
  #value = null;

  /** @param {string} file @param {string} label @param {DatasetRecord} record @param {string} [where] Before what it is. */
  constructor(file, label, record, where = '') {
    this.file = file;
    this.label = label;
    this.record = record;
    this.where = where;
  }

  get value() {
    return this.#value ||= dataValue(this.file, this.record.dataset);
  }

  get path() {
    return this.record.dataset;
  }

  /** @returns {'dataset' | 'refused'} */
  get kind() {
    return canOpen(this.record) ? 'dataset' : 'refused';
  }

  get hasMeta() {
    return Boolean(this.record.dtype || this.record.stored_bytes || this.where);
  }

  get meta() {
    const { shape, dtype, element, stored_bytes } = this.record;
    // What a broken link would lead to has neither shape nor type: the reason says where it leads.
    const parts = dtype ? [shapeText(shape), element || dtype] : [];
    if (this.where) parts.unshift(this.where);
    if (stored_bytes) parts.push(formatBytes(stored_bytes));
    return parts.join(' · ');
  }

  get reason() {
    const { browsable, reason } = this.record;
    if (isRows(this.record)) return '';
    return reason || (browsable ? '' : 'It cannot be shown.');
  }
}

/** Whether a dataset is shown as pictures or as rows. @param {DatasetRecord} record @returns {boolean} */
export function canOpen(record) {
  return record.browsable || isRows(record);
}

/** Whether a dataset is shown as rows: as a curve, a table, text or a value.
 * @param {DatasetRecord} record @returns {boolean} */
export function isRows(record) {
  return !record.browsable && Boolean(record.view) && record.view !== 'slices';
}

/** The unfolded rows, from the top. @param {TreeNode[]} roots @param {Set<string>} expanded @returns {Row[]} */
export function unfolded(roots, expanded) {
  /** @type {Row[]} */
  const rows = [];
  /** @param {TreeNode[]} below @param {number} level */
  const walk = (below, level) => {
    for (const node of below) {
      rows.push({ node, level });
      if (node.children && expanded.has(node.value)) walk(node.children(), level + 1);
    }
  };
  walk(roots, 1);
  return rows;
}

/** What has to be unfolded for a dataset to be seen, or a file without one.
 * @param {string} file @param {string | null} dataset @param {DatasetRecord[] | null} list @returns {string[]} */
export function above(file, dataset, list) {
  const found = prefixes(file.split('/')).map((path) => groupPrefix(null) + path);
  found.push(fileValue(file));
  if (dataset) found.push(...prefixes(steps(dataset)).map((path) => groupPrefix(file) + path));
  if (list && list.length <= OPEN_ALL_MOST) {
    list.forEach((record) => found.push(...prefixes(steps(record.dataset)).map((path) => groupPrefix(file) + path)));
  }
  return found;
}

/** @param {string} path */
const steps = (path) => path.split('/').filter(Boolean);

/** The paths above the last of some steps. @param {string[]} of @returns {string[]} */
function prefixes(of) {
  return of.slice(0, -1).map((_, end) => of.slice(0, end + 1).join('/'));
}

/** @template T @returns {Branch<T>} */
function branch() {
  return { below: new Map(), leaves: [] };
}

/** @param {Branch<DatasetRecord>} root @param {DatasetRecord[]} list */
function addDatasets(root, list) {
  /** By their paths. @type {Map<string, Branch<DatasetRecord>>} */
  const groups = new Map([['', root]]);
  for (const record of list) {
    const path = record.dataset;
    const at = path.lastIndexOf('/');
    const group = groups.get(path.slice(0, Math.max(at, 0)));
    if (group) group.leaves.push({ name: path.slice(at + 1) || '/', leaf: record });
    else groups.set(path.slice(0, at), addLeaf(root, steps(path), record));
  }
}

/** The branch that a leaf is in now.
 * @template T @param {Branch<T>} root @param {string[]} path @param {T} leaf @returns {Branch<T>} */
function addLeaf(root, path, leaf) {
  let here = root;
  for (let at = 0; at < path.length - 1; at += 1) {
    let next = here.below.get(path[at]);
    if (!next) here.below.set(path[at], next = branch());
    here = next;
  }
  here.leaves.push({ name: path[path.length - 1] || '/', leaf });
  return here;
}

/** @template T @param {Branch<T>} parent @param {string} prefix @param {'folder' | 'group'} kind
 * @param {string | null} file @param {(name: string, leaf: T) => TreeNode} leafNode @returns {TreeNode[]} */
function nodes(parent, prefix, kind, file, leafNode) {
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
    /** @type {TreeNode[] | null} */
    let below = null;
    found.push({
      value,
      label: name,
      kind,
      ...(file === null ? {} : { file, path: '/' + value.slice(groupPrefix(file).length) }),
      children: () => below ||= nodes(at, value + '/', kind, file, leafNode),
    });
  });
  return found.concat(parent.leaves.map(({ name, leaf }) => leafNode(name, leaf)));
}

/** @param {string} value @param {string} text @param {boolean} [wrong] @returns {TreeNode} */
export function note(value, text, wrong) {
  return { value: 'n:' + value, label: text, kind: wrong ? 'error' : 'note' };
}

/** @param {number[] | null} shape */
export function shapeText(shape) {
  if (!shape) return 'empty';
  return shape.length ? shape.join('×') : 'scalar';
}

/** @param {number} number */
export function count(number) {
  return number.toLocaleString('en');
}
