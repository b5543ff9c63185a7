/* The frame of the page: the tree's drawer on narrow screens, and folding the panels. */

import { element } from '../render/dom.mjs';
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Polling } from './polling.mjs' */

/** @typedef {ReturnType<typeof createShell>} Shell */

const STORAGE_KEY = 'lamella-panels';

/** `navbar` has the properties of the tree's drawer.
 * @param {{bridge: Pick<DashBridge, 'set'>, polling: Pick<Polling, 'period'>, navbar: DashProps}} parts */
export function createShell({ bridge, polling, navbar }) {
  let treeOpen = false;
  let period = 0;
  let asked = 0;
  let suspended = false;

  function areFolded() {
    return document.documentElement.classList.contains('panels-folded');
  }

  /** @param {boolean} on */
  function fold(on) {
    document.documentElement.classList.toggle('panels-folded', on);
    element('panels-toggle').setAttribute('aria-pressed', String(!on));
    try {
      localStorage.setItem(STORAGE_KEY, on ? 'folded' : 'open');
    } catch {
      // Without storage the choice lasts as long as the page.
    }
    updatePolling();
  }

  /* The panels ask only while they are visible. */
  function updatePolling() {
    bridge.set('panels-tick', { disabled: suspended || !areSeen() });
  }

  /** While something is dragged the panels do not ask: what Dash does with an answer takes longer than two frames.
   * @param {boolean} on */
  function suspend(on) {
    if (suspended === on) return;
    suspended = on;
    updatePolling();
  }

  function areSeen() {
    return !document.hidden && !areFolded();
  }

  /* How often they ask. */
  function updateInterval() {
    if (period === polling.period()) return;
    period = polling.period();
    bridge.set('panels-tick', { interval: period });
  }

  /* Ask for the panels now. */
  function askForPanels() {
    updateInterval();
    asked -= 1;
    if (areSeen()) bridge.set('panels-tick', { n_intervals: asked });
  }

  /** @param {boolean} open */
  function openTree(open) {
    treeOpen = open;
    bridge.set('shell', {
      navbar: Object.assign({}, navbar, { collapsed: { mobile: !open, desktop: false } }),
    });
  }

  function start() {
    if (storedChoice() === 'folded') fold(true);
    document.addEventListener('visibilitychange', updatePolling);
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && treeOpen) openTree(false);
    });
  }

  return {
    start,
    suspend,
    isSuspended: () => suspended,
    updateInterval,
    askForPanels,
    closeTree: () => treeOpen && openTree(false),
    showTree: () => openTree(true),
    toggleTree: () => openTree(!treeOpen),
    togglePanels: () => fold(!areFolded()),
  };
}

function storedChoice() {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
