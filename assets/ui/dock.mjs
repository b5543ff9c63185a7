/* The dock: tabs of controls, of which one is shown, and panels below, of which as many are open as the height allows.
   Choices are remembered. On narrow screens the controls are a sheet over the page, and all panels are open. */

import { openPanels, toggled } from '../model/dock-layout.mjs';
import { element } from '../render/dom.mjs';
/** @import { Choices } from '../model/dock-layout.mjs' */

/**
 * @typedef {Choices & {tab: string}} DockChoices
 * @typedef {ReturnType<typeof createDock>} Dock
 */

const STORAGE_KEY = 'lamella-dock';
const TABS = ['tab-display', 'tab-axes', 'tab-measure'];
const COMPACT_PX = 36;
const GAP_PX = 8;
const NARROW = '(max-width: 1099px)';

/** `onOpened(id)` is called for a panel that was compact. @param {{onOpened: (id: string) => void}} parts */
export function createDock({ onOpened }) {
  const narrow = matchMedia(NARROW);
  /** @type {DockChoices} */
  let choices = { tab: TABS[0], raised: [], folded: [] };

  const panels = () =>
    /** @type {HTMLElement[]} */ (Array.from(document.querySelectorAll('#panels > section')))
      .map((node) => ({ node, id: node.id, full: Number(node.dataset.full) }));

  /** @param {string} id */
  const isCompact = (id) => element(id).classList.contains('compact');

  function start() {
    choices = Object.assign(choices, stored());
    showTab(choices.tab);
    element('controls').addEventListener('click', (event) => {
      const tab = event.target instanceof Element && event.target.closest('[role=tab]');
      if (tab) choose({ tab: tab.id });
    });
    element('controls').addEventListener('keydown', onKey);
    element('panels').addEventListener('click', (event) => {
      const head = event.target instanceof Element && event.target.closest('.card-head');
      const panel = head && head.closest('section');
      if (!panel || /** @type {Element} */ (event.target).closest('.card-help, .whose')) return;
      choose(toggled(choices, panel.id, !isCompact(panel.id)));
    });
    // What the colour bar stands for is chosen there.
    element('plot-frame').addEventListener('click', ({ target }) => {
      if (!(target instanceof Element) || !target.closest('.colorbar')) return;
      choose({ tab: TABS[0] });
      if (narrow.matches) showSheet(true);
      else if (document.documentElement.classList.contains('panels-folded')) element('panels-toggle').click();
    });
    new ResizeObserver(arrange).observe(element('panels'));
    narrow.addEventListener('change', arrange);
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') showSheet(false);
    });
    document.addEventListener('pointerdown', ({ target }) => {
      if (!isSheetOpen() || !(target instanceof Element)) return;
      if (!target.closest('#controls, #controls-toggle, [data-portal], [role=listbox]')) showSheet(false);
    });
  }

  /** @param {Partial<DockChoices>} change */
  function choose(change) {
    choices = Object.assign({}, choices, change);
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(choices));
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    showTab(choices.tab);
    arrange();
  }

  /** @param {string} chosen */
  function showTab(chosen) {
    TABS.forEach((id) => {
      const on = id === chosen;
      element(id).setAttribute('aria-selected', String(on));
      element(id).tabIndex = on ? 0 : -1;
      element(id + '-panel').classList.toggle('inactive', !on);
    });
  }

  /** Arrows go from tab to tab, and do not turn slices meanwhile. @param {KeyboardEvent} event */
  function onKey(event) {
    const shown = TABS.filter((id) => !element(id).classList.contains('hidden'));
    const at = shown.indexOf(/** @type {Element} */ (event.target).id);
    const step = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 })[event.key];
    if (at < 0 || !step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = shown[(at + step + shown.length) % shown.length];
    choose({ tab: next });
    element(next).focus();
  }

  function arrange() {
    const all = panels();
    const open = openPanels(all, {
      height: narrow.matches ? Infinity : element('panels').clientHeight,
      compact: COMPACT_PX,
      gap: GAP_PX,
      raised: choices.raised,
      folded: choices.folded,
    });
    all.forEach(({ node, id }) => {
      const on = open.has(id);
      if (isCompact(id) !== on) return;
      node.classList.toggle('compact', !on);
      node.querySelector('.card-toggle')?.setAttribute('aria-expanded', String(on));
      if (on) onOpened(id);
    });
  }

  /* The controls over the page, on narrow screens. */

  const isSheetOpen = () => element('controls').classList.contains('open');

  /** @param {boolean} on */
  function showSheet(on) {
    element('controls').classList.toggle('open', on);
    element('controls-toggle').setAttribute('aria-expanded', String(on));
  }

  /** Show or hide the tab of what is measured, and bring it to the front.
   * @param {boolean} on @param {boolean} [front] */
  function showMeasured(on, front = false) {
    const tab = element('tab-measure');
    tab.classList.toggle('hidden', !on);
    const next = on && front ? tab.id : !on && choices.tab === tab.id ? TABS[0] : choices.tab;
    if (next === choices.tab) return;
    choices = Object.assign({}, choices, { tab: next });
    showTab(next);
    arrange();
  }

  return {
    start,
    isCompact,
    showMeasured,
    /* All that is measured, where it is a sheet. */
    openMeasured: () => {
      showMeasured(true, true);
      showSheet(true);
    },
    toggleControls: () => showSheet(!isSheetOpen()),
    closeControls: () => showSheet(false),
  };
}

/** The choices of an earlier visit, as far as they are what was written. @returns {Partial<DockChoices>} */
function stored() {
  try {
    const found = JSON.parse(localStorage.getItem(STORAGE_KEY) || '{}');
    /** @param {unknown} list @returns {string[]} */
    const names = (list) => (Array.isArray(list) ? list.filter((id) => typeof id === 'string') : []);
    return {
      // What is measured is empty at first.
      tab: TABS.slice(0, 2).includes(found.tab) ? found.tab : TABS[0],
      raised: names(found.raised),
      folded: names(found.folded),
    };
  } catch {
    return {};
  }
}
