/* The part of a view that says how values become colours. */

import { COLORSCALES, NORMS } from './colormap.mjs';
/** @import { Meaning } from './meaning.mjs' */
/** @import { View } from './view.mjs' */

/** @typedef {Pick<View, 'window' | 'norm' | 'colorscale' | 'reverse' | 'centre' | 'clip'>} Coloring */

/** @param {View} view @returns {Coloring} */
export function coloringOf({ window, norm, colorscale, reverse, centre, clip }) {
  return { window, norm, colorscale, reverse, centre, clip };
}

/** The colours that the author of a file wants, as far as there are such here.
 * @param {Meaning | null} meaning @returns {Partial<Coloring>} */
export function suggestedBy(meaning) {
  const { colorscale, window, norm } = meaning?.suggested || {};
  const name = (colorscale || '').toLowerCase();
  const [lo, hi] = window || [];
  return {
    colorscale: COLORSCALES.find((one) => one === name.replace(/_r$/, '')),
    reverse: /_r$/.test(name),
    norm: NORMS.find((one) => one === norm),
    window: lo < hi ? [lo, hi] : undefined,
  };
}
