/* The browser's clock. Parts that wait take one as an argument, so that tests pass time without waiting. */

/**
 * @typedef {object} Clock
 * @property {() => number} now Milliseconds since some moment.
 * @property {() => number} inputTime Time of the key, wheel or pointer that is being handled (ms), else `now`.
 * @property {(job: () => void, ms: number) => number} later Calls a job in a task of its own; returns a handle, never 0.
 * @property {(handle: number) => void} cancel Does nothing for 0, and for a job that was called.
 * @property {(job: (now: number) => void) => void} nextFrame Calls a job before the next frame is drawn, with its time.
 */

/** Resolves with the time (ms) when what was drawn is on the screen: in the task after the next animation frame. A hidden
 * page has no such frame, and shows nothing. @param {Clock} clock @returns {Promise<number>} */
export function whenShown(clock) {
  return new Promise((resolve) => {
    clock.nextFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        channel.port1.close();
        resolve(clock.now());
      };
      channel.port2.postMessage(null);
    });
    if (document.hidden) resolve(clock.now());
  });
}

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
