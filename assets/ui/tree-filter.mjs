/* The field above the tree: `/` leads to it, arrows mark what is found, Enter opens it, Escape empties it. */

import { element, isField } from '../render/dom.mjs';
/** @import { Tree } from './tree.mjs' */

/** @param {{tree: Tree, showTree: () => void}} parts `showTree()` opens the drawer of a narrow screen. */
export function createTreeFilter({ tree, showTree }) {
  const field = document.createElement('input');

  function empty() {
    field.value = '';
    tree.setFilter('');
  }

  /** @param {KeyboardEvent} event */
  function onKey(event) {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') tree.step(event.key === 'ArrowDown' ? 1 : -1);
    else if (event.key === 'Enter') {
      // Otherwise it would keep the focus, as any field in use.
      field.blur();
      if (tree.chooseMarked()) empty();
      else field.focus();
    } else if (event.key === 'Escape') empty();
    else return;
    event.preventDefault();
  }

  function start() {
    field.type = 'search';
    field.id = 'tree-filter-field';
    field.placeholder = 'Filter';
    field.autocomplete = 'off';
    field.spellcheck = false;
    field.setAttribute('aria-label', 'Filter files and datasets');
    field.setAttribute('aria-controls', 'dataset-tree');
    field.addEventListener('input', () => tree.setFilter(field.value));
    field.addEventListener('keydown', onKey);
    const key = document.createElement('kbd');
    key.textContent = '/';
    key.setAttribute('aria-hidden', 'true');
    element('tree-filter').replaceChildren(field, key);
    document.addEventListener('keydown', (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
      if (document.querySelector('[role=dialog]')?.getClientRects().length) return;
      event.preventDefault();
      showTree();
      field.focus();
      field.select();
    });
  }

  return { start };
}
