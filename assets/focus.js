/* The keyboard's focus: the picture has it whenever what is in hand is done, so that keys turn slices at once.

   A mouse that has chosen, dragged or pressed something is done. At the keyboard, Enter and Escape end what is being
   typed or chosen; arrows and Tab go on where they are. Dialogs, open lists and fields keep the focus while in use. */
(function (lamella) {
  'use strict';

  const BUSY = '[role=dialog], [role=listbox], [role=menu]';

  // What stood in the field when it got the focus, for Escape.
  let before = { node: null, text: '' };

  function picture() {
    lamella.controls.element('plot-frame').focus({ preventScroll: true });
  }

  /* After what the browser and React make of the event. */
  function soon() {
    setTimeout(() => {
      if (!inUse(document.activeElement)) picture();
    }, 0);
  }

  function inUse(node) {
    if (openDialog()) return true;
    if (!(node instanceof HTMLElement)) return false;
    return lamella.controls.isField(node) || isOpen(node) || Boolean(node.closest(BUSY));
  }

  function openDialog() {
    return Array.from(document.querySelectorAll('[role=dialog]')).some((node) => node.offsetParent !== null ||
      node.getClientRects().length > 0);
  }

  /* Whether a list or a popover hangs from this control: Mantine marks lists by data-expanded alone, and popovers on an
     element around their button. */
  function isOpen(node) {
    return node.hasAttribute('data-expanded') || Boolean(node.closest('[aria-haspopup][aria-expanded=true]'));
  }

  function clicked(event) {
    if (!event.detail || !(event.target instanceof Element)) return;
    // The buttons in a number field give it the focus, and nobody types then.
    if (event.target.closest('.mantine-NumberInput-control')) setTimeout(picture, 0);
    else soon();
  }

  /* Heard before React is: what is open now is closed by it. */
  function pressed(event) {
    const node = event.target;
    if (!(node instanceof HTMLElement) || event.isComposing || !['Enter', 'Escape'].includes(event.key)) return;
    if (openDialog()) {
      // A popover hears Escape only where the focus is inside.
      if (event.key === 'Escape' && node.closest('#play-settings')) node.click();
      return;
    }
    const field = lamella.controls.isField(node);
    const done = field || isOpen(node);
    if (event.key === 'Enter') {
      if (done || node.matches('input[type=radio]')) setTimeout(picture, 0);
      return;
    }
    if (field) restore(node);
    if (done || node.closest('#dataset-tree, input')) setTimeout(picture, 0);
    else lamella.viewer.back();
  }

  /* The text as it was, for React too: it would take what was typed when the field is left. */
  function restore(field) {
    if (before.node !== field || field.value === before.text) return;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, before.text);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }

  function connect() {
    document.addEventListener('click', clicked);
    document.addEventListener('keydown', pressed, true);
    document.addEventListener('focusin', ({ target }) => {
      before = { node: target, text: lamella.controls.isField(target) ? target.value : '' };
    });
    lamella.controls.element('plot-frame').addEventListener('pointerdown', picture, true);
    const button = lamella.controls.element('play-settings');
    const settings = button.closest('[aria-haspopup]') || button;
    new MutationObserver(() => {
      if (settings.getAttribute('aria-expanded') === 'false') picture();
    }).observe(settings, { attributeFilter: ['aria-expanded'] });
  }

  lamella.focus = { connect: connect, picture: picture, soon: soon };
})((window.lamella = window.lamella || {}));
