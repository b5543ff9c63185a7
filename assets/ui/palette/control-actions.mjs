/* The page's buttons and fields in the command palette, by their own names: a button is pressed, a field is shown and
   takes the focus. What a tab, a fold or a sheet hides at the time is among them. */

import { element } from '../../render/dom.mjs';
/** @import { Action } from '../actions.mjs' */

/** Controls by group. @type {[group: string, selector: string][]} */
const CONTROLS = [
  ['Tools', '#tools button'],
  ['Views', '#views-select button, .point-index'],
  ['Compare', '.compare-bar button, .compare-bar select, .compare-bar input, #compare-handle'],
  ['Export', '.export-menu [data-export]'],
  ['Page', '.header .icon-link, .header .mantine-ActionIcon-root:not([data-export])'],
  ['Files', '.tree-head button'],
  ['Slice', '#play-settings, #dimension-sliders button, #dimension-sliders input'],
  ['Histogram', '#histogram .handle, #histogram-controls :is(.presets button, input)'],
  ['Display', '#tab-display-panel > :not(#histogram-controls, #histogram-docked) :is(button, input, select)'],
  ['Axes', '#tab-axes-panel :is(button, input, select)'],
  ['Measure', '#tab-measure-panel :is(button, input, select)'],
  ['Panels', '.card-toggle, #prefetch-pause'],
  ['Dock', '.tabs [role=tab]'],
];

// Those that have actions of their own, and parts of others.
const LEFT_OUT =
  ':disabled, [type=hidden], [type=radio], #palette-button, #help-button, #export-button, #compare-select' +
  ', #colorscale-reverse, #flip-rows, #flip-cols, #transpose';
// Shown when a control in it is chosen.
const SHOWN_THEN = '.tab-panel.inactive, .dock, .controls';
const PRESSED = 'button, a, [type=checkbox]';

/** @returns {Action[]} */
export const controlActions = () =>
  CONTROLS.flatMap(([group, selector]) =>
    (/** @type {HTMLElement[]} */ (Array.from(document.querySelectorAll(selector))))
      .filter((node) => !node.matches(LEFT_OUT) && isOffered(node))
      .flatMap((node) => actionsOf(node).map((one) => Object.assign({ group }, one)))
      .filter(({ title }) => title !== '')
  );

/** Whether nothing but where it stands keeps a control from being seen. @param {HTMLElement} node */
function isOffered(node) {
  for (let one = /** @type {Element | null} */ (node); one && !one.matches('.export-menu'); one = one.parentElement) {
    if (!one.matches(SHOWN_THEN) && getComputedStyle(one).display === 'none') return false;
  }
  return true;
}

/** @param {HTMLElement} node @returns {Omit<Action, 'group'>[]} */
function actionsOf(node) {
  const title = titleOf(node);
  if (node.matches(PRESSED)) return [{ title, run: () => shown(node).click() }];
  if (!(node instanceof HTMLSelectElement)) {
    return [{ title: title && title + ' …', run: () => shown(node).focus() }];
  }
  return Array.from(node.options).filter((option) => !option.selected).map((option) => ({
    title: title + ': ' + option.text,
    run: () => {
      node.value = option.value;
      shown(node).dispatchEvent(new Event('change', { bubbles: true }));
    },
  }));
}

/** The same control, which can be seen now. @param {HTMLElement} node */
function shown(node) {
  const panel = node.closest('.tab-panel');
  if (!panel) return node;
  element(panel.getAttribute('aria-labelledby') || '').click();
  const fold = node.closest('details');
  if (fold) fold.open = true;
  const { classList } = document.documentElement;
  if (classList.contains('panels-folded')) element('panels-toggle').click();
  if (node.getClientRects().length === 0) element('controls-toggle').click();
  return node;
}

/** @param {HTMLElement} node */
function titleOf(node) {
  const labels = node instanceof HTMLInputElement ? node.labels : null;
  const title = node.getAttribute('aria-label') || labels?.[0]?.textContent || node.textContent || '';
  const whole = node.closest('.presets')?.getAttribute('aria-label') ||
    node.closest('.export-group')?.querySelector('.export-title')?.firstChild?.textContent;
  return whole && node.textContent ? whole + ': ' + node.textContent : title;
}
