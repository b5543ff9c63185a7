/* Keys and the wheel step through slices; what tools and views take of the keys comes first. */

import { element, isField } from '../render/dom.mjs';
/** @import { Contrast } from './contrast.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { Viewer } from './viewer.mjs' */

const PAGE_STEP = 10;

// Distance of the wheel (px) for one slice, and the most slices for one event.
const WHEEL_STEP = 60;
const WHEEL_MAX_STEPS = 10;

// Keys that go on while they are held.
const MOVES = new Set(['ArrowLeft', 'ArrowRight', 'PageUp', 'PageDown', 'Home', 'End']);

/** `onKey(event)` says whether something else takes a key.
 * @param {{contrast: Pick<Contrast, 'auto'>, viewer: Viewer, player: Player, onKey: (event: KeyboardEvent) => boolean}} parts */
export function createInput({ contrast, viewer, player, onKey }) {
  let wheel = 0;

  /** @type {Record<string, () => void>} */
  const ACTIONS = {
    ArrowLeft: () => viewer.step(-1),
    ArrowRight: () => viewer.step(1),
    PageUp: () => viewer.step(-PAGE_STEP),
    PageDown: () => viewer.step(PAGE_STEP),
    Home: () => viewer.go(0),
    End: () => viewer.goToEnd(),
    ' ': () => player.toggle(),
    a: () => contrast.auto(),
  };

  /** @param {KeyboardEvent} event */
  function onKeyDown(event) {
    if (!handledByFocus(event) && onKey(event)) {
      event.preventDefault();
      event.stopPropagation();
      return;
    }
    const action = ACTIONS[event.key];
    if (!action || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!viewer.current() || handledByFocus(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !MOVES.has(event.key)) return;
    if (event.key !== ' ') player.stop();
    action();
  }

  /** The wheel over the picture steps through slices; with Ctrl it zooms, which Plotly does.
   * @param {WheelEvent} event */
  function onWheel(event) {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    player.stop();
    const lines = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    wheel += event.deltaY * lines;
    const steps = Math.trunc(wheel / WHEEL_STEP);
    if (!steps) return;
    wheel -= steps * WHEEL_STEP;
    viewer.step(Math.sign(steps) * Math.min(Math.abs(steps), WHEEL_MAX_STEPS));
  }

  function start() {
    const frame = element('plot-frame');
    document.addEventListener('keydown', onKeyDown, true);
    frame.addEventListener('wheel', onWheel, { capture: true, passive: false });
  }

  return { start };
}

/** Whether the key means something else where the focus is. @param {KeyboardEvent} event @returns {boolean} */
function handledByFocus(event) {
  const node = event.target;
  if (!(node instanceof HTMLElement)) return false;
  if (isField(node)) return true;
  if (node.hasAttribute('data-expanded')) return true;
  if (node.closest('#dataset-tree, [role=dialog], [role=listbox], [role=menu]')) return true;
  const byKeyboard = node.matches(':focus-visible');
  if (event.key === ' ') return byKeyboard && Boolean(node.closest('button, a, input'));
  const selector = 'input[type=radio], [role=tab], .tab-panel [role=slider], #histogram [role=slider]';
  return byKeyboard && !event.ctrlKey && !event.metaKey && node.matches(selector);
}
