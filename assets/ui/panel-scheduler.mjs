/* Parts of the page that are shown one after the other, each in a task of its own: redrawing all of the panels takes
   longer than a frame. While slices move they are put off, though not for ever: then one is shown right behind a
   slice that was painted, where the time until the next one is the longest. */

import { browserClock } from '../data/clock.mjs';
/** @import { Clock } from '../data/clock.mjs' */

/**
 * @typedef {{p50_ms: number, p95_ms: number, count: number}} Percentiles
 * @typedef {Record<string, PanelUpdate>} PanelUpdates By the ids of panels.
 */

/**
 * @typedef {object} PanelUpdate What is new in a panel, by element id; see dashboard/web/page/panel_updates.py.
 * @property {Plotly} [figure]
 * @property {Record<string, boolean>} [hidden]
 * @property {Record<string, string>} [texts]
 * @property {Record<string, number>} [shares] Widths (%).
 * @property {Record<string, string>} [titles]
 * @property {Record<string, boolean>} [alerts]
 * @property {Record<string, number[]>} [sparks]
 * @property {Record<string, Percentiles>} [stages]
 * @property {Record<string, Percentiles>} [slices]
 */

// In a long movement each part is shown about this often: figures come every two seconds.
const LONGEST_MS = 2500;

// How long what is overdue waits for a slice to be painted.
const GRACE_MS = 100;
const POLL_MS = 100;

// Time for the browser to paint one part and to handle keys before the next begins.
const APART_MS = 50;

/** `show(id, props)` shows a part, `isIdle()` is true when no slice is moving, `isVisible(id)` when the part is on
 * screen.
 * @param {{show: (id: string, props: PanelUpdate) => void, isIdle: () => boolean, isVisible: (id: string) => boolean,
 *   clock?: Clock}} parts */
export function createPanelScheduler({ show, isIdle, isVisible, clock = browserClock }) {
  /** @type {Map<string, {props: PanelUpdate, text: string}>} */
  const waiting = new Map();
  /** @type {Map<string, {text: string, at: number}>} */
  const shown = new Map();
  // Number of the newest schedule: a timer of an earlier one does nothing.
  let newest = 0;
  let last = -Infinity;

  /** @param {string} id @returns {number} */
  const at = (id) => (shown.has(id) ? /** @type {{at: number}} */ (shown.get(id)).at : -Infinity);

  /** What is to be shown; what is already, or is put anew before its turn, is left out.
   * @param {PanelUpdates | null | undefined} parts */
  function enqueue(parts) {
    Object.entries(parts || {}).forEach(([id, props]) => {
      const text = JSON.stringify(props);
      if (shown.has(id) && /** @type {{text: string}} */ (shown.get(id)).text === text) waiting.delete(id);
      else waiting.set(id, { props, text });
    });
    schedule();
  }

  /* Something has changed: more to be shown, or a part has become visible. */
  function schedule() {
    if (waiting.size) plan(last + APART_MS - clock.now(), false);
  }

  /* A slice has just come on the screen. */
  function onPainted() {
    if (waiting.size && clock.now() - last >= APART_MS) plan(0, true);
  }

  /** @param {number} ms @param {boolean} behindSlice */
  function plan(ms, behindSlice) {
    newest += 1;
    const mine = newest;
    clock.later(() => mine === newest && next(behindSlice), Math.max(ms, 0));
  }

  /** @param {boolean} behindSlice */
  function next(behindSlice) {
    const ids = Array.from(waiting.keys()).filter(isVisible).sort((a, b) => at(a) - at(b));
    if (!ids.length) return;
    const over = clock.now() - at(ids[0]) - LONGEST_MS;
    if (!isIdle() && (over < 0 || (!behindSlice && over < GRACE_MS))) {
      plan(POLL_MS, false);
      return;
    }
    const { props, text } = /** @type {{props: PanelUpdate, text: string}} */ (waiting.get(ids[0]));
    waiting.delete(ids[0]);
    last = clock.now();
    shown.set(ids[0], { text, at: last });
    // What one part throws reaches the console, and the others are shown all the same.
    try {
      show(ids[0], props);
    } finally {
      schedule();
    }
  }

  return { enqueue, schedule, onPainted };
}
