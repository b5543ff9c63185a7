/* The command palette: a field and what it finds among actions, files and datasets. Arrows choose, Enter does it. */

import { keysOf } from '../../model/keys.mjs';
import { found } from '../../model/palette.mjs';
import { createModal, make } from './modal.mjs';
/** @import { Datasets } from '../../data/datasets.mjs' */
/** @import { Entry } from '../../model/palette.mjs' */
/** @import { Action, Actions } from '../actions.mjs' */
/** @import { Target } from '../../data/datasets.mjs' */
/** @import { Focus } from '../focus.mjs' */
/** @import { Viewer } from '../viewer.mjs' */

/**
 * @typedef {object} PaletteParts
 * @property {Actions} actions
 * @property {Pick<Datasets, 'files' | 'known' | 'loadAll' | 'loadFiles'>} datasets
 * @property {Pick<Focus, 'focusPicture'>} focus
 * @property {Pick<Viewer, 'open'>} viewer
 */

/** @param {PaletteParts} parts */
export function createDialog({ actions, datasets, focus, viewer }) {
  const node = createModal('palette', 'Command palette', focus);
  const field = make('input', { type: 'text', id: 'palette-field', autocomplete: 'off', spellcheck: false });
  const list = make('ul', { id: 'palette-list', role: 'listbox', ariaLabel: 'Actions, files and datasets' });
  const count = make('div', { className: 'visually-hidden', role: 'status' });
  const attributes = { role: 'combobox', 'aria-expanded': 'true', 'aria-controls': list.id };
  Object.entries({ ...attributes, 'aria-autocomplete': 'list', 'aria-label': 'Search actions, files and datasets' })
    .forEach(([name, value]) => field.setAttribute(name, value));
  field.placeholder = 'Actions, files and datasets';
  node.append(field, list, count);

  /** What can be done at the time that it is opened. @type {Action[]} */
  let all = [];
  /** @type {Entry<Action>[]} */
  let entries = [];
  let chosen = 0;

  function draw() {
    entries = found(field.value, all, datasets.files() || [], datasets.known);
    chosen = 0;
    list.replaceChildren(...entries.map(optionOf));
    count.textContent = entries.length ? entries.length + ' found' : 'Nothing is found';
    if (!entries.length) list.append(make('li', { className: 'palette-none', textContent: 'Nothing matches.' }));
    mark();
  }

  /** @param {Entry<Action>} entry @param {number} index */
  function optionOf(entry, index) {
    const isAction = entry.kind === 'action';
    const meta = isAction ? entry.action.group : entry.kind === 'open' ? entry.meta : '';
    const option = make(
      'li',
      { id: 'palette-option-' + index, role: 'option', className: 'palette-option' },
      make('span', { className: 'palette-name', textContent: isAction ? entry.action.title : entry.label }),
      make('span', { className: 'palette-meta', textContent: meta }),
    );
    const keys = isAction ? keysOf(entry.action.title) : '';
    if (keys) option.append(make('kbd', { textContent: keys }));
    option.addEventListener('click', () => choose(index));
    option.addEventListener('pointermove', () => {
      if (chosen === index) return;
      chosen = index;
      mark();
    });
    return option;
  }

  function mark() {
    Array.from(list.children).forEach((option, index) =>
      option.setAttribute('aria-selected', String(index === chosen))
    );
    const option = list.children[chosen];
    if (!option?.id) {
      field.removeAttribute('aria-activedescendant');
      return;
    }
    field.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }

  /** @param {number} index */
  function choose(index) {
    const entry = entries[index];
    if (!entry) return;
    if (entry.kind === 'unread') {
      searchIn(entry.files);
      return;
    }
    node.close();
    // The focus is the picture's before an action moves it elsewhere.
    focus.focusPicture();
    setTimeout(() => entry.kind === 'action' ? entry.action.run() : viewer.open(targetOf(entry)), 0);
  }

  /** Read more files for what is typed, until that is another. @param {string[]} files */
  async function searchIn(files) {
    const text = field.value;
    const isMeant = () => node.open && field.value === text;
    count.textContent = 'Reading the datasets of ' + files.length + ' files …';
    list.lastElementChild?.replaceChildren(make('span', { className: 'palette-name', textContent: count.textContent }));
    await datasets.loadAll(files, isMeant);
    if (isMeant()) draw();
  }

  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowDown: () => move(chosen + 1),
    ArrowUp: () => move(chosen - 1 + entries.length),
    PageDown: () => move(Math.min(chosen + 8, entries.length - 1)),
    PageUp: () => move(Math.max(chosen - 8, 0)),
    Enter: () => choose(chosen),
  };

  /** @param {number} index */
  function move(index) {
    if (!entries.length) return;
    chosen = index % entries.length;
    mark();
  }

  field.addEventListener('input', draw);
  field.addEventListener('keydown', (event) => {
    const act = event.isComposing ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  /** @param {string} [text] That is searched for at first. */
  function open(text = '') {
    if (node.open) return;
    all = actions.all();
    field.value = text;
    node.showModal();
    draw();
    field.focus();
    if (!datasets.files()) {
      datasets.loadFiles().then(() => {
        all = actions.all();
        if (node.open) draw();
      }, () => undefined);
    }
  }

  return { open, toggle: (/** @type {string} */ text) => node.open ? node.close() : open(text) };
}

/** A dataset, or the main one of a file. @param {{file: string, dataset: string | null}} entry
 * @returns {Target | {file: string, dataset: null}} */
const targetOf = ({ file, dataset }) => (dataset === null ? { file, dataset } : { file, dataset });
