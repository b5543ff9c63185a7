/* The keys and buttons of the command palette and of the help; both are loaded when they are first opened. */

import { element, isField } from '../render/dom.mjs';
/** @import { Datasets } from '../data/datasets.mjs' */
/** @import { Status } from './status.mjs' */
/** @import { PageActionParts } from './palette/page-actions.mjs' */
/** @import { PaletteParts } from './palette/dialog.mjs' */

/** @param {PaletteParts & PageActionParts & {datasets: Datasets, status: Pick<Status, 'note'>}} parts */
export function createPalette(parts) {
  /** @typedef {{palette: (text: string) => void, help: () => void}} Dialogs */
  /** @type {Promise<Dialogs> | null} */
  let loading = null;
  /** What is typed for the palette until it is there; null when that is not awaited. @type {string | null} */
  let typed = null;

  function load() {
    loading = loading || Promise.all([
      import('./palette/dialog.mjs'),
      import('./palette/keys-help.mjs'),
      import('./palette/page-actions.mjs'),
      import('./palette/compare-actions.mjs'),
    ]).then(([{ createDialog }, { createKeysHelp }, { pageActions }, { compareActions }]) => {
      const dialog = createDialog(parts);
      const help = createKeysHelp(parts);
      parts.actions.add(pageActions(Object.assign({ help: help.open }, parts)));
      parts.actions.add(compareActions(Object.assign({ open: dialog.open }, parts)));
      return { palette: dialog.toggle, help: help.open };
    });
    return loading;
  }

  /** @param {keyof Dialogs} which */
  async function open(which) {
    if (which === 'palette') typed ??= '';
    try {
      const dialogs = await load();
      dialogs[which](typed || '');
    } catch {
      loading = null;
      parts.status.note('This part of the page could not be loaded. It is tried again when it is opened.', 'palette');
    } finally {
      typed = null;
    }
  }

  const isDialogOpen = () =>
    Array.from(document.querySelectorAll('[role=dialog]')).some((n) => n.getClientRects().length);

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (typed !== null && !ctrlKey && !metaKey && !altKey) {
      typed = key === 'Backspace' ? typed.slice(0, -1) : key.length === 1 ? typed + key : typed;
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    const isPalette = (ctrlKey || metaKey) && !altKey && !shiftKey && key.toLowerCase() === 'k';
    const isHelp = key === '?' && !ctrlKey && !metaKey && !altKey && !isField(event.target) && !isDialogOpen();
    if (!isPalette && !isHelp) return;
    event.preventDefault();
    event.stopPropagation();
    open(isPalette ? 'palette' : 'help');
  }

  function start() {
    document.addEventListener('keydown', onKey, true);
    element('palette-button').addEventListener('click', () => open('palette'));
    element('help-button').addEventListener('click', () => open('help'));
  }

  return { start };
}
