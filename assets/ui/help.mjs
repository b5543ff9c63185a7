/* The help behind question marks: shown while the mouse is on one, or after a click or Enter until the next one. A click
   elsewhere, Escape and Tab close it, too. Mantine's own tooltips close with the click, which takes the focus away. */

/** @import { DashBridge } from './dash-bridge.mjs' */

/** @param {{bridge: Pick<DashBridge, 'set'>}} parts */
export function createHelp({ bridge }) {
  /** The id of the mark whose help is open. @type {string | null} */
  let openId = null;
  // Whether it stays when the mouse leaves.
  let stays = false;

  /** @param {string | null} id */
  function open(id) {
    if (openId && openId !== id) bridge.set(openId + '-text', { opened: false });
    if (id && openId !== id) bridge.set(id + '-text', { opened: true });
    openId = id;
    stays = false;
  }

  /** @param {HTMLElement} mark */
  function listen(mark) {
    mark.addEventListener('pointerenter', ({ pointerType }) => {
      if (pointerType === 'mouse' && !stays) open(mark.id);
    });
    mark.addEventListener('pointerleave', () => {
      if (openId === mark.id && !stays) open(null);
    });
    mark.addEventListener('click', () => {
      const closes = openId === mark.id && stays;
      open(closes ? null : mark.id);
      stays = !closes;
    });
  }

  function start() {
    document.querySelectorAll('.card-help').forEach((mark) => listen(/** @type {HTMLElement} */ (mark)));
    document.addEventListener('pointerdown', ({ target }) => {
      if (openId && target instanceof Element && target.closest('.card-help')?.id !== openId) open(null);
    }, true);
    document.addEventListener('keydown', ({ key }) => {
      if (key === 'Escape' || key === 'Tab') open(null);
    }, true);
  }

  return { start };
}
