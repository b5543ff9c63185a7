/* What the pointer is on: the hover label, the line under the plot, and the exact voxel of a pooled cell. */
(function (lamella) {
  'use strict';

  const EXACT_DELAY_MS = 120;

  const SHORT = { mean: 'mean', max: 'maximum', nearest: 'first' };

  let timer = 0;
  let control = null;
  let exact = new Map();
  let under = null;

  const number = (value) => lamella.scale.number(value, 7);

  /* The voxels of a cell: [first, end) of its rows and columns. */
  function block(wanted, cells, r, c) {
    const rows = wanted.shape[wanted.rows];
    const cols = wanted.shape[wanted.cols];
    const top = cells.row0 + r * cells.step;
    const left = cells.col0 + c * cells.step;
    return { rows: [top, Math.min(top + cells.step, rows)], cols: [left, Math.min(left + cells.step, cols)] };
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
    const count = (place.rows[1] - place.rows[0]) + ' × ' + (place.cols[1] - place.cols[0]);
    if (cells.meta.pool === 'nearest') return 'first of ' + count + ' voxels';
    return cells.meta.pool + ' of ' + count + ' voxels';
  }

  function label(wanted, cells, r, c) {
    const place = block(wanted, cells, r, c);
    const value = number(cells.z[r][c]);
    const text = '<b>' + value + '</b><br>' + indices(wanted, place);
    return cells.step === 1 ? text : text + '<br>' + how(cells, place);
  }

  function hover(r, c) {
    const scene = lamella.plot.scene();
    if (!scene || !scene.cells.z[r]) return;
    under = [r, c];
    const { wanted, cells } = scene;
    const place = block(wanted, cells, r, c);
    say(cells, wanted, place, r, c, '');
    clearTimeout(timer);
    if (control) control.abort();
    if (cells.step > 1) timer = setTimeout(() => fetchExact(cells, wanted, place, r, c), EXACT_DELAY_MS);
  }

  function say(cells, wanted, place, r, c, voxel) {
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
    part(number(cells.z[r][c]), 'value');
    if (voxel) part(voxel, 'exact');
  }

  /* The voxel in the middle of a pooled cell as the file has it; not counted as a slice. */
  async function fetchExact(cells, wanted, place, r, c) {
    const row = Math.floor((place.rows[0] + place.rows[1] - 1) / 2);
    const col = Math.floor((place.cols[0] + place.cols[1] - 1) / 2);
    const selection = lamella.address.selection(wanted, { step: 1, rows: [row, row + 1], cols: [col, col + 1] });
    const at = indices(wanted, { rows: [row, row + 1], cols: [col, col + 1] });
    const query = { file: wanted.query.file, dataset: wanted.query.dataset, selection: selection,
      part: wanted.query.part };
    const key = JSON.stringify([wanted.generation, query]);
    if (!exact.has(key)) {
      control = new AbortController();
      try {
        const address = lamella.source.url('/api/v1/slice', query);
        const response = await lamella.source.ask(address, { signal: control.signal }, wanted.generation);
        const values = lamella.source.convert({
          bytes: await response.arrayBuffer(),
          dtype: response.headers.get('X-Slice-Dtype'),
          shape: [1, 1],
        });
        if (exact.size > 500) exact = new Map();
        exact.set(key, values.z[0][0]);
      } catch (error) {
        return;
      }
    }
    const scene = lamella.plot.scene();
    if (scene && scene.cells === cells) say(cells, wanted, place, r, c, at + ' = ' + number(exact.get(key)));
  }

  /* Another slice has come under the pointer. */
  function again(cells) {
    if (!under || !cells.z[under[0]] || under[1] >= cells.cols) leave();
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
      : SHORT[cells.meta.pool] + ' of ' + cells.step + ' × ' + cells.step;
    lamella.controls.text('readout-detail', size + ' · ' + each);
  }

  lamella.readout = { label: label, hover: hover, leave: leave, clear: leave, again: again, detail: detail };
})((window.lamella = window.lamella || {}));
