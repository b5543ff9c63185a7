/* What the pointer is on: the hover label, the line under the plot, and the exact voxel behind a cell. */

import {
  cellBlock,
  cellText,
  escapeMarkup,
  formatCoordinates,
  formatIndices,
  formatPooling,
  isCoarse,
  POOL_NAMES,
  voxelOf,
  withName,
} from '../model/cells.mjs';
import { datesOf } from '../model/dates.mjs';
import { flagName, valueUnit } from '../model/meaning.mjs';
import { projectionOf, projectionText } from '../model/projection.mjs';
import { formatSign } from '../model/number-format.mjs';
import { setParts, setText } from './dom.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { Block, Cells, Values, ValuesRequest } from '../model/cells.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Plot } from './plot.mjs' */

/** @typedef {ReturnType<typeof createReadout>} Readout */

const EXACT_DELAY_MS = 120;
const MAX_CACHED = 500;

/** @param {{api: Pick<Api, 'url' | 'fetchOk'>, plot: Pick<Plot, 'scene' | 'refreshHover'>}} parts */
export function createReadout({ api, plot }) {
  let timer = 0;
  /** @type {AbortController | null} */
  let control = null;

  /** Voxels that were fetched, by state of the dataset and index. @type {Map<string, {text: string, name?: string}>} */
  let voxels = new Map();
  /** Names of an enum by state and value. @type {Map<string, string | undefined>} */
  let names = new Map();
  /** The row and column of a cell. @type {[number, number] | null} */
  let hovered = null;

  /** @param {ValuesRequest} request @param {string} text @returns {string} */
  function nameKey(request, text) {
    return request.generation + ' ' + text;
  }

  /** The value of a cell as text, with its name where it is one of an enum.
   * @param {ValuesRequest} request @param {Cells} cells @param {number} r @param {number} c @returns {string} */
  function valueOf(request, cells, r, c) {
    const text = cellText(cells, r, c);
    const { meaning } = request.view;
    const ownValues = !['mean', 'sum', 'sd'].includes(projectionOf(request.view)?.reduction || '');
    const flags = meaning && ownValues && !cells.dtype.startsWith('float') ? meaning.value.flags : [];
    const name = cells.isEnum
      ? names.get(nameKey(request, text))
      : flagName(flags, cells.z[r][c]) || dateOf(request, cells, r, c);
    const unit = valueUnit(request.view);
    return withName(unit && !name ? text + ' ' + unit : text, name);
  }

  /** The date that the value of a cell is; empty where it is none.
   * @param {ValuesRequest} request @param {Cells} cells @param {number} r @param {number} c */
  function dateOf(request, cells, r, c) {
    const value = cells.z[r][c];
    const dates = value === cells.fill ? null : datesOf(request.view);
    return dates ? dates.text(cells.integers ? cells.integers[r * cells.cols + c] : value) : '';
  }

  /** The exact voxel behind a cell as text; empty while it is not known, or where the cell has all of it.
   * @param {ValuesRequest} request @param {Cells} cells @param {Block} block @returns {string} */
  function exactOf(request, cells, block) {
    const voxel = voxelOf(request, cells, block);
    const found = voxels.get(voxel.key);
    if (!found || !isCoarse(request, cells)) return '';
    return '[' + voxel.index.join(', ') + '] = ' + withName(formatSign(found.text), found.name);
  }

  /** @param {ValuesRequest} request @param {Cells} cells @param {number} r @param {number} c @returns {string} */
  function label(request, cells, r, c) {
    const block = cellBlock(request, cells, r, c);
    const lines = ['<b>' + escapeMarkup(valueOf(request, cells, r, c)) + '</b>', formatIndices(request, block)];
    if (cells.overlay) lines.push(labelText(cells.overlay, r, c));
    const where = formatCoordinates(request, block);
    if (where.length) lines.push(escapeMarkup(where.join(', ')));
    if (request.query.project) lines.push(projectionText(request.view));
    if (cells.step > 1) lines.push(formatPooling(cells, block));
    const exact = exactOf(request, cells, block);
    if (exact) lines.push(escapeMarkup(exact));
    return lines.join('<br>');
  }

  /** @param {number} r @param {number} c */
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

  /** @param {Cells} cells @param {ValuesRequest} request @param {Block} block @param {number} r @param {number} c */
  function render(cells, request, block, r, c) {
    /** @type {[text: string, name: string][]} */
    const parts = [];
    /** @param {string} text @param {string} name */
    const part = (text, name) => parts.push([text, name]);
    part(formatIndices(request, block), 'at');
    const where = formatCoordinates(request, block);
    if (where.length) part(where.join(' · '), 'where');
    if (request.query.project) part(projectionText(request.view), 'how');
    if (cells.step > 1) part(POOL_NAMES[cells.meta.pool], 'how');
    part(valueOf(request, cells, r, c), 'value');
    if (cells.overlay) part(labelText(cells.overlay, r, c), 'label');
    const exact = exactOf(request, cells, block);
    if (exact) part(exact, 'exact');
    setParts('readout', parts);
  }

  /** Ask for the voxel that stands for a cell, as the file has it; it is not counted as a slice.
   * @param {Cells} cells @param {ValuesRequest} request @param {Block} block @param {number} r @param {number} c */
  async function fetchVoxel(cells, request, block, r, c) {
    const voxel = voxelOf(request, cells, block);
    const { file, dataset } = request.query;
    const address = api.url('/api/v1/value', {
      file,
      dataset,
      index: voxel.index.join(','),
      decode: request.query.decode,
    });
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

  /** Other values have come under the pointer. @param {Cells} cells */
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

  /** What one cell of the picture is. @param {Cells} cells @param {View} view */
  function detail(cells, view) {
    const size = cells.cols + ' × ' + cells.rows + ' cells';
    const each = cells.step === 1
      ? 'every voxel'
      : POOL_NAMES[cells.meta.pool] + ' of ' + cells.colStep + ' × ' + cells.rowStep;
    setText('readout-detail', [size, each, projectionText(view)].filter(Boolean).join(' · '));
  }

  return { label, hover, clear, refresh, detail };
}

/** The label over a cell. @param {Values} overlay @param {number} r @param {number} c */
const labelText = (overlay, r, c) => 'label ' + cellText(overlay, r, c);
