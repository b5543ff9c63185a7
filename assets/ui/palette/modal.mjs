/* A dialog over the page: Escape and a click beside it close it, and the picture has the focus again. */

/** @import { Focus } from '../focus.mjs' */

/** @param {string} id @param {string} label @param {Pick<Focus, 'focusPicture'>} focus */
export function createModal(id, label, focus) {
  const node = document.createElement('dialog');
  node.id = id;
  node.className = 'modal';
  node.setAttribute('role', 'dialog');
  node.setAttribute('aria-label', label);
  // The page's keys are none of the dialog's.
  node.addEventListener('keydown', (event) => event.stopPropagation());
  node.addEventListener('click', (event) => {
    event.stopPropagation();
    if (event.target === node) node.close();
  });
  node.addEventListener('close', () => focus.focusPicture());
  document.body.append(node);
  return node;
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @param {(Node | string)[]} children @returns {HTMLElementTagNameMap[T]} */
export function make(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}
