/* Which panels of the dock are open in full: as many as its height has space for, the others are compact. */

/**
 * @typedef {object} Choices
 * @property {string[]} raised Ids of panels that were opened, the last one first.
 * @property {string[]} folded Ids of panels that were folded.
 */

/** Open panels, by id. `panels` are [{id, full}] in their order, with the least height of an open one; `compact` is
 * that of a compact one (px). The panel in `raised` that was opened last comes first and is open even where there is
 * no space: the dock then scrolls. Next is the first panel, then the others in `raised`. Those in `folded` stay
 * compact.
 * @param {{id: string, full: number}[]} panels
 * @param {{height: number, compact: number, gap: number} & Choices} layout @returns {Set<string>} */
export function openPanels(panels, { height, compact, gap, raised, folded }) {
  const [newest, ...others] = raised;
  const ids = [newest, panels[0].id, ...others];
  const order = panels
    .filter(({ id }) => !folded.includes(id))
    .sort((a, b) => rank(ids, a.id) - rank(ids, b.id));
  let left = height - panels.length * compact - (panels.length - 1) * gap;
  const open = new Set();
  for (const { id, full } of order) {
    if (open.size && full - compact > left) continue;
    left -= full - compact;
    open.add(id);
  }
  return open;
}

/** @param {string[]} ids @param {string} id @returns {number} */
function rank(ids, id) {
  const at = ids.indexOf(id);
  return at < 0 ? ids.length : at;
}

/** The choices after a click on a panel's head, which opens a compact panel and folds an open one.
 * @param {Choices} choices @param {string} id @param {boolean} isOpen @returns {Choices} */
export function toggled({ raised, folded }, id, isOpen) {
  /** @param {string[]} list */
  const others = (list) => list.filter((one) => one !== id);
  return isOpen
    ? { raised: others(raised), folded: [...others(folded), id] }
    : { raised: [id, ...others(raised)], folded: others(folded) };
}
