/* Fetching ahead: frames that will be requested soon, nearest first, never more at a time than the link carries. */

import { isAborted } from './api.mjs';
import { browserClock } from './clock.mjs';
/** @import { Clock } from './clock.mjs' */

/** @typedef {ReturnType<typeof createPrefetcher>} Prefetcher */

const PAUSE_MS = 1000;

/** `fetchFrame(index, signal)` resolves with a frame, `onFrame(index, frame)` takes it, `has(index)` is true for
 * a frame that is cached, `maxInFlight()` how many may be in flight.
 * @template F
 * @param {(index: number, signal: AbortSignal) => Promise<F>} fetchFrame
 * @param {(index: number, frame: F) => void} onFrame @param {(index: number) => boolean} has
 * @param {() => number} maxInFlight @param {Clock} [clock] */
export function createPrefetcher(fetchFrame, onFrame, has, maxInFlight, clock = browserClock) {
  /** @type {Map<number, AbortController>} */
  const running = new Map();
  /** @type {number[]} */
  let list = [];
  let backingOff = false;
  let isPaused = false;

  /** Replace the queue. Requests in flight that are not in it are aborted. @param {number[]} indices */
  function setQueue(indices) {
    list = indices;
    const planned = new Set(indices);
    for (const [index, control] of running) {
      if (!planned.has(index)) cancel(index, control);
    }
    pump();
  }

  /** @param {number} index @param {AbortController} control */
  function cancel(index, control) {
    running.delete(index);
    control.abort();
  }

  function pump() {
    if (backingOff || isPaused) return;
    const limit = maxInFlight();
    for (const index of list) {
      if (running.size >= limit) return;
      if (!running.has(index) && !has(index)) start(index);
    }
  }

  /** @param {number} index */
  function start(index) {
    const control = new AbortController();
    running.set(index, control);
    fetchFrame(index, control.signal).then(
      (frame) => {
        if (running.get(index) !== control) return;
        running.delete(index);
        onFrame(index, frame);
        pump();
      },
      (error) => {
        if (running.get(index) !== control) return;
        running.delete(index);
        if (isAborted(error)) return;
        // A failed prefetch is not reported: the demand will say what is wrong.
        backingOff = true;
        clock.later(() => {
          backingOff = false;
          pump();
        }, PAUSE_MS);
      },
    );
  }

  /** While a demand needs the whole link no prefetch starts, and those in flight are aborted.
   * @param {boolean} on @param {number} [except] */
  function pause(on, except) {
    isPaused = on;
    if (!on) pump();
    else for (const [index, control] of running) if (index !== except) cancel(index, control);
  }

  return {
    setQueue,
    pause,
    /* More may be in flight than before. */
    resume: pump,
    stop: () => setQueue([]),
    /** @param {number} index */
    isRunning: (index) => running.has(index),
    size: () => running.size,
  };
}
