/* Files and their datasets, fetched from the server and cached. */

import { canOpen, isRows } from '../model/tree-nodes.mjs';
import { browserClock } from './clock.mjs';
/** @import { Meaning } from '../model/meaning.mjs' */
/** @import { DatasetRecord } from '../model/view.mjs' */
/** @import { ListedFile } from '../model/tree-nodes.mjs' */
/** @import { Api, Failure } from './api.mjs' */
/** @import { Clock } from './clock.mjs' */

/**
 * @typedef {{file: string, dataset: string}} Target
 * @typedef {{file: string | null, dataset: string | null}} MaybeTarget
 */

/**
 * @typedef {object} KnownFile
 * @property {DatasetRecord[] | null} list Null until it has come.
 * @property {boolean} [stale] Whether the list is that of an earlier state, which is being read again.
 * @property {string | null} error Why it has not.
 * @property {Promise<DatasetRecord[]> | null} [waiting]
 * @property {string | null} [version]
 * @property {string | null} [main] The dataset that the file is about.
 * @property {boolean} [complete] Whether the list has all datasets.
 */

/** @typedef {ReturnType<typeof createDatasets>} Datasets */

const LIST_WAIT_MS = 200;

/** `onChange()` hears that a list has come or failed, `onListed(file, records)` that one came which a view needs.
 * @param {Pick<Api, 'json' | 'listing'>} api @param {() => void} onChange
 * @param {(file: string, records: DatasetRecord[]) => void} onListed @param {Clock} [clock] */
