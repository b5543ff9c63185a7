/* The view of the page, which is the truth that controls and pictures follow. */

import { isSamePlane, reduce } from './view.mjs';
/** @import { Action, View } from './view.mjs' */

/** @typedef {ReturnType<typeof createViewStore>} ViewStore */

/** Holds the view of the page. `onPlane(view)` is called when it is of another dataset or other planes, or measures something else,
 * `onChange(view)` when anything is different.
 * @param {(view: View | null) => void} [onPlane] @param {(view: View | null) => void} [onChange] */
export function createViewStore(onPlane = () => undefined, onChange = () => undefined) {
  /** @type {View | null} */
  let view = null;

  /** @param {View | null} next */
  function replace(next) {
    const before = view;
    view = next;
    const keys = /** @type {const} */ (['tools', 'frozen', 'views']);
    if (!before || !next || !isSamePlane(before, next) || keys.some((key) => before[key] !== next[key])) onPlane(next);
    if (before !== next) onChange(next);
  }

  return {
    current: () => view,
    replace,
    /** Apply an action; whether it has changed the view. @param {Action} action @returns {boolean} */
    dispatch: (action) => {
      const before = /** @type {View} */ (view);
      replace(reduce(before, action));
      return view !== before;
    },
  };
}
