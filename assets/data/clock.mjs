/* The browser's clock. Parts that wait take one as an argument, so that tests pass time without waiting. */

/**
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since some moment.
 * @property {(job: () => void, ms: number) => any} later Calls a job in a task of its own; returns a handle.
 * @property {(handle: any) => void} cancel
 * @property {(job: (now: number) => void) => void} nextFrame Calls a job before the next frame is drawn, with its time.
 */

/** @type {Clock} */
export const browserClock = {
  now: () => performance.now(),
  later: (job, ms) => setTimeout(job, ms),
  cancel: (handle) => clearTimeout(handle),
  nextFrame: (job) => requestAnimationFrame(job),
};
