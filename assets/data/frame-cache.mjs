/* The frames that the page keeps around the slice on the screen, bounded in bytes. Slices from here have the source
   `ring`. */

import { browserClock } from './clock.mjs';

export const FRAME_CACHE_BYTES = 96 * 2 ** 20;

// The file may change without the page noticing: older frames are fetched again.
const MAX_AGE_MS = 120000;

// A frame behind the cursor is as likely to be requested as one this many times further ahead.
const BEHIND = 2;

/* Frames of at most `limit` bytes. A frame has `codes` (Uint8Array) and `step`; a series is all that decides
   the bytes of a frame but its index. */
export function createFrameCache(limit = FRAME_CACHE_BYTES, clock = browserClock) {
  const series = new Map();
  let here = { name: '', index: 0, direction: 1 };
  let bytes = 0;

  /* The index in view and the direction of travel. */
  function setCursor(name, index, direction) {
    here = { name, index, direction };
    const frames = series.get(name);
    if (!frames) return;
    // The series in use is the last to be evicted.
    series.delete(name);
    series.set(name, frames);
  }

  /* The frame at `index`, at most `step` coarse; null if there is none. */
  function get(name, index, step) {
    const frame = series.has(name) ? series.get(name).get(index) : undefined;
    if (!frame || frame.step > step || clock.now() - frame.since > MAX_AGE_MS) return null;
    return frame;
  }

  function put(name, index, frame) {
    if (!series.has(name)) series.set(name, new Map());
    const frames = series.get(name);
    remove(frames, index);
    frames.set(index, Object.assign(frame, { since: clock.now() }));
    bytes += frame.codes.byteLength;
    while (bytes > limit && evict(name, index));
  }

  /* Evict one frame: of the least recently used series the one that is furthest from the cursor. The newest stays. */
  function evict(name, index) {
    for (const [other, frames] of series) {
      const mine = other === here.name;
      let worst = null;
      let most = -1;
      for (const at of frames.keys()) {
        if (other === name && at === index) continue;
        const off = (at - here.index) * here.direction;
        const far = !mine ? 0 : off < 0 ? -off * BEHIND : off;
        if (far > most) [worst, most] = [at, far];
      }
      if (worst === null) continue;
      remove(frames, worst);
      if (!frames.size) series.delete(other);
      return true;
    }
    return false;
  }

  function remove(frames, index) {
    const frame = frames.get(index);
    if (!frame) return;
    bytes -= frame.codes.byteLength;
    frames.delete(index);
  }

  function clear() {
    series.clear();
    bytes = 0;
  }

  return { limit, setCursor, get, put, clear, bytes: () => bytes };
}
