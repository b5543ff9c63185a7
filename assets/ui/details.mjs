/* Below the tree: what the chosen object of a file says of itself. */

import { nameOf } from '../model/axes.mjs';
import { formatBytes } from '../model/number-format.mjs';
import { count } from '../model/tree-nodes.mjs';
import { element } from '../render/dom.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Datasets } from '../data/datasets.mjs' */
/** @import { Meaning } from '../model/meaning.mjs' */

/**
 * @typedef {{axis: number | null, chunks: number, bytes: number, seconds: number | null}} Cost
 * @typedef {object} Storage
 * @property {number[] | null} chunks
 * @property {string[]} filters
 * @property {number} stored_bytes
 * @property {number | null} decoded_bytes
 * @property {number | null} ratio
 * @property {boolean} allocated
 * @property {Cost[]} cost
 * @property {string[]} advice
 *
 * @typedef {object} NodeFacts
 * @property {string} path
 * @property {string} kind
 * @property {string | null} type
 * @property {number[] | null} shape
 * @property {{name: string, type: string, text: string}[]} attributes
 * @property {Storage | null} storage
 * @property {Meaning | null} [meaning]
 */

// What is chosen by keys is asked for when they rest, and what a page opens with after its picture.
const REST_MS = 250;
const KEY = 'lamella-details';

/** @param {{datasets: Pick<Datasets, 'node' | 'version'>, clock: Clock}} parts */
export function createDetails({ datasets, clock }) {
  /** `version` is that of the file, as far as it is known. @type {{file: string, path: string, version: string | null} | null} */
  let chosen = null;

  /** @param {string} file @param {string} path */
  function choose(file, path) {
    if (chosen && chosen.file === file && chosen.path === path) return;
    ask(file, path);
  }

  /* Another state of the file may be known: what is said of an object is as new as the picture. */
  function follow() {
    if (!chosen) return;
    const { file, path, version } = chosen;
    const now = datasets.version(file);
    if (!now || now === version) return;
    if (version) ask(file, path);
    else chosen.version = now;
  }

  /** @param {string} file @param {string} path */
  function ask(file, path) {
    const mine = { file, path, version: datasets.version(file) };
    chosen = mine;
    clock.later(async () => {
      if (chosen !== mine) return;
      try {
        const facts = /** @type {NodeFacts} */ (await datasets.node(file, path));
        if (chosen === mine) show(facts, file);
      } catch (error) {
        if (chosen === mine) say(path, /** @type {Error} */ (error).message);
      }
    }, REST_MS);
  }

  /** @param {string} path @param {string} text */
  function say(path, text) {
    element('node-details').replaceChildren(heading(path, ''), make('p', 'details-note', text));
  }

  /** @param {NodeFacts} facts @param {string} file */
  function show(facts, file) {
    const shape = facts.shape ? facts.shape.join(' × ') || 'scalar' : '';
    const what = facts.kind === 'dataset' ? [shape, facts.type].filter(Boolean).join(' · ') : facts.kind;
    const parts = [heading(facts.path === '/' ? file : facts.path, what)];
    const { meaning } = facts;
    if (meaning && (meaning.conventions.length || meaning.notes.length)) {
      parts.push(section('Meaning', meanings(meaning)));
    }
    if (facts.storage) parts.push(section('Storage', storage(facts.storage, meaning)));
    parts.push(section('Attributes', [attributes(facts)]));
    element('node-details').replaceChildren(...parts);
  }

  /** @param {string} title @param {HTMLElement[]} content */
  function section(title, content) {
    const made = document.createElement('details');
    made.open = !closed().includes(title);
    made.append(make('summary', '', title), ...content);
    made.addEventListener('toggle', () => {
      const others = closed().filter((one) => one !== title);
      try {
        localStorage.setItem(KEY, JSON.stringify(made.open ? others : [...others, title]));
      } catch {
        // Without storage the choice lasts as long as the object is shown.
      }
    });
    return made;
  }

  return { choose, follow };
}

/** The sections that were closed. @returns {string[]} */
function closed() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) || '[]');
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

/** @param {Meaning} meaning @returns {HTMLElement[]} */
function meanings({ conventions, notes, value }) {
  const rows = [['read as', conventions.join(', ')], ['values', [value.name, value.unit].filter(Boolean).join(' · ')]];
  return [table(rows.filter(([, text]) => text)), ...notes.map((sentence) => make('p', 'details-note', sentence))];
}

/** @param {Storage} facts @param {Meaning | null} [meaning] @returns {HTMLElement[]} */
function storage({ chunks, filters, stored_bytes, decoded_bytes, ratio, allocated, cost, advice }, meaning = null) {
  const decoded = decoded_bytes ? ' of ' + formatBytes(decoded_bytes) : '';
  const kept = allocated
    ? formatBytes(stored_bytes) + decoded + (ratio ? ' (' + ratio.toFixed(1) + '×)' : '')
    : 'nothing yet';
  const made = [
    table([
      ['stored', kept],
      ['chunks', chunks ? chunks.join(' × ') : 'none'],
      ['filters', filters.join(', ') || 'none'],
    ]),
  ];
  if (cost.length) {
    const rows = cost.map(({ axis, chunks: number, bytes, seconds }) => [
      axis === null ? 'the plane' : 'across ' + nameOf({ meaning }, axis),
      formatBytes(bytes) + (number ? ' in ' + count(number) + (number === 1 ? ' chunk' : ' chunks') : '') +
      (seconds === null ? '' : ', ' + time(seconds)),
    ]);
    made.push(make('h4', '', 'A first slice reads'), table(rows));
  }
  return [...made, ...advice.map((sentence) => make('p', 'details-note', sentence))];
}

/** @param {NodeFacts} facts */
function attributes({ attributes: all }) {
  if (!all.length) return make('p', 'details-note', 'none');
  return table(all.map(({ name, text }) => [name, text]));
}

/** @param {number} seconds */
function time(seconds) {
  if (seconds < 0.0095) return 'under 10 ms';
  return seconds < 0.95 ? 'about ' + Math.round(seconds * 100) * 10 + ' ms' : 'about ' + seconds.toFixed(1) + ' s';
}

/** @param {string} path @param {string} what */
function heading(path, what) {
  const made = make('div', 'details-head');
  const name = make('h3', '', path);
  name.title = path;
  made.append(name, make('span', 'details-what', what));
  return made;
}

/** @param {string[][]} rows */
function table(rows) {
  const made = make('table', 'details-table');
  for (const [name, text] of rows) {
    const row = document.createElement('tr');
    row.append(make('th', '', name), make('td', '', text));
    made.append(row);
  }
  return made;
}

/** @param {string} tag @param {string} name @param {string} [text] */
function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}
