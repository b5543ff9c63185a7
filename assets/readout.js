/* What the pointer is on: the hover label, the line under the plot, and the exact voxel behind a cell. */
(function (lamella) {
  'use strict';

  const EXACT_DELAY_MS = 120;
  const MAX_CACHED = 500;

  const SHORT = { mean: 'mean', max: 'maximum', nearest: 'first' };

  let timer = 0;
  let control = null;
  // Voxels that were asked for, {text, name} by state of the dataset and index; names of an enum by state and value.
  let voxels = new Map();
  let names = new Map();
  let under = null;

  /* The voxels of a cell: [first, end) of its rows and columns. */
  function block(wanted, cells, r, c) {
    const rows = wanted.shape[wanted.rows];
    const cols = wanted.shape[wanted.cols];
    const top = cells.row0 + r * cells.rowStep;
    const left = cells.col0 + c * cells.colStep;
    return { rows: [top, Math.min(top + cells.rowStep, rows)], cols: [left, Math.min(left + cells.colStep, cols)] };
  }

  function indices(wanted, place) {
    const one = ([from, end]) => (end - from === 1 ? String(from) : from + '–' + (end - 1));
    return '[' + wanted.shape.map((_, d) => {
      if (d === wanted.rows) return one(place.rows);
      if (d === wanted.cols) return one(place.cols);
      return String(wanted.position[d]);
    }).join(', ') + ']';
  }

  function how(cells, place) {
    const count = (place.cols[1] - place.cols[0]) + ' × ' + (place.rows[1] - place.rows[0]);
    if (cells.meta.pool === 'nearest') return 'first of ' + count + ' voxels';
    return cells.meta.pool + ' of ' + count + ' voxels';
  }

  /* All digits of a cell's value. */
  function digits(cells, r, c) {
    if (cells.integers) return lamella.scale.exact(cells.integers[r * cells.cols + c], cells.dtype);
    const value = cells.z[r][c];
    return cells.dtype === 'bool' ? (value ? 'True' : 'False') : lamella.scale.exact(value, cells.dtype);
  }

  function nameKey(wanted, text) {
    return wanted.generation + ' ' + text;
  }

  /* The value of a cell as text, with its name where it is one of an enum. */
  function valueOf(wanted, cells, r, c) {
    const text = digits(cells, r, c);
    return named(text, cells.isEnum ? names.get(nameKey(wanted, text)) : null);
  }

  function named(text, name) {
    return name ? text + ' · ' + name : text;
  }

  /* The voxel that stands for a cell: of a block its first one where that is what is shown, else the one in the middle. */
  function voxelOf(wanted, cells, place) {
    const middle = ([from, end]) => (cells.meta.pool === 'nearest' ? from : Math.floor((from + end - 1) / 2));
    const row = middle(place.rows);
    const col = middle(place.cols);
    const index = wanted.shape.map((_, d) => (d === wanted.rows ? row : d === wanted.cols ? col : wanted.position[d]));
    return { index: index, key: JSON.stringify([wanted.generation, wanted.query.file, wanted.query.dataset, index]) };
  }

  /* The exact voxel behind a cell as text; empty while it is not known, or where the cell has all of it. */
  function exactOf(wanted, cells, place) {
    const voxel = voxelOf(wanted, cells, place);
    const found = voxels.get(voxel.key);
    if (!found || !isCoarse(wanted, cells)) return '';
    return '[' + voxel.index.join(', ') + '] = ' + named(lamella.scale.signed(found.text), found.name);
  }

  /* Whether the file has more than a cell says: a block of voxels, or a complex value of which one part is shown. */
  function isCoarse(wanted, cells) {
    return cells.step > 1 || Boolean(wanted.part);
  }

  /* Names are the file's, and Plotly takes markup in labels. */
  function plain(text) {
    return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  }

  function label(wanted, cells, r, c) {
    const place = block(wanted, cells, r, c);
    const lines = ['<b>' + plain(valueOf(wanted, cells, r, c)) + '</b>', indices(wanted, place)];
    if (cells.step > 1) lines.push(how(cells, place));
    const exact = exactOf(wanted, cells, place);
    if (exact) lines.push(plain(exact));
    return lines.join('<br>');
  }

  function hover(r, c) {
    const scene = lamella.plot.scene();
    if (!scene || !scene.cells.z[r]) return;
    under = [r, c];
    const { wanted, cells } = scene;
    const place = block(wanted, cells, r, c);
    say(cells, wanted, place, r, c);
    clearTimeout(timer);
    if (control) control.abort();
    const unnamed = cells.isEnum && !names.has(nameKey(wanted, digits(cells, r, c)));
    if (!unnamed && !isCoarse(wanted, cells)) return;
    if (!voxels.has(voxelOf(wanted, cells, place).key)) {
      timer = setTimeout(() => fetchVoxel(cells, wanted, place, r, c), EXACT_DELAY_MS);
    }
  }

  function say(cells, wanted, place, r, c) {
    const node = lamella.controls.element('readout');
    node.replaceChildren();
    const part = (text, name) => {
      const span = document.createElement('span');
      span.className = name;
      span.textContent = text;
      node.append(span);
    };
    part(indices(wanted, place), 'at');
    if (cells.step > 1) part(SHORT[cells.meta.pool], 'how');
    part(valueOf(wanted, cells, r, c), 'value');
    const exact = exactOf(wanted, cells, place);
    if (exact) part(exact, 'exact');
  }

  /* Ask for the voxel that stands for a cell, as the file has it; it is not counted as a slice. */
  async function fetchVoxel(cells, wanted, place, r, c) {
    const voxel = voxelOf(wanted, cells, place);
    const { file, dataset } = wanted.query;
    const address = lamella.source.url('/api/v1/value', { file: file, dataset: dataset, index: voxel.index.join(',') });
    control = new AbortController();
    let found;
    try {
      const response = await lamella.source.ask(address, { signal: control.signal }, wanted.generation);
      found = await response.json();
    } catch (error) {
      // The cell's own value stays; the next move asks again.
      return;
    }
    if (voxels.size > MAX_CACHED) voxels = new Map();
    voxels.set(voxel.key, found);
    if (cells.isEnum) {
      if (names.size > MAX_CACHED) names = new Map();
      names.set(nameKey(wanted, lamella.scale.signed(found.text)), found.name);
    }
    const scene = lamella.plot.scene();
    if (!scene || scene.cells !== cells || !under || under[0] !== r || under[1] !== c) return;
    say(cells, wanted, place, r, c);
    lamella.plot.rehover();
  }

  /* Other values have come under the pointer. */
  function again(cells) {
    if (!under) return;
    if (!cells.z[under[0]] || under[1] >= cells.cols) leave();
    else hover(under[0], under[1]);
  }

  function leave() {
    under = null;
    clearTimeout(timer);
    if (control) control.abort();
    lamella.controls.element('readout').replaceChildren();
  }

  /* What one cell of the picture is. */
  function detail(cells) {
    const size = cells.cols + ' × ' + cells.rows + ' cells';
    const each = cells.step === 1 ? 'every voxel'
      : SHORT[cells.meta.pool] + ' of ' + cells.colStep + ' × ' + cells.rowStep;
    lamella.controls.text('readout-detail', size + ' · ' + each);
  }

  lamella.readout = { label: label, digits: digits, hover: hover, leave: leave, clear: leave, again: again, detail: detail };
})((window.lamella = window.lamella || {}));
