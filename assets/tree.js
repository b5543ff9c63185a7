/* Files and datasets: asked from the server, kept, and shown as a tree. */
(function (lamella) {
  'use strict';

  let files = null;
  let allFiles = true;
  let listing = null;
  let expanded = [];
  let marked = null;
  const datasets = new Map();
  const OPEN_ALL_MOST = 40;
  // A group that is opened puts all its members into the page; beyond some thousands that takes seconds.
  const MAX_MEMBERS = 1000;
  const LIST_WAIT_MS = 200;

  const fileValue = (file) => 'f:' + file;
  // Names may have any characters in them, line feeds too.
  const dataValue = (file, dataset) => 'd:' + encodeURIComponent(file) + '\n' + encodeURIComponent(dataset);

  /* Asking */

  function list() {
    if (!listing) {
      listing = lamella.source.json('/api/v1/files').then((answer) => {
        files = answer.files;
        allFiles = answer.complete !== false;
        draw();
        return files;
      });
      listing.catch(() => {
        listing = null;
      });
    }
    return listing;
  }

  /* The datasets of a file; a failure is kept beside it and asked again next time. */
  async function load(file) {
    const known = datasets.get(file);
    if (known && !known.error) return known.waiting || known.list;
    const entry = { list: null, error: null };
    datasets.set(file, entry);
    entry.waiting = lamella.source.listing(file).then((answer) => {
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
      draw();
    }
  }

  /* The record of a dataset by any of its names. The list of its file may have it under another one, be cut, or take
     long: unless it is there already, the server is asked for this one, and the list comes by itself. */
  async function find(file, dataset) {
    list().catch(() => undefined);
    const path = '/' + dataset.replace(/^\/+/, '');
    const known = (datasets.get(file) || {}).list;
    const record = known && known.find((r) => r.dataset === dataset || r.dataset === path);
    if (record) return record;
    const listed = load(file).then((records) => unfold(file, records), () => undefined);
    const answer = await lamella.source.listing(file, path);
    const entry = datasets.get(file);
    if (entry) entry.version = entry.version || answer.version;
    // Most lists are there by now, and then the tree is drawn once.
    await Promise.race([listed, new Promise((resolve) => setTimeout(resolve, LIST_WAIT_MS))]);
    if (!answer.datasets.length) throw new Error(file + ' has no dataset ' + dataset + '.');
    return answer.datasets[0];
  }

  /* The first dataset that can be shown, of one file or of all; null when there is none. */
  async function first(only) {
    const names = only ? [only] : (await list()).map((f) => f.file);
    if (only) list().catch(() => undefined);
    let error = null;
    for (const file of names) {
      let records = [];
      try {
        records = await load(file);
      } catch (failed) {
        if (failed.lost || only) throw failed;
        error = failed;
      }
      const found = likely(records);
      if (found) return { file: file, dataset: found.dataset };
    }
    if (names.length === 1 && error) throw error;
    return null;
  }

  /* A volume is more likely meant than a table of numbers that happens to come first. */
  function likely(records) {
    const shown = records.filter((r) => r.browsable);
    return shown.find((r) => r.shape.length > 2) || shown[0];
  }

  /* A dataset that can be shown instead of one, in its file or anywhere; null when there is none. */
  async function other(file, dataset) {
    try {
      if (!file) return await first(null);
      const found = likely((await load(file)).filter((r) => r.dataset !== dataset));
      return found ? { file: file, dataset: found.dataset } : null;
    } catch (error) {
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

  /* Showing */

  function draw() {
    if (!files) return;
    lamella.controls.set('dataset-tree', { data: folders() });
    lamella.controls.text('tree-message', files.length ? '' : 'There are no HDF5 files under the data roots.');
  }

  /* Files under their folders; a folder that holds nothing but one folder shares its line. */
  function folders() {
    const root = branch();
    files.forEach((file) => {
      const steps = file.file.split('/');
      let place = root;
      steps.slice(0, -1).forEach((step) => {
        if (!place.below.has(step)) place.below.set(step, branch());
        place = place.below.get(step);
      });
      place.leaves.push({ name: steps[steps.length - 1], file: file });
    });
    const shown = nodes(root, 'g:', (leaf) => fileNode(leaf.name, leaf.file));
    if (!allFiles) shown.push(note('files', 'the first ' + count(files.length) + ' files are listed; others open by their link'));
    return shown;
  }

  function branch() {
    return { below: new Map(), leaves: [] };
  }

  function nodes(place, prefix, leafNode) {
    const found = [];
    place.below.forEach((inner, step) => {
      let name = step;
      let at = inner;
      while (!at.leaves.length && at.below.size === 1) {
        const [only, next] = at.below.entries().next().value;
        name += '/' + only;
        at = next;
      }
      const value = prefix + name;
      found.push({ value: value, label: name, kind: 'group', children: nodes(at, value + '/', leafNode) });
    });
    const left = found.length + place.leaves.length - MAX_MEMBERS;
    const members = found.concat(place.leaves.slice(0, Math.max(MAX_MEMBERS - found.length, 0)).map(leafNode));
    if (left <= 0) return members;
    return members.slice(0, MAX_MEMBERS).concat(note(prefix, count(left) + ' more, which open by their link'));
  }

  function fileNode(name, file) {
    const value = fileValue(file.file);
    const known = datasets.get(file.file);
    let children;
    if (known && known.list) children = known.list.length ? groups(file.file, known.list) : [note(value, 'no datasets')];
    else children = [note(value, known && known.error ? known.error : 'reading …', Boolean(known && known.error))];
    if (known && known.list && !known.complete) {
      children.push(note(value + '\n', 'the first ' + count(known.list.length) + ' datasets are listed; others open by their link'));
    }
    return { value: value, label: name, kind: 'file', meta: size(file.size), children: children };
  }

  function note(value, text, wrong) {
    return { value: 'n:' + value, label: text, kind: wrong ? 'error' : 'note' };
  }

  function groups(file, records) {
    const root = branch();
    records.forEach((record) => {
      const steps = record.dataset.split('/').filter(Boolean);
      let place = root;
      steps.slice(0, -1).forEach((step) => {
        if (!place.below.has(step)) place.below.set(step, branch());
        place = place.below.get(step);
      });
      place.leaves.push({ name: steps[steps.length - 1] || '/', record: record });
    });
    return nodes(root, 'g:' + file + '\n', (leaf) => datasetNode(file, leaf.name, leaf.record));
  }

  function datasetNode(file, name, record) {
    // What a broken link would lead to has neither shape nor type: the reason says where it leads.
    const parts = record.dtype ? [shapeText(record.shape), record.dtype] : [];
    if (record.stored_bytes) parts.push(size(record.stored_bytes));
    return {
      value: dataValue(file, record.dataset),
      label: name,
      kind: record.browsable ? 'dataset' : 'refused',
      meta: parts.join(' · '),
      warning: record.browsable && record.reason,
      reason: record.reason || (record.browsable ? record.dataset : 'It cannot be shown.'),
    };
  }

  function shapeText(shape) {
    if (!shape) return 'empty';
    return shape.length ? shape.join('×') : 'scalar';
  }

  function count(number) {
    return number.toLocaleString('en');
  }

  function size(bytes) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let value = bytes;
    let i = 0;
    while (value >= 1000 && i < units.length - 1) {
      value /= 1000;
      i += 1;
    }
    return (i === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)) + ' ' + units[i];
  }

  /* How DMC's tree draws a node. */
  function node(payload) {
    const h = window.React.createElement;
    const item = payload.node;
    const props = payload.elementProps;
    const name = [props.className, 'node', 'node-' + item.kind].filter(Boolean).join(' ');
    return h('div', Object.assign({}, props, { className: name, title: item.reason || item.label }),
      payload.hasChildren ? h('span', { className: 'chevron' + (payload.expanded ? ' open' : '') })
        : h('span', { className: 'node-dot' }),
      h('span', { className: 'node-text' },
        h('span', { className: 'node-label' }, item.label),
        item.meta ? h('span', { className: 'node-meta' }, item.meta) : null,
        item.kind === 'refused' || item.warning ? h('span', { className: 'node-reason' }, item.reason) : null));
  }

  /* Listening */

  function selected(values) {
    const value = (values || [])[0];
    // Dash hears what remark writes as well: without end, where there is nothing to mark.
    if (!value && !marked) return;
    if (!value || !value.startsWith('d:')) {
      remark();
      return;
    }
    const [file, dataset] = value.slice(2).split('\n').map(decodeURIComponent);
    const record = ((datasets.get(file) || {}).list || []).find((r) => r.dataset === dataset);
    if (!record || (marked && value === dataValue(marked.file, marked.dataset))) return;
    if (!record.browsable) {
      lamella.controls.text('tree-message', dataset + ' cannot be shown. ' + (record.reason || ''));
      remark();
      return;
    }
    lamella.controls.text('tree-message', '');
    lamella.shell.closeTree();
    lamella.focus.soon();
    lamella.viewer.open({ file: file, dataset: dataset });
  }

  /* Only the dataset on the screen is marked, whatever was clicked. */
  function remark() {
    const value = marked ? [dataValue(marked.file, marked.dataset)] : [];
    lamella.controls.set('dataset-tree', { selected: value });
  }

  function opened(values) {
    const now = values || [];
    const fresh = now.filter((value) => value.startsWith('f:') && !expanded.includes(value));
    expanded = now.slice();
    fresh.forEach((value) => {
      const file = value.slice(2);
      const known = datasets.get(file);
      if (known && known.list) return;
      load(file).then((records) => unfold(file, records), () => undefined);
    });
  }

  function unfold(file, records) {
    const values = [fileValue(file)];
    if (records.length <= OPEN_ALL_MOST) {
      const walk = (items) => items.forEach((item) => {
        if (item.children) {
          values.push(item.value);
          walk(item.children);
        }
      });
      walk(groups(file, records));
    }
    expand(values);
  }

  function expand(values) {
    const all = Array.from(new Set(expanded.concat(values)));
    if (all.length === expanded.length) return;
    expanded = all;
    lamella.controls.set('dataset-tree', { expanded: all });
  }

  function mark(view) {
    marked = view;
    reveal(view.file);
    remark();
  }

  function unmark() {
    marked = null;
    remark();
  }

  /* Unfold the tree down to the datasets of a file. */
  function reveal(file) {
    if (!file) return;
    const steps = file.split('/').slice(0, -1);
    const above = [];
    for (let i = 0; i < steps.length; i += 1) {
      for (let j = i + 1; j <= steps.length; j += 1) {
        above.push('g:' + (i ? steps.slice(0, i).join('/') + '/' : '') + steps.slice(i, j).join('/'));
      }
    }
    const known = datasets.get(file);
    expand(above);
    unfold(file, known && known.list ? known.list : []);
  }

  function reload() {
    listing = null;
    datasets.clear();
    expanded.filter((v) => v.startsWith('f:')).forEach((v) => load(v.slice(2)).catch(() => undefined));
    return list();
  }

  /* Enter does what a click does; the arrows are DMC's. A click on the node that is selected already changes nothing for
     Dash: over an error it opens the dataset anew. */
  function connect() {
    const root = lamella.controls.element('dataset-tree');
    root.addEventListener('click', (event) => {
      if (!marked || !lamella.notice.failing() || !event.target.closest('.node[data-selected]')) return;
      lamella.shell.closeTree();
      lamella.focus.soon();
      lamella.viewer.open({ file: marked.file, dataset: marked.dataset });
    }, true);
    root.addEventListener('keydown', (event) => {
      const item = event.key === 'Enter' && event.target.closest('[role=treeitem]');
      const row = item && item.querySelector('.node');
      if (row) row.click();
    });
  }

  lamella.tree = {
    connect: connect,
    list: list,
    find: find,
    first: first,
    mark: mark,
    unmark: unmark,
    reveal: reveal,
    selected: selected,
    opened: opened,
    reload: reload,
    other: other,
    failures: failures,
    version: (file) => (datasets.get(file) || {}).version || null,
    empty: () => Boolean(files) && !files.length,
    stale: (file) => datasets.delete(file),
  };
  window.dashMantineFunctions = Object.assign(window.dashMantineFunctions || {}, { lamellaNode: node });
})((window.lamella = window.lamella || {}));
