/* Colours and window of the difference of two pictures. */

import { DIVERGING } from './color-tables.mjs';
/** @import { Coloring } from './coloring.mjs' */
/** @import { Ends } from './colormap.mjs' */

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
