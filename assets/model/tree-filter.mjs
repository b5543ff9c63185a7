/* Filtering files and datasets by what is typed: every word has to be found, as it is or letter by letter. */

import { count, DatasetNode, fileNode, note } from './tree-nodes.mjs';
/** @import { ListedDatasets, ListedFile, TreeNode } from './tree-nodes.mjs' */

const MOST = 200;
// Files that are read as well at once, when somebody asks for it.
const MOST_READ = 100;

/** How well a path matches: 0 for not at all, more for a better match.
 * @param {string[]} words In lower case. @param {string} path In lower case. @returns {number} */
export function rank(words, path) {
  const name = path.slice(path.lastIndexOf('/') + 1);
  let sum = 0;
  for (const word of words) {
    const one = rankWord(word, path, name);
    if (!one) return 0;
    sum += one;
  }
  // Of equal ones the shorter path is more likely meant.
  return sum + 1 / (1 + path.length);
}

/** @param {string} word @param {string} path @param {string} name The last component. @returns {number} */
function rankWord(word, path, name) {
  if (name === word) return 60;
  const at = name.indexOf(word);
  if (at === 0) return 50;
  if (at > 0) return /[a-z0-9]/.test(name[at - 1]) ? 30 : 40;
  if (path.includes(word)) return 20;
  if (hasLetters(word, name)) return 10;
  return hasLetters(word, path) ? 5 : 0;
}

/** Whether the letters of a word stand in a text, in this order. @param {string} word @param {string} text */
function hasLetters(word, text) {
  let at = -1;
  for (const letter of word) {
    at = text.indexOf(letter, at + 1);
    if (at < 0) return false;
  }
  return true;
}

/** The files and datasets that match, the best first, and what was left out.
 * @param {string} text @param {ListedFile[]} files @param {(file: string) => ListedDatasets | undefined} known
 * @returns {TreeNode[]} */
export function filtered(text, files, known) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  /** @type {{rank: number, make: () => TreeNode}[]} */
  const found = [];
  /** @type {string[]} */
  const unread = [];
  for (const file of files) {
    const own = rank(words, file.file.toLowerCase());
    // A file before the datasets that match by its name alone.
    if (own) found.push({ rank: own + 0.5, make: () => fileNode(file.file, file, known) });
    const { list, error } = known(file.file) || {};
    if (!list) {
      if (!error) unread.push(file.file);
      continue;
    }
    for (const record of list) {
      const path = record.dataset.toLowerCase();
      // A file's own name counts less than where in it something is.
      const score = rank(words, path) || rank(words, file.file.toLowerCase() + path) / 4;
      if (score) {
        found.push({
          rank: score,
          make: () => new DatasetNode(file.file, record.dataset, record, files.length > 1 ? file.file : ''),
        });
      }
    }
  }
  found.sort((a, b) => b.rank - a.rank);
  const shown = found.slice(0, MOST).map(({ make }) => make());
  if (found.length > MOST) shown.push(note('more', count(found.length - MOST) + ' more match; type more to see them'));
  if (!shown.length) shown.push(note('none', 'nothing matches'));
  if (unread.length) shown.push(unreadNode(unread));
  return shown;
}

/** What searches further files when it is chosen. @param {string[]} files @returns {TreeNode} */
function unreadNode(files) {
  const read = files.slice(0, MOST_READ);
  const these = files.length === 1 ? 'one unopened file' : count(files.length) + ' unopened files';
  return {
    value: 'n:unread',
    label: 'Search ' + these + ' too' + (read.length < files.length ? ' (' + read.length + ' at a time)' : ''),
    kind: 'unread',
    unread: read,
  };
}
