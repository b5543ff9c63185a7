/* Polls at a period, and neither while the page is hidden nor while it is paused. */

import { browserClock } from '../clock.mjs';
/** @import { Clock } from '../clock.mjs' */

/** @typedef {ReturnType<typeof createPoller>} Poller */

// A poll that failed is tried again after this time (ms).
const RETRY_MS = 5_000;
// Where polls are further apart than this (ms), the server is asked whether it is there in between.
const CHECK_MS = 10_000;

/** `poll()` and `check()` return promises of whether the server answered; the next one is not begun before that.
 * `periodMs()` is null where there is nothing to wait for.
 * @param {{poll: () => Promise<boolean>, check: () => Promise<boolean>, periodMs: () => number | null,
 *   isHidden: () => boolean, clock?: Clock}} parts */
export function createPoller({ poll, check, periodMs, isHidden, clock = browserClock }) {
  /** @type {number | null} */
  let timer = null;
  let paused = false;
  let last = -Infinity;
  let active = 0;
  let answered = true;

  const isStopped = () => paused || isHidden() || (answered && periodMs() === null);

  function plan() {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    if (active || isStopped()) return;
    const period = /** @type {number} */ (answered ? periodMs() : RETRY_MS);
    const left = Math.max(0, last + period - clock.now());
    const job = left > CHECK_MS ? probe : run;
    timer = clock.later(() => job(), Math.min(left, CHECK_MS));
  }

  /* A server that does not answer is polled at once, which says so. */
  async function probe() {
    timer = null;
    active += 1;
    const isThere = await check();
    active -= 1;
    if (isThere) plan();
    else await run();
  }

  /* Poll now. */
  async function run() {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    last = clock.now();
    active += 1;
    try {
      answered = await poll();
    } finally {
      active -= 1;
      plan();
    }
  }

  return {
    run,
    /* The page was hidden or shown. */
    onVisibility: plan,
    /** @param {boolean} on */
    pause: (on) => {
      paused = on;
      plan();
    },
    isPaused: () => paused,
  };
}
