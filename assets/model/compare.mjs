/* What a link says of a comparison. */

/** @typedef {'side' | 'swipe' | 'difference' | 'overlay'} Mode */

/** The first one is the default. @type {readonly Mode[]} */
export const MODES = ['side', 'swipe', 'difference', 'overlay'];

/** The dataset that a text `FILE|DATASET` names; null for none. @param {string} text */
export function compared(text) {
  const [file, dataset] = text.split('|');
  return file && dataset ? { file, dataset } : null;
}
