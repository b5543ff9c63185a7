/* Which shape was selected when the page was left, for when it is loaded again; a link does not say that. */

const KEY = 'lamella-selected-shape';

/** @typedef {{tools: string, selected: number | null}} Selected Of the shapes that `tools` has; null where none was. */

/** @param {Selected} now */
export function keepSelected(now) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // Without storage the first shape is selected.
  }
}

/** What was selected of these shapes; undefined where that is not known. That is read once.
 * @param {string} tools @returns {number | null | undefined} */
export function takeSelected(tools) {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) || 'null');
    sessionStorage.removeItem(KEY);
    if (found?.tools !== tools) return undefined;
    return Number.isInteger(found.selected) && found.selected >= 0 ? found.selected : null;
  } catch {
    return undefined;
  }
}
