/* The page without a dataset: files, what was open before, and how to open something else. */

import { formatBytes } from '../model/number-format.mjs';
import { element } from '../render/dom.mjs';
/** @import { Datasets } from '../data/datasets.mjs' */
/** @import { ListedFile } from '../model/tree-nodes.mjs' */
/** @import { Recent, RecentView } from '../data/recent.mjs' */

/** @typedef {ReturnType<typeof createStartPage>} StartPage */

const MOST_FILES = 200;

/** `openFile(file)` shows the main dataset of a file, `openLink(link)` what a link names.
 * @param {{datasets: Pick<Datasets, 'files'>, recent: Pick<Recent, 'all'>, openFile: (file: string) => void,
 *   openLink: (link: string) => void}} parts */
export function createStartPage({ datasets, recent, openFile, openLink }) {
  let isShown = false;

  function draw() {
    if (!isShown) return;
    const files = datasets.files() || [];
    const names = new Set(files.map(({ file }) => file));
    // What is not served any more, or not for this person, is not offered.
    fill('start-recent', recent.all().filter(({ file }) => names.has(file)).map(recentEntry));
    fill('start-files', files.slice(0, MOST_FILES).map(fileEntry));
    element('start-more').textContent = files.length > MOST_FILES
      ? 'These are the first ' + MOST_FILES + ' files; the list at the side has all.'
      : '';
  }

  /** @param {ListedFile} listed */
  function fileEntry({ file, size, modified }) {
    const date = new Date(modified * 1000).toLocaleDateString(undefined, { dateStyle: 'medium' });
    return entry(file, [formatBytes(size), date].join(' · '), () => openFile(file));
  }

  /** @param {RecentView} view */
  function recentEntry({ file, dataset, link }) {
    return entry(dataset, file, () => openLink(link));
  }

  function show() {
    isShown = true;
    element('start-page').hidden = false;
    draw();
  }

  function hide() {
    isShown = false;
    element('start-page').hidden = true;
  }

  return { show, hide, draw };
}

/** @param {string} id @param {HTMLElement[]} entries */
function fill(id, entries) {
  element(id).replaceChildren(...entries);
  element(id + '-section').hidden = entries.length === 0;
}

/** @param {string} name @param {string} facts @param {() => void} open */
function entry(name, facts, open) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'start-entry';
  for (const [className, text] of [['start-name', name], ['start-facts', facts]]) {
    button.append(Object.assign(document.createElement('span'), { className, textContent: text }));
  }
  button.addEventListener('click', open);
  const item = document.createElement('li');
  item.append(button);
  return item;
}
