/* Staying at the newest slice of a dataset that grows: the toggle beside the slider. */

import { element } from '../render/dom.mjs';
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */

/** @typedef {ReturnType<typeof createNewest>} Newest */

/** @param {View} view */
const isAtEnd = (view) => view.axis === null || view.position[view.axis] === view.shape[view.axis] - 1;

/** `goToEnd()` shows the last slice. @param {{store: Pick<ViewStore, 'current'>, goToEnd: () => void}} parts */
export function createNewest({ store, goToEnd }) {
  let following = false;

  /** @param {boolean} on */
  function set(on) {
    if (following === on) return;
    following = on;
    element('newest-toggle').setAttribute('aria-pressed', String(on));
  }

  function toggle() {
    set(!following && Boolean(store.current()));
    if (following) goToEnd();
  }

  /* The view has moved, by whomever: who leaves the end does not want to be taken back there. */
  function onMoved() {
    const view = store.current();
    if (!view || !isAtEnd(view)) set(false);
  }

  return { toggle, onMoved, isOn: () => following, stop: () => set(false) };
}
