/* What the command palette finds: actions, files and datasets that match what is typed, the best first. */

import { filtered, rank } from './tree-filter.mjs';
/** @import { ListedDatasets, ListedFile } from './tree-nodes.mjs' */

/**
 * @template A
 * @typedef {{kind: 'action', action: A} | {kind: 'open', file: string, dataset: string | null, label: string, meta: string}
 *   | {kind: 'unread', files: string[], label: string}} Entry `unread`: files whose datasets are searched as well when it
 *   is chosen.
 */

const MOST_ACTIONS = 60;
const MOST_OPEN = 30;
// An action whose group is meant counts less than one whose name is.
const GROUP_SHARE = 0.5;

/** The actions that match, the best first; all of them in their order where nothing is typed.
 * @template {{group: string, title: string}} A
 * @param {string} text @param {readonly A[]} actions @returns {{rank: number, action: A}[]} */
export function rankedActions(text, actions) {
  const words = wordsOf(text);
  return actions.map((action) => {
    // A slash would end a component of a path.
    const title = action.title.toLowerCase().replaceAll('/', ' ');
    const whole = action.group.toLowerCase() + ' ' + title;
    return { rank: rank(words, title) || rank(words, whole) * GROUP_SHARE, action };
  }).filter(({ rank: found }) => found > 0).sort((a, b) => b.rank - a.rank);
}

/** What the palette lists. Without a text actions come alone, after `recent`; with one, files and datasets after the
 * actions, unless they match better.
 * @template {{group: string, title: string}} A
 * @param {string} text @param {readonly A[]} actions @param {ListedFile[]} files
 * @param {(file: string) => ListedDatasets | undefined} known @returns {Entry<A>[]} */
export function found(text, actions, files, known) {
  const words = wordsOf(text);
  /** @param {A} action @returns {Entry<A>} */
  const entry = (action) => ({ kind: 'action', action });
  if (!words.length) return actions.slice(0, MOST_ACTIONS).map(entry);
  const ranked = rankedActions(text, actions).slice(0, MOST_ACTIONS);
  const nodes = filtered(text, files, known);
  /** @type {Entry<A>[]} */
  const open = nodes.flatMap((node) =>
    node.file !== undefined && ['file', 'dataset'].includes(node.kind)
      ? [{
        kind: /** @type {const} */ ('open'),
        file: node.file,
        dataset: node.kind === 'file' ? null : node.path ?? null,
        label: node.label,
        meta: node.kind === 'file' ? 'file' : node.file,
      }]
      : []
  ).slice(0, MOST_OPEN);
  const best = ranked.length ? ranked[0].rank : 0;
  const [top] = open;
  const first = top?.kind === 'open' ? rank(words, top.label.toLowerCase()) : 0;
  const list = ranked.map(({ action }) => entry(action));
  /** @type {Entry<A>[]} */
  const more = nodes.flatMap(({ unread, label }) =>
    unread ? [{ kind: /** @type {const} */ ('unread'), files: unread, label }] : []
  );
  return (first > best ? open.concat(list) : list.concat(open)).concat(more);
}

/** @param {string} text */
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
