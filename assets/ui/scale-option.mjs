/* An entry of the list of colour scales, drawn for Dash. */

import { gradient } from '../model/colormap.mjs';

/** @param {DashProps} payload */
export function drawScale({ option }) {
  const h = globalThis.React.createElement;
  const background = gradient(option.value, false);
  return h(
    'div',
    { className: 'scale-option' },
    h('span', { className: 'swatch', style: { background } }),
    h('span', null, option.label),
  );
}
