/* Undo and redo of changes of the view. What is shown again is requested as any view is: another dataset or plane has an
   entry of its own in the browser's history, and the address follows. */

import { formatLink } from '../model/link-text.mjs';
import { shownAgain } from '../model/view-history.mjs';
/** @import { View } from '../model/view.mjs' */
/** @import { Action, Actions } from './actions.mjs' */
/** @import { Viewer } from './viewer.mjs' */

/** @typedef {ReturnType<typeof createUndo>} Undo */

/** @param {{actions: Actions,
 *   viewer: Pick<Viewer, 'current' | 'history' | 'putBack' | 'openAddress' | 'isLookingUp'>}} parts */
export function createUndo({ actions, viewer }) {
  /** @param {() => View | null} step */
  function go(step) {
    const now = viewer.current();
    if (!now || viewer.isLookingUp()) return;
    const entry = step();
    if (!entry) return;
    const again = shownAgain(entry, now);
    if (again) viewer.putBack(again);
    else viewer.openAddress(formatLink(entry));
  }

  const undo = () => go(viewer.history.undo);
  const redo = () => go(viewer.history.redo);

  /** Whether a key is one of these. @param {KeyboardEvent} event @returns {boolean} */
  function onKey({ key, ctrlKey, metaKey, altKey, shiftKey }) {
    if (!(ctrlKey || metaKey) || altKey) return false;
    const name = key.toLowerCase();
    if (name === 'z') (shiftKey ? redo : undo)();
    else if (name === 'y' && !shiftKey) redo();
    else return false;
    return true;
  }

  actions.add(() => {
    /** @type {Action[]} */
    const found = [];
    if (viewer.history.canUndo()) found.push({ group: 'View', title: 'Undo the last change of the view', run: undo });
    if (viewer.history.canRedo()) found.push({ group: 'View', title: 'Redo what was undone', run: redo });
    return found;
  });

  return { onKey };
}
