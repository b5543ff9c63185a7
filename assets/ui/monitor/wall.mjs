/* The monitor on a wall screen: dark, without controls, one row after the other. */

import { ROWS } from '../../model/monitor/address.mjs';
import { browserClock } from '../../data/clock.mjs';
/** @import { Clock } from '../../data/clock.mjs' */
/** @import { State } from '../../model/monitor/address.mjs' */
/** @import { MonitorStore } from './store.mjs' */

/** @typedef {ReturnType<typeof createWall>} Wall */

// Time for which a row is shown (ms).
const TURN_MS = 20_000;
const SCHEME = 'data-mantine-color-scheme';

/** @param {{store: Pick<MonitorStore, 'current' | 'replace'>, clock?: Clock, root?: HTMLElement}} parts */
export function createWall({ store, clock = browserClock, root = document.documentElement }) {
  function next() {
    const { row, wall } = store.current();
    if (!wall) return;
    store.replace({ row: ROWS[(ROWS.indexOf(row) + 1) % ROWS.length] });
    clock.later(next, TURN_MS);
  }

  /* Back to the controls, in the theme that was chosen. */
  function leave() {
    store.replace({ wall: false });
    location.reload();
  }

  function darken() {
    if (store.current().wall && root.getAttribute(SCHEME) !== 'dark') root.setAttribute(SCHEME, 'dark');
  }

  return {
    start: () => {
      addEventListener('keydown', ({ key }) => {
        if (key === 'Escape' && store.current().wall) leave();
      });
      if (!store.current().wall) return;
      clock.later(next, TURN_MS);
      // The scheme of the system may change.
      new MutationObserver(darken).observe(root, { attributes: true, attributeFilter: [SCHEME] });
    },
    /** @param {State} state */
    show: (state) => {
      root.classList.toggle('wall', state.wall);
      darken();
    },
  };
}
