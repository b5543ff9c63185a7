/* What the panels of the tools have in common: a head with actions, a sentence, and requests of which the last one counts. */

import { isAborted } from '../../data/api.mjs';
import { save } from '../../data/download.mjs';
import { projectionQuery } from '../../model/projection.mjs';
import { selectionOf } from '../../model/viewport.mjs';
import { element } from '../../render/dom.mjs';
/** @import { Api, Query } from '../../data/api.mjs' */
/** @import { View } from '../../model/view.mjs' */

/**
 * @typedef {ReturnType<typeof createPanel>} MeasurePanel
 * @typedef {ReturnType<typeof createRequests>} Requests
 */

/** @param {string} tag @param {string} [name] @param {string} [text] @returns {HTMLElement} */
export function make(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** @param {string} text @param {() => void} act @param {string} label @returns {HTMLButtonElement} */
export function button(text, act, label) {
  const made = /** @type {HTMLButtonElement} */ (make('button', 'text-button', text));
  made.type = 'button';
  made.title = label;
  made.setAttribute('aria-label', label);
  made.addEventListener('click', act);
  return made;
}

/** `reported()` is called when its head says something else.
 * @param {string} id @param {HTMLElement[]} actions @param {HTMLElement[]} body @param {() => void} reported */
export function createPanel(id, actions, body, reported) {
  const host = element(id);
  /** The main figures in a few words. */
  let brief = '';
  const title = make('h3');
  const head = make('div', 'measured-head');
  const where = make('div', 'measured-where');
  where.setAttribute('role', 'status');
  head.append(title, ...actions);
  host.replaceChildren(head, where, ...body);
  const isShown = () => !host.classList.contains('hidden');
  return {
    /** @param {boolean} on */
    show: (on) => {
      host.classList.toggle('hidden', !on);
      reported();
    },
    isShown,
    /* What it says in one line; null where it is not shown. */
    headline: () => isShown() ? { name: title.textContent || '', text: brief || where.textContent || '' } : null,
    /** Figures are of another place or slice than the one that is chosen. @param {boolean} on */
    stale: (on) => host.classList.toggle('stale', on),
    /** @param {string} text */
    name: (text) => {
      title.textContent = text;
      title.title = text;
      reported();
    },
    /** A sentence below the name, and the main figures where it has none of them.
     * @param {string} text @param {boolean} [wrong] @param {string} [main] */
    say: (text, wrong = false, main = '') => {
      where.textContent = text;
      where.classList.toggle('wrong', wrong);
      brief = main;
      reported();
    },
  };
}

/** Requests of one kind: a new one ends the one before it. @param {Pick<Api, 'url' | 'fetchOk'>} api */
export function createRequests(api) {
  /** @type {AbortController | null} */
  let running = null;

  /** The answer, or null where another request, or none, counts by then.
   * @param {string} path @param {Query} query @param {number} generation @returns {Promise<Response | null>} */
  async function ask(path, query, generation) {
    cancel();
    const mine = new AbortController();
    running = mine;
    try {
      const response = await api.fetchOk(api.url(path, query), { signal: mine.signal }, generation);
      return running === mine ? response : null;
    } catch (error) {
      if (isAborted(error) || running !== mine) return null;
      running = null;
      throw error;
    }
  }

  function cancel() {
    running?.abort();
    running = null;
  }

  return {
    ask,
    cancel,
    /** The answer was read to its end. */
    done: () => {
      running = null;
    },
    isRunning: () => running !== null,
  };
}

/** What the server calls the kinds of a region. @type {Record<string, string>} */
export const SHAPES = { rect: 'rectangle', ellipse: 'ellipse', poly: 'polygon' };

/** What all requests for a view have. @param {View} view @returns {Query} */
export const queryOf = ({ file, dataset, decode, part }) => ({ file, dataset, decode: decode ? 1 : null, part });

/** @param {string} text @param {View} view @param {string} what */
export function saveCsv(text, view, what) {
  const name = view.dataset.replace(/[^\w.-]+/g, '_').replace(/^_+/, '');
  save(
    new Blob([text], { type: 'text/csv' }),
    (name || 'data') + '-' + what.toLowerCase().replace(/\W+/g, '-') + '.csv',
  );
}

/** What names the slice, or the projection of slices, that the picture shows. @param {View} view @returns {Query} */
export const sliceQueryOf = (view) => ({ ...queryOf(view), selection: selectionOf(view), ...projectionQuery(view) });

/** The same as one text, with the state of the file. @param {View} view @returns {string} */
export const sliceKeyOf = (view) => JSON.stringify([view.generation, sliceQueryOf(view)]);
