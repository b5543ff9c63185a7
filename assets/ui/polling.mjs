/* How often the page asks for what changes without it: every two seconds while somebody uses it, and the less often the
   longer nobody does, so that tabs that are left open cost the server next to nothing. */

/** @import { Clock } from '../data/clock.mjs' */

/** @typedef {ReturnType<typeof createPolling>} Polling */

export const POLL_MS = 2000;
// The period is this part of the time since the last use.
const SHARE = 0.1;
const USES = ['keydown', 'pointerdown', 'pointermove', 'wheel', 'focus'];

/** `longestMs` is the longest period; `onWake()` is called when somebody uses the page again and what it shows may be
 * older than `POLL_MS`.
 * @param {{clock: Pick<Clock, 'now'>, longestMs: number, onWake: () => void}} parts */
export function createPolling({ clock, longestMs, onWake }) {
  let usedAt = clock.now();

  /* Time from one question to the next (ms), in whole seconds. */
  function period() {
    const seconds = Math.floor((SHARE * (clock.now() - usedAt)) / 1000);
    return Math.min(longestMs, Math.max(POLL_MS, seconds * 1000));
  }

  /* Somebody uses the page, or its player moves it. */
  function used() {
    const slow = period() > POLL_MS;
    usedAt = clock.now();
    if (slow) onWake();
  }

  function start() {
    USES.forEach((name) => addEventListener(name, used, { capture: true, passive: true }));
    document.addEventListener('visibilitychange', () => !document.hidden && used());
  }

  return { start, period, used };
}
