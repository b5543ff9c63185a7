/* Polls at a period, and neither while the page is hidden nor while it is paused. */

import { browserClock } from '../clock.mjs';

/* `poll()` returns a promise; the next one is not begun before it is kept. `periodMs()` is null where there is nothing
   to wait for. */
export function createPoller({ poll, periodMs, isHidden, clock = browserClock }) {
  let timer = null;
  let paused = false;
  let last = -Infinity;
  let active = 0;

  const isStopped = () => paused || isHidden() || periodMs() === null;

  function plan() {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    if (active || isStopped()) return;
    timer = clock.later(() => run(), Math.max(0, last + periodMs() - clock.now()));
  }

  /* Poll now. */
  async function run() {
    if (timer !== null) clock.cancel(timer);
    timer = null;
    last = clock.now();
    active += 1;
    try {
      await poll();
    } finally {
      active -= 1;
      plan();
    }
  }

  return {
    run,
    /* The page was hidden or shown. */
    onVisibility: plan,
    pause: (on) => {
      paused = on;
      plan();
    },
    isPaused: () => paused,
  };
}
