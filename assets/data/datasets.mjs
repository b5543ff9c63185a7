/* Files and their datasets, fetched from the server and cached. */

import { browserClock } from './clock.mjs';

const LIST_WAIT_MS = 200;

/* `onChange()` hears that a list has come or failed, `onListed(file, records)` that one came which a view needs. */
export function createDatasets(api, onChange, onListed, clock = browserClock) {
  const datasets = new Map();
  let files = null;
  let allFiles = true;
  let listing = null;

  /* Asking */

  function loadFiles() {
    if (!listing) {
      listing = api.json('/api/v1/files').then((answer) => {
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

  /* The datasets of a file; a failure is cached beside it and fetched again next time. */
  async function loadFile(file) {
    const known = datasets.get(file);
    if (known && !known.error) return known.waiting || known.list;
    const entry = { list: null, error: null };
    datasets.set(file, entry);
    entry.waiting = api.listing(file).then((answer) => {
      entry.list = answer.datasets;
      entry.version = answer.version;
      entry.complete = answer.complete !== false;
      entry.waiting = null;
      return entry.list;
    });
    try {
      return await entry.waiting;
    } catch (error) {
      entry.waiting = null;
      entry.error = error.message;
      throw error;
    } finally {
      onChange();
    }
  }

  /* The record of a dataset by any of its names. The list of its file may have it under another one, be cut, or take
     long: unless it is there already, this one is requested, and the list arrives by itself. */
  async function find(file, dataset) {
    loadFiles().catch(() => undefined);
    const path = '/' + dataset.replace(/^\/+/, '');
    const known = (datasets.get(file) || {}).list;
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
    const members = ((datasets.get(file) || {}).list || []).filter((r) => isBelow(r, path));
    throw new Error(
      members.length
        ? path + ' of ' + file + ' is a group; choose a dataset in it.'
        : file + ' has no dataset ' + dataset + '.',
    );
  }

  /* The first dataset that can be shown, of one file or of all; null when there is none. */
  async function first(only) {
    const names = only ? [only] : (await loadFiles()).map((f) => f.file);
    if (only) loadFiles().catch(() => undefined);
    let error = null;
    for (const file of names) {
      let records = [];
      try {
        records = await loadFile(file);
      } catch (failed) {
        if (failed.lost || only) throw failed;
        error = failed;
      }
      const found = likely(records);
      if (found) return { file, dataset: found.dataset };
    }
    if (names.length === 1 && error) throw error;
    return null;
  }

  /* A dataset that can be shown instead of one: below it where it is a group, else in its file or anywhere; null when
     there is none. */
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

  /* Why the datasets that were read cannot be shown: a sentence for each, of one file or of all. */
  function failures(only) {
    return Array.from(datasets).filter(([file]) => !only || file === only).flatMap(([file, known]) => {
      if (known.error) return [known.error];
      return (known.list || []).filter((r) => !r.browsable)
        .map((r) => r.dataset + (only ? '' : ' of ' + file) + ': ' + (r.reason || 'it cannot be shown.'));
    });
  }

  /* Ask anew for the files, and for the datasets of `openFiles`. */
  function reload(openFiles) {
    listing = null;
    datasets.clear();
    openFiles.forEach((file) => loadFile(file).catch(() => undefined));
    return loadFiles();
  }

  /* The record of the dataset that a link names, else of the first that can be shown. */
  async function findTarget(link) {
    if (link.file && link.dataset) {
      const record = await find(link.file, link.dataset);
      if (!record.browsable) throw new Error(record.dataset + ' cannot be shown. ' + (record.reason || ''));
      return { file: link.file, record };
    }
    const found = await first(link.file);
    if (!found) throw new Error(whyNothing(link.file));
    return { file: found.file, record: await find(found.file, found.dataset) };
  }

  /* Why there is nothing to show, in one file or in all. */
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
    find,
    first,
    alternative,
    failures,
    reload,
    findTarget,
    files: () => files,
    hasAllFiles: () => allFiles,
    /* What is known of a file: {list, error, version, complete, waiting}; undefined where nothing is. */
    known: (file) => datasets.get(file),
    version: (file) => (datasets.get(file) || {}).version || null,
    invalidate: (file) => datasets.delete(file),
  };
}

/* Whether a dataset lies in a group, at any depth. */
function isBelow(record, group) {
  const steps = group.split('/').filter(Boolean);
  return record.dataset.startsWith(steps.map((step) => '/' + step).join('') + '/');
}

/* A volume is more likely meant than a table of numbers that happens to come first. */
function likely(records) {
  const shown = records.filter((r) => r.browsable);
  return shown.find((r) => r.shape.length > 2) || shown[0];
}
