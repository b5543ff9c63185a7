/* All keys and gestures, by group. */

import { KEYS } from '../../model/keys.mjs';
import { createModal, make } from './modal.mjs';
/** @import { Focus } from '../focus.mjs' */

/** @param {{focus: Pick<Focus, 'focusPicture'>}} parts */
export function createKeysHelp({ focus }) {
  const node = createModal('help', 'Keys and gestures', focus);
  const close = make('button', { type: 'button', className: 'text-button', textContent: 'Close' });
  close.addEventListener('click', () => node.close());
  node.append(
    make('div', { className: 'modal-head' }, make('h2', { textContent: 'Keys and gestures' }), close),
    make(
      'div',
      { className: 'help-groups', tabIndex: 0, role: 'region', ariaLabel: 'Keys by group' },
      ...KEYS.map(({ title, keys }) =>
        make(
          'section',
          {},
          make('h3', { textContent: title }),
          make(
            'dl',
            {},
            ...keys.map(([key, text]) =>
              make('div', {}, make('dt', {}, make('kbd', { textContent: key })), make('dd', { textContent: text }))
            ),
          ),
        )
      ),
    ),
  );
  return { open: () => node.showModal() };
}
