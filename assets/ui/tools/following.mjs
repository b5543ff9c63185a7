/* Figures that follow a shape: they are asked for when the picture rests, and while the shape is dragged as fast as they
   come. The last ones asked for are shown; where they are of another place than the one that is chosen, they are stale. */

/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Entry } from './layer.mjs' */
/** @import { MeasurePanel, Requests } from './panel.mjs' */

/**
 * @template F
 * @typedef {{entry: Entry, view: View, found: F}} Shown
 */

/**
 * @template F
 * @typedef {object} FollowingHooks
 * @property {Requests} requests
 * @property {Pick<MeasurePanel, 'stale' | 'say'>} panel
 * @property {(view: View, tool: Tool) => string} keyOf What figures depend on.
 * @property {(entry: Entry, view: View) => Promise<F | null>} ask Null where another request, or none, counts by then.
 * @property {(shown: Shown<F>, isLast: boolean) => void} draw `isLast` unless more are to come.
 * @property {() => void} clear
 */

/** @template F @param {FollowingHooks<F>} hooks */
export function createFollowing({ requests, panel, keyOf, ask, draw, clear }) {
  /** @type {Shown<F> | null} */
  let shown = null;
  /** What was asked for last. */
  let asked = '';
  /** Of which shape. @type {number | null} */
  let of = null;
  /** The shape while it is dragged faster than the server answers. @type {{entry: Entry, view: View} | null} */
  let next = null;

  /** The shape is here now. @param {Entry} entry @param {View} view @param {boolean} isAtRest */
  function show(entry, view, isAtRest) {
    const key = keyOf(view, entry.tool);
    panel.stale(!shown || keyOf(shown.view, shown.entry.tool) !== key);
    if (key === asked) return;
    next = null;
    if (isAtRest) request(entry, view);
    else requests.cancel();
  }

  /** It is on its way. @param {Entry} entry @param {View} view */
  function live(entry, view) {
    if (keyOf(view, entry.tool) === asked) next = null;
    else if (requests.isRunning()) next = { entry, view };
    else request(entry, view);
  }

  /** Figures that the page has by itself. @param {Shown<F>} now */
  function put(now) {
    requests.cancel();
    asked = '';
    next = null;
    take(now, false);
  }

  /** @param {Shown<F>} now @param {boolean} isLast */
  function take(now, isLast) {
    shown = now;
    panel.stale(false);
    draw(now, isLast);
  }

  /** @param {Entry} entry @param {View} view */
  async function request(entry, view) {
    asked = keyOf(view, entry.tool);
    of = entry.index;
    const mine = asked;
    try {
      const found = await ask(entry, view);
      if (found === null) {
        if (asked === mine) asked = '';
        return;
      }
      requests.done();
      take({ entry, view, found }, next === null);
    } catch (error) {
      if (asked !== mine) return;
      requests.done();
      drop();
      panel.say(/** @type {Error} */ (error).message, true);
    }
    const waiting = next;
    next = null;
    if (waiting) live(waiting.entry, waiting.view);
  }

  function drop() {
    shown = null;
    panel.stale(false);
    clear();
  }

  return {
    show,
    live,
    put,
    shown: () => shown,
    /** Whether what was asked for is of the shape with this place among all. @param {number} index */
    isOf: (index) => of === index,
    hide: () => {
      requests.cancel();
      next = null;
      asked = '';
      of = null;
      drop();
    },
  };
}
