/* The part of a view that says how values become colours. */

import { DIVERGING } from './color-tables.mjs';
import { COLORSCALES, NORMS } from './colormap.mjs';
/** @import { Ends } from './colormap.mjs' */
/** @import { Meaning } from './meaning.mjs' */
/** @import { View } from './view.mjs' */

/** @typedef {Pick<View, 'window' | 'norm' | 'colorscale' | 'reverse' | 'centre' | 'clip'>} Coloring */

/** @param {View} view @returns {Coloring} */
export function coloringOf({ window, norm, colorscale, reverse, centre, clip }) {
  return { window, norm, colorscale, reverse, centre, clip };
}

/** What a difference has of the colours of a view: a diverging scale, and a norm of both signs.
 * @param {Pick<Coloring, 'norm' | 'colorscale' | 'reverse'>} coloring */
export function differenceColoring({ norm, colorscale, reverse }) {
  const isDiverging = DIVERGING.includes(colorscale);
  return {
    norm: norm === 'symlog' || norm === 'asinh' ? norm : /** @type {const} */ ('linear'),
    colorscale: isDiverging ? colorscale : 'rdbu',
    reverse: isDiverging && reverse,
  };
}

/** Half the window of a difference, of which one end was moved: the other one is as far from zero.
 * @param {Ends} before @param {Ends} moved */
export const halfOf = (before, { lo, hi }) => Math.abs(hi === before.hi ? lo : hi);

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
