/* What is brought up to date when the view has not changed for a while: address bar, title and controls. */

import { browserClock } from '../data/clock.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { ViewHistory } from '../model/view-history.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Navigation } from './navigation.mjs' */
/** @import { Residency } from './residency.mjs' */

/** `isSeen()` is true when the picture of the view is on the screen; title and address wait for that.
 * `config.restDelay` is in ms.
 * `viewHistory` hears at once of what is requested.
 * @param {{config: {restDelay: number}, viewHistory: Pick<ViewHistory, 'note'>, store: Pick<ViewStore, 'current'>, isSeen: () => boolean,
 *   bridge: Pick<DashBridge, 'syncPosition'>, navigation: Navigation, residency: Pick<Residency, 'show'>,
 *   clock?: Clock}} parts */
export function createIdleWork(
  { config, viewHistory, store, isSeen, bridge, navigation, residency, clock = browserClock },
) {
  let timer = 0;
  // The picture was not there yet when its name was due.
  let behind = false;

  /* Each step is a task of its own, so that a key need not wait for all. */
  function schedule() {
    const now = store.current();
    if (now) viewHistory.note(now, clock.now());
    clock.cancel(timer);
    behind = false;
    /** @param {(view: View) => void} job @returns {(view: View) => void} */
    const named = (job) => (view) => {
      if (isSeen()) job(view);
      else behind = true;
    };
    /** @type {((view: View) => void)[]} */
    const steps = [
      named((view) => navigation.updateUrl(view, 'replace')),
      named((view) => navigation.announce(view)),
      (view) => bridge.syncPosition(view),
      (view) => residency.show(view),
    ];
    const next = () => {
      if (!store.current()) return;
      const [step] = steps.splice(0, 1);
      step(/** @type {View} */ (store.current()));
      if (steps.length) timer = clock.later(next, 0);
    };
    timer = clock.later(next, config.restDelay);
  }

  /* A picture has come. */
  function catchUp() {
    if (behind) schedule();
  }

  return { schedule, catchUp, cancel: () => clock.cancel(timer) };
}
