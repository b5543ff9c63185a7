/* The kinds of picture: values in colours of a scale, colours themselves, labels, and masks. */

import { startOf } from './meaning.mjs';
import { withAxis, withSide } from './plane.mjs';
/** @import { Kind, Meaning } from './meaning.mjs' */
/** @import { PlaneChange, Side } from './plane.mjs' */
/** @import { View } from './view.mjs' */

/** @type {readonly Kind[]} */
export const KINDS = ['values', 'color', 'labels', 'mask'];

/** The kinds that a dataset can be shown as, the one that it means first.
 * @param {Meaning | null} meaning @param {string} dtype @returns {Kind[]} */
export function kindsOf(meaning, dtype) {
  /** @type {Set<Kind>} */
  const kinds = new Set([meaning?.kind || 'values', 'values']);
  if (/^(u?int\d+|bool)$/.test(dtype)) kinds.add('labels');
  return Array.from(kinds);
}

/** Whether each value has a colour of its own. @param {Pick<View, 'kind'>} view */
export const isCategorical = ({ kind }) => kind === 'labels' || kind === 'mask';

/** The dimension of a colour picture's channels; null for other pictures, and for places in a palette.
 * @param {Pick<View, 'kind' | 'meaning'>} view @returns {number | null} */
export const channelDimension = ({ kind, meaning }) => (kind === 'color' && meaning ? meaning.channels : null);

/** The change of a view that is shown as another kind: channels are no dimension of a colour picture, and one to slice of
 * any other. @param {View} view @param {Kind} kind @returns {PlaneChange & {kind?: Kind}} */
export function withKind(view, kind) {
  if (kind === view.kind || !kindsOf(view.meaning, view.dtype).includes(kind)) return {};
  const { axis, shape, meaning } = view;
  if (kind !== 'color') {
    return { kind, axis: axis === null && shape.length > 2 ? channelDimension(view) : axis };
  }
  const channels = /** @type {Meaning} */ (meaning).channels;
  const start = startOf(shape, meaning);
  if (channels === null || !start || ![axis, view.rows, view.cols].includes(channels)) return { kind };
  if (axis === channels) return { kind, axis: start.axis };
  return { kind, axis: start.axis, rows: start.rows, cols: start.cols, x: null, y: null };
}

/** As withAxis and withSide; a colour picture's channels are shown as values then.
 * @param {View} view @param {number} dimension @param {Side} [side] @returns {PlaneChange & {kind?: Kind}} */
export function withDimension(view, dimension, side) {
  const change = dimension === channelDimension(view) ? withKind(view, 'values') : {};
  const before = Object.assign({}, view, change);
  return Object.assign(change, side ? withSide(before, side, dimension) : withAxis(before, dimension));
}
