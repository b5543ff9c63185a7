/* The browser's clock. Parts that wait take one as an argument, so that tests pass time without waiting. */

/**
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since some moment.
 * @property {() => number} inputTime Time of the key, wheel or pointer that is being handled (ms), else `now`.
 * @property {(job: () => void, ms: number) => number} later Calls a job in a task of its own; returns a handle, never 0.
 * @property {(handle: number) => void} cancel Does nothing for 0, and for a job that was called.
 * @property {(job: (now: number) => void) => void} nextFrame Calls a job before the next frame is drawn, with its time.
 */

/** @type {Clock} */
export const browserClock = {
  now: () => performance.now(),
  inputTime: () => {
    // What is pressed while this thread is busy is handled later than its own time.
    const { event } = globalThis;
    return event instanceof UIEvent && event.isTrusted
      ? Math.min(event.timeStamp, performance.now())
      : performance.now();
  },
  later: (job, ms) => setTimeout(job, ms),
  cancel: (handle) => clearTimeout(handle),
  nextFrame: (job) => requestAnimationFrame(job),
};
