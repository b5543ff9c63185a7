/* The keyboard's focus: the picture has it whenever an interaction is done, so that keys step through slices at once.

   A mouse that has chosen, dragged or pressed something is done. At the keyboard, Enter and Escape end what is being
   typed or chosen; arrows and Tab go on where they are. Dialogs, open lists and fields keep the focus while in use. */

import { element, isField } from '../render/dom.mjs';

const BUSY = '[role=dialog], [role=listbox], [role=menu]';

/** @typedef {ReturnType<typeof createFocus>} Focus */

/** `onEscape()` is called for Escape where the picture has the focus. @param {{onEscape: () => void}} parts */
export function createFocus({ onEscape }) {
  // What stood in the field when it got the focus, for Escape.
  let before = { node: /** @type {EventTarget | null} */ (null), text: '' };

  function focusPicture() {
    element('plot-frame').focus({ preventScroll: true });
  }

  /* After what the browser and React make of the event. */
  function restore() {
    setTimeout(() => {
      if (!inUse(document.activeElement)) focusPicture();
    }, 0);
  }

  /** @param {Element | null} node */
  function inUse(node) {
    if (openDialog()) return true;
    if (!(node instanceof HTMLElement)) return false;
    return isField(node) || isOpen(node) || Boolean(node.closest(BUSY));
  }

  function openDialog() {
    return Array.from(/** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[role=dialog]'))).some((
      node,
    ) =>
      node.offsetParent !== null ||
      node.getClientRects().length > 0
    );
  }

  /** Whether a list or a popover hangs from this control: Mantine marks lists by data-expanded alone.
   * @param {HTMLElement} node @returns {boolean} */
  function isOpen(node) {
    return node.hasAttribute('data-expanded') || Boolean(node.closest('[aria-haspopup][aria-expanded=true]'));
  }

  /** @param {MouseEvent} event */
  function clicked(event) {
    if (!event.detail || !(event.target instanceof Element)) return;
    // The buttons in a number field give it the focus, though no text is being typed.
    if (event.target.closest('.mantine-NumberInput-control')) setTimeout(focusPicture, 0);
    else restore();
  }

  /** Runs before React's handlers, which close what is open now. @param {KeyboardEvent} event */
  function pressed(event) {
    const node = event.target;
    if (!(node instanceof HTMLElement) || event.isComposing || !['Enter', 'Escape'].includes(event.key)) return;
    if (openDialog()) {
      // A popover hears Escape only where the focus is inside.
      if (event.key === 'Escape' && node.matches('[aria-haspopup=dialog][aria-expanded=true]')) node.click();
      return;
    }
    const field = isField(node);
    const done = field || isOpen(node);
    // What Enter opens from there may be a file, whose datasets are chosen next.
    if (event.key === 'Enter' && node.closest('#tree-filter')) return;
    if (event.key === 'Enter') {
      if (done || node.matches('input[type=radio]')) setTimeout(focusPicture, 0);
      return;
    }
    if (field) restoreText(/** @type {HTMLInputElement} */ (node));
    if (done || node.closest('#dataset-tree, input')) setTimeout(focusPicture, 0);
    else onEscape();
  }

  /** The text as it was, for React too: it would take what was typed when the field is left.
   * @param {HTMLInputElement} field */
  function restoreText(field) {
    if (before.node !== field || field.value === before.text) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set?.call(field, before.text);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }

  function start() {
    document.addEventListener('click', clicked);
    document.addEventListener('keydown', pressed, true);
    document.addEventListener('focusin', ({ target }) => {
      before = { node: target, text: isField(target) ? /** @type {HTMLInputElement} */ (target).value : '' };
    });
    element('plot-frame').addEventListener('pointerdown', focusPicture, true);
  }

  /* A button was pressed: it may be gone, and the focus with it. */
  function restoreIfLost() {
    const { activeElement } = document;
    if (!(activeElement instanceof HTMLElement) || activeElement === document.body || !activeElement.offsetParent) {
      restore();
    }
  }

  return { start, focusPicture, restore, restoreIfLost };
}
