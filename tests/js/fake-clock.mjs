/* A clock whose time passes when a test says so. Frames are drawn every 16 ms. */

const FRAME_MS = 16;

export function createFakeClock() {
  let now = 0;
  let jobs = [];
  const later = (job, ms) => {
    const entry = { job, at: now + Math.max(ms, 0) };
    jobs.push(entry);
    return entry;
  };
  return {
    now: () => now,
    inputTime: () => now,
    later,
    cancel: (handle) => {
      jobs = jobs.filter((entry) => entry !== handle);
    },
    nextFrame: (job) => later(() => job(now), FRAME_MS - (now % FRAME_MS)),
    /* Let `ms` pass: timers are called in their order, and promises that are ready are heard after each. */
    pass: async (ms) => {
      const end = now + ms;
      for (;;) {
        await settled();
        const [next] = jobs.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at);
        if (!next) break;
        jobs = jobs.filter((entry) => entry !== next);
        now = Math.max(now, next.at);
        next.job();
      }
      now = end;
    },
  };
}

/* After all promises that are ready. */
export function settled() {
  return new Promise((resolve) => setTimeout(resolve));
}
