/* Pauses prefetching for this viewer: on the server, and of the frames that the page fetches ahead. The pause outlives a
   reload of the page, as the viewer does. */

import { browserClock } from '../data/clock.mjs';
import { element, setText } from '../render/dom.mjs';
/** @import { Api, Failure } from '../data/api.mjs' */
/** @import { Clock } from '../data/clock.mjs' */

/** @typedef {ReturnType<typeof createPrefetchPause>} PrefetchPause */

const STORAGE_KEY = 'lamella-prefetch-paused-until';
const PAUSE_S = 300;
const TICK_MS = 1000;

/** `onChange(paused)` is called when a pause begins and when it ends, `onError(error)` when it could not be asked for.
 * @param {{api: Pick<Api, 'url' | 'fetchOk'>, viewerId: string, onChange: (paused: boolean) => void,
 *   onError: (error: Failure) => void, clock?: Clock}} parts */
export function createPrefetchPause({ api, viewerId, onChange, onError, clock = browserClock }) {
  // Unix time (ms); 0 without a pause.
  let until = 0;

  function start() {
    const stored = Number(storage((items) => items.getItem(STORAGE_KEY)));
    if (stored > Date.now() && stored <= Date.now() + 1000 * PAUSE_S) set(stored);
  }

  async function toggle() {
    const seconds = until ? 0 : PAUSE_S;
    try {
      await api.fetchOk(api.url('/api/v1/prefetch'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ viewer: viewerId, pause_s: seconds }),
      });
    } catch (error) {
      onError(/** @type {Failure} */ (error));
      return;
    }
    set(seconds && Date.now() + 1000 * seconds);
  }

  /** @param {number} time */
  function set(time) {
    const changed = Boolean(time) !== Boolean(until);
    until = time;
    storage((items) => time ? items.setItem(STORAGE_KEY, String(time)) : items.removeItem(STORAGE_KEY));
    element('prefetch-pause').setAttribute('aria-pressed', String(Boolean(until)));
    if (changed) onChange(Boolean(until));
    render();
  }

  function render() {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (until && left <= 0) {
      set(0);
      return;
    }
    const text = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
    setText('prefetch-pause', until ? 'Off for you, ' + text + ' left: resume' : 'Turn off for me, for 5 minutes');
    if (until) clock.later(render, TICK_MS);
  }

  return { start, toggle };
}

/** @template T @param {(items: Storage) => T} job @returns {T | null} */
function storage(job) {
  try {
    return job(sessionStorage);
  } catch {
    // Without storage the pause lasts as long as the page.
    return null;
  }
}
