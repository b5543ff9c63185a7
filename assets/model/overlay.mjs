/* Labels of a dataset drawn over the values of another one of the same file and shape. */

import { MISSING_CODE } from './codes.mjs';
import { isCategorical } from './kinds.mjs';
/** @import { LabelChoice } from './labels.mjs' */
/** @import { DatasetRecord, View } from './view.mjs' */
/** @import { SliceQuery } from './viewport.mjs' */

/** @typedef {{labels: LabelChoice, opacity: number}} Overlay How labels are drawn over values: 0 not at all, 1 opaque. */

export const OPACITY = 0.5;
// Of more than these, only those are offered that are called labels; of thousands, a list takes seconds to be drawn.
const MOST_OF_ANY_NAME = 8;
const MOST = 60;
const NAMED = /label|segment|(^|[_\W])seg($|[_\W\d])|instance|annotation|mask|class|_ids?$/i;

/** The dataset whose labels are drawn over a view; empty for none. @param {Pick<View, 'kind' | 'overlay'>} view */
export const overlayOf = (view) => (view.kind === 'values' && view.overlay) || '';

/** The datasets that can be drawn over a view, or of labels those that these can be drawn over, in the order of the
 * list. @param {View} view @param {readonly DatasetRecord[]} records @returns {string[]} */
export function overlaysFor(view, records) {
  if (view.kind === 'color') return [];
  const fits = isCategorical(view) ? /^(u?int|float)\d+$/ : /^(u?int\d+|bool)$/;
  const { shape } = view;
  /** @type {string[]} */
  const found = [];
  for (const record of records) {
    if (!record.browsable || record.shape.length !== shape.length || record.dataset === view.dataset) continue;
    if (shape.every((n, d) => n === record.shape[d]) && fits.test(record.dtype)) found.push(record.dataset);
  }
  const named = found.length > MOST_OF_ANY_NAME && !isCategorical(view)
    ? found.filter((one) => NAMED.test(one))
    : found;
  return named.slice(0, MOST);
}

/** The query of the labels over a slice; null for none. They are planned for beside the picture.
 * @param {Pick<View, 'kind' | 'overlay'>} view @param {SliceQuery} query @returns {SliceQuery | null} */
export function overlayQuery(view, { file, selection, viewer, ahead }) {
  const dataset = overlayOf(view);
  if (!dataset) return null;
  /** @type {SliceQuery} */
  const labels = { file, dataset, selection, format: 'raw', pool: 'nearest', part: null };
  return Object.assign(labels, viewer && { viewer, beside: /** @type {const} */ (1) }, ahead && { ahead });
}

/** The colours of values, as words by their codes, under each label, row by row: those of code 0, the background, and of
 * what is missing let the values alone.
 * @param {Uint32Array} values @param {Uint32Array} labels @param {number} opacity @returns {Uint32Array<ArrayBuffer>} */
export function overlayTable(values, labels, opacity) {
  const table = new Uint32Array(256 * 256);
  const above = Math.round(256 * opacity);
  const below = 256 - above;
  for (let label = 0; label < 256; label += 1) {
    const isClear = label === 0 || label === MISSING_CODE;
    const [red, green] = [labels[label] & 0xff00ff, labels[label] & 0xff00];
    for (let code = 0; code < 256; code += 1) {
      const word = values[code];
      table[256 * label + code] = isClear ? word : (0xff000000 |
        ((((word & 0xff00ff) * below + red * above) >>> 8) & 0xff00ff) |
        ((((word & 0xff00) * below + green * above) >>> 8) & 0xff00)) >>> 0;
    }
  }
  return table;
}

/** The pixels of codes with those of labels over them.
 * @param {Uint8Array} codes @param {Uint8Array} labels @param {Uint32Array} table See overlayTable.
 * @param {Uint32Array<ArrayBuffer>} out @returns {Uint32Array<ArrayBuffer>} */
export function overlaid(codes, labels, table, out = new Uint32Array(codes.length)) {
  for (let i = 0; i < codes.length; i += 1) out[i] = table[(labels[i] << 8) | codes[i]];
  return out;
}