export function createDatasets(api, onChange, onListed, clock = browserClock) {
  /** @type {Map<string, KnownFile>} */
  const datasets = new Map();
  /** @type {ListedFile[] | null} */
  let files = null;
  let allFiles = true;
  /** @type {Promise<ListedFile[]> | null} */
  let listing = null;
  /** The object that was asked for last. @type {{file: string, path: string, answer: Promise<any>} | null} */
  let node = null;

  /* Asking */

  /** @returns {Promise<ListedFile[]>} */
  function loadFiles() {
    if (!listing) {
      listing = api.json('/api/v1/files').then((/** @type {{files: ListedFile[], complete?: boolean}} */ answer) => {
        files = answer.files;
        allFiles = answer.complete !== false;
        onChange();
        return files;
      });
      listing.catch(() => {
        listing = null;
      });
    }
    return listing;
  }

  /** The datasets of a file; a failure is cached beside it and fetched again next time.
   * @param {string} file @returns {Promise<DatasetRecord[]>} */
  async function loadFile(file) {
    const known = datasets.get(file);
    if (known?.waiting) return known.waiting;
    if (known?.list && !known.stale) return known.list;
    /** @type {KnownFile} */
    const entry = { list: known?.list || null, stale: true, error: null, complete: known?.complete };
    datasets.set(file, entry);
    entry.waiting = api.listing(file).then((answer) => {
      entry.list = answer.datasets;
      entry.stale = false;
      entry.version = answer.version;
      entry.complete = answer.complete !== false;
      entry.main = answer.main;
      entry.waiting = null;
      return entry.list;
    });
    try {
      return await entry.waiting;
    } catch (error) {
      entry.waiting = null;
      entry.list = null;
      entry.error = /** @type {Failure} */ (error).message;
      throw error;
    } finally {
      onChange();
    }
  }

  /** Read the lists of files one after another, for what searches them; `go()` says before each whether to go on.
   * @param {string[]} names @param {() => boolean} go */
  async function loadAll(names, go) {
    for (const name of names) {
      if (!go()) return;
      await loadFile(name).catch(() => undefined);
    }
  }

  /** The record of a dataset by any of its names. The list of its file may have it under another one, be cut, or take
   * long: unless it is there already, this one is requested, and the list arrives by itself.
   * @param {string} file @param {string} dataset @returns {Promise<DatasetRecord>} */
  async function find(file, dataset) {
    loadFiles().catch(() => undefined);
    const path = '/' + dataset.replace(/^\/+/, '');
    const known = fresh(file);
    const record = known && known.find((r) => r.dataset === dataset || r.dataset === path);
    if (record) return record;
    const listed = loadFile(file).then((records) => onListed(file, records), () => undefined);
    const answer = await api.listing(file, path);
    const entry = datasets.get(file);
    if (entry) entry.version = entry.version || answer.version;
    // Most lists are there by now, and then the tree is drawn once.
    await Promise.race([
      listed,
      new Promise((/** @type {(value?: undefined) => void} */ resolve) => clock.later(resolve, LIST_WAIT_MS)),
    ]);
    if (answer.datasets.length) return answer.datasets[0];
    // Whether it is a group can be seen in the list of all alone.
    await listed;
    const members = (fresh(file) || []).filter((r) => isBelow(r, path));
    throw new Error(
      members.length
        ? path + ' of ' + file + ' is a group; choose a dataset in it.'
        : file + ' has no dataset ' + dataset + '.',
    );
  }

  /** What an object of a file says of itself: one request for the picture and for what stands below the tree.
   * @param {string} file @param {string} path @returns {Promise<any>} */
  function nodeOf(file, path) {
    if (node && node.file === file && node.path === path) return node.answer;
    const mine = { file, path, answer: api.json('/api/v1/node', { file, path }) };
    node = mine;
    mine.answer.catch(() => {
      if (node === mine) node = null;
    });
    return mine.answer;
  }

  /** What a dataset means; null where the server does not say. @param {string} file @param {string} path
   * @returns {Promise<Meaning | null>} */
  async function meaningOf(file, path) {
    try {
      return (await nodeOf(file, path)).meaning || null;
    } catch {
      // It is shown without.
      return null;
    }
  }

  /** The list of a file as it is now; undefined while there is none. @param {string} file */
  function fresh(file) {
    const known = datasets.get(file);
    return known?.stale ? undefined : known?.list;
  }

  /** What is kept of a file is of an earlier state; it is shown until the new list is there. @param {string} file */
  function invalidate(file) {
    if (node && node.file === file) node = null;
    const known = datasets.get(file);
    if (known) datasets.set(file, { list: known.list, stale: true, error: null, complete: known.complete });
  }

  /** The main dataset, or else the first that can be shown, of one file or of all; null when there is none.
   * @param {string | null} only @returns {Promise<Target | null>} */
  async function first(only) {
    const names = only ? [only] : (await loadFiles()).map((f) => f.file);
    if (only) loadFiles().catch(() => undefined);
    /** @type {Failure | null} */
    let error = null;
    /** Where there are no pictures at all. @type {Target | null} */
    let instead = null;
    for (const file of names) {
      /** @type {DatasetRecord[]} */
      let records = [];
      try {
        records = await loadFile(file);
      } catch (thrown) {
        error = /** @type {Failure} */ (thrown);
        if (error.lost || only) throw error;
      }
      const main = datasets.get(file)?.main;
      const found = records.find((r) => canOpen(r) && r.dataset === main) || likely(records);
      if (found?.browsable) return { file, dataset: found.dataset };
      if (found) instead ||= { file, dataset: found.dataset };
    }
    if (instead) return instead;
    if (names.length === 1 && error) throw error;
    return null;
  }

  /** A dataset that can be shown instead of one: below it where it is a group, else in its file or anywhere; null when
   * there is none.
   * @param {string | null} file @param {string | null} dataset @returns {Promise<Target | null>} */
  async function alternative(file, dataset) {
    try {
      if (!file) return await first(null);
      const others = (await loadFile(file)).filter((r) => r.dataset !== dataset);
      const found = likely(others.filter((r) => dataset && isBelow(r, dataset))) || likely(others);
      return found ? { file, dataset: found.dataset } : null;
    } catch {
      return null;
    }
  }

  /** Why the datasets that were read cannot be shown: a sentence for each, of one file or of all.
   * @param {string | null} only @returns {string[]} */
  function failures(only) {
    return Array.from(datasets).filter(([file]) => !only || file === only).flatMap(([file, known]) => {
      if (known.error) return [known.error];
      return (known.list || []).filter((r) => !canOpen(r))
        .map((r) => r.dataset + (only ? '' : ' of ' + file) + ': ' + (r.reason || 'it cannot be shown.'));
    });
  }

  /** Ask anew for the files, and for the datasets of `openFiles`.
   * @param {string[]} openFiles @returns {Promise<ListedFile[]>} */
  function reload(openFiles) {
    listing = null;
    Array.from(datasets.keys()).forEach(invalidate);
    openFiles.forEach((file) => loadFile(file).catch(() => undefined));
    return loadFiles();
  }

  /** The dataset that a link names, else the main one.
   * @param {MaybeTarget} link @returns {Promise<{file: string, record: DatasetRecord, meaning: Meaning | null}>} */
  async function findTarget(link) {
    const { file, dataset } = link;
    const target = file && dataset ? { file, dataset } : await first(file);
    if (!target) throw new Error(whyNothing(file));
    const meaning = meaningOf(target.file, target.dataset);
    const record = await find(target.file, target.dataset);
    if (!canOpen(record)) throw new Error(record.dataset + ' cannot be shown. ' + (record.reason || ''));
    return { file: target.file, record, meaning: await meaning };
  }

  /** Why there is nothing to show, in one file or in all. @param {string | null} file @returns {string} */
  function whyNothing(file) {
    const sentences = failures(file);
    const reasons = sentences.length ? ' ' + sentences[0] : '';
    const more = sentences.length > 1 ? ' The list of files names the reasons of the others.' : '';
    if (file) return file + ' has no dataset with slices to show.' + reasons + more;
    if (files && !files.length) return 'There are no HDF5 files here.';
    return 'No file here has a dataset with slices to show.' + reasons + more;
  }

  return {
    loadFiles,
    loadFile,
    loadAll,
    find,
    first,
    alternative,
    failures,
    reload,
    findTarget,
    node: nodeOf,
    files: () => files,
    /** Bytes of a file; null where that is not known. @param {string | null} file @returns {number | null} */
    sizeOf: (file) => files?.find((one) => one.file === file)?.size ?? null,
    hasAllFiles: () => allFiles,
    /** What is known of a file; undefined where nothing is. @param {string} file @returns {KnownFile | undefined} */
    known: (file) => datasets.get(file),
    /** @param {string} file @returns {string | null} */
    version: (file) => datasets.get(file)?.version || null,
    invalidate,
  };
}

/** Whether a dataset lies in a group, at any depth.
 * @param {DatasetRecord} record @param {string} group @returns {boolean} */
function isBelow(record, group) {
  const steps = group.split('/').filter(Boolean);
  return record.dataset.startsWith(steps.map((step) => '/' + step).join('') + '/');
}

/** A volume is more likely meant than a table of numbers that happens to come first.
 * @param {DatasetRecord[]} records @returns {DatasetRecord | undefined} */
function likely(records) {
  const shown = records.filter((r) => r.browsable);
  return shown.find((r) => r.shape.length > 2) || shown[0] || records.find(isRows);
}
