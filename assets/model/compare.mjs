/* What a view and a link have of a comparison. */

/** @import { View } from './view.mjs' */

/**
 * @typedef {'side' | 'swipe' | 'difference' | 'overlay'} Mode
 * @typedef {Pick<View, 'compare' | 'mode'>} Compared
 */

/** The first one is the default. @type {readonly Mode[]} */
export const MODES = ['side', 'swipe', 'difference', 'overlay'];
/** Where a swipe begins, and how much of the second picture a blend has, unless it is chosen. */
export const SHARE = 0.5;

/** The dataset that a text `FILE|DATASET` names; null for none. @param {string} text */
export function compared(text) {
  const [file, dataset] = text.split('|');
  return file && dataset ? { file, dataset } : null;
}

/** The text of a dataset. @param {{file: string, dataset: string}} one */
const textOf = ({ file, dataset }) => file + '|' + dataset;

/** What a dataset that is opened in the place of another one is compared with: where it was the second one they change sides.
 * @param {View} before @param {{file: string, dataset: string}} opened */
export const comparedAfter = (before, opened) => before.compare === textOf(opened) ? textOf(before) : before.compare;

/** What changes of a view that is compared: the window of a difference is that of one pair.
 * @param {View} view @param {Compared} to
 * @returns {Pick<View, 'compare' | 'mode' | 'difference' | 'views' | 'depth'>} */
export function comparedWith(view, { compare, mode }) {
  return { compare, mode, difference: compare === view.compare ? view.difference : null, views: 1, depth: null };
}
