/* What the pointer is on: the hover label, the line under the plot, and the exact voxel behind a cell. */

import {
  cellBlock,
  cellText,
  escapeMarkup,
  formatIndices,
  formatPooling,
  isCoarse,
  POOL_NAMES,
  voxelOf,
  withName,
} from '../model/cells.mjs';
import { formatSign } from '../model/number-format.mjs';
import { setParts, setText } from './dom.mjs';

const EXACT_DELAY_MS = 120;
const MAX_CACHED = 500;

export function createReadout({ api, plot }) {
  let timer = 0;
  let control = null;

  // Voxels that were fetched, {text, name} by state of the dataset and index; names of an enum by state and value.
  let voxels = new Map();
  let names = new Map();
  let hovered = null;

  function nameKey(request, text) {
    return request.generation + ' ' + text;
  }

  /* The value of a cell as text, with its name where it is one of an enum. */
  function valueOf(request, cells, r, c) {
    const text = cellText(cells, r, c);
    return withName(text, cells.isEnum ? names.get(nameKey(request, text)) : null);
  }

  /* The exact voxel behind a cell as text; empty while it is not known, or where the cell has all of it. */
  function exactOf(request, cells, block) {
    const voxel = voxelOf(request, cells, block);
    const found = voxels.get(voxel.key);
    if (!found || !isCoarse(request, cells)) return '';
    return '[' + voxel.index.join(', ') + '] = ' + withName(formatSign(found.text), found.name);
  }

  function label(request, cells, r, c) {
    const block = cellBlock(request, cells, r, c);
    const lines = ['<b>' + escapeMarkup(valueOf(request, cells, r, c)) + '</b>', formatIndices(request, block)];
    if (cells.step > 1) lines.push(formatPooling(cells, block));
    const exact = exactOf(request, cells, block);
    if (exact) lines.push(escapeMarkup(exact));
    return lines.join('<br>');
  }

  function hover(r, c) {
    const scene = plot.scene();
    if (!scene || !scene.cells.z[r]) return;
    hovered = [r, c];
    const { request, cells } = scene;
    const block = cellBlock(request, cells, r, c);
    render(cells, request, block, r, c);
    clearTimeout(timer);
    if (control) control.abort();
    const unnamed = cells.isEnum && !names.has(nameKey(request, cellText(cells, r, c)));
    if (!unnamed && !isCoarse(request, cells)) return;
    if (!voxels.has(voxelOf(request, cells, block).key)) {
      timer = setTimeout(() => fetchVoxel(cells, request, block, r, c), EXACT_DELAY_MS);
    }
  }

  function render(cells, request, block, r, c) {
    const parts = [];
    const part = (text, name) => parts.push([text, name]);
    part(formatIndices(request, block), 'at');
    if (cells.step > 1) part(POOL_NAMES[cells.meta.pool], 'how');
    part(valueOf(request, cells, r, c), 'value');
    const exact = exactOf(request, cells, block);
    if (exact) part(exact, 'exact');
    setParts('readout', parts);
  }

  /* Ask for the voxel that stands for a cell, as the file has it; it is not counted as a slice. */
  async function fetchVoxel(cells, request, block, r, c) {
    const voxel = voxelOf(request, cells, block);
    const { file, dataset } = request.query;
    const address = api.url('/api/v1/value', { file, dataset, index: voxel.index.join(',') });
    control = new AbortController();
    let found;
    try {
      const response = await api.fetchOk(address, { signal: control.signal }, request.generation);
      found = await response.json();
    } catch {
      // The cell's own value stays; the next move asks again.
      return;
    }
    if (voxels.size > MAX_CACHED) voxels = new Map();
    voxels.set(voxel.key, found);
    if (cells.isEnum) {
      if (names.size > MAX_CACHED) names = new Map();
      names.set(nameKey(request, formatSign(found.text)), found.name);
    }
    const scene = plot.scene();
    if (!scene || scene.cells !== cells || !hovered || hovered[0] !== r || hovered[1] !== c) return;
    render(cells, request, block, r, c);
    plot.refreshHover();
  }

  /* Other values have come under the pointer. */
  function refresh(cells) {
    if (!hovered) return;
    if (!cells.z[hovered[0]] || hovered[1] >= cells.cols) clear();
    else hover(hovered[0], hovered[1]);
  }

  function clear() {
    hovered = null;
    clearTimeout(timer);
    if (control) control.abort();
    setParts('readout', []);
  }

  /* What one cell of the picture is. */
  function detail(cells) {
    const size = cells.cols + ' × ' + cells.rows + ' cells';
    const each = cells.step === 1
      ? 'every voxel'
      : POOL_NAMES[cells.meta.pool] + ' of ' + cells.colStep + ' × ' + cells.rowStep;
    setText('readout-detail', size + ' · ' + each);
  }

  return { label, hover, clear, refresh, detail };
}
