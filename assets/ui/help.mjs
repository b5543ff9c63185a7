/* The help behind question marks: shown while the mouse is on one, or after a click or Enter until the next one. A click
   elsewhere, Escape and Tab close it, too. Mantine's own tooltips close with the click, which takes the focus away. */

/** @import { DashBridge } from './dash-bridge.mjs' */

/** @param {EventTarget | null} node */
const markOf = (node) => (node instanceof Element ? node.closest('.card-help') : null);

/** @param {{bridge: Pick<DashBridge, 'set'>}} parts */
export function createHelp({ bridge }) {
  /** The id of the mark whose help is open. @type {string | null} */
  let openId = null;
  // Whether it stays when the mouse leaves.
  let stays = false;

  /** @param {string | null} id */
  function open(id) {
    if (openId && openId !== id) bridge.set(openId + '-text', { opened: false });
    if (id) bridge.set(id + '-text', { opened: true });
    openId = id;
    stays = false;
  }

  /* React may replace the marks: all listeners are the document's. */
  function start() {
    document.addEventListener('pointerover', ({ target, pointerType }) => {
      const mark = markOf(target);
      if (mark && mark.id !== openId && pointerType === 'mouse' && !stays) open(mark.id);
    });
    document.addEventListener('pointerout', ({ target, relatedTarget }) => {
      const mark = markOf(target);
      if (mark && mark.id === openId && mark !== markOf(relatedTarget) && !stays) open(null);
    });
    document.addEventListener('click', ({ target }) => {
      const mark = markOf(target);
      if (!mark) return;
      const closes = openId === mark.id && stays;
      open(closes ? null : mark.id);
      stays = !closes;
    }, true);
    document.addEventListener('pointerdown', ({ target }) => {
      if (openId && markOf(target)?.id !== openId) open(null);
    }, true);
    document.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' || key === 'Tab') open(null);
    }, true);
  }

  return { start };
}
