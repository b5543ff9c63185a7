/* The frames that the page keeps around the slice on the screen, bounded in bytes. Slices from here have the source
   `ring`. */

import { browserClock } from './clock.mjs';
/** @import { Placement } from '../model/cells.mjs' */
/** @import { Pixels } from '../model/pixels.mjs' */
/** @import { Clock } from './clock.mjs' */
/** @import { SliceAnswer } from './slice-loader.mjs' */

/**
 * @typedef {object} FrameContent
 * @property {string} frameSetKey Names its series.
 * @property {Uint8Array<ArrayBuffer> | Pixels} codes Row by row, column by column where `transposed`.
 * @property {Uint8Array<ArrayBuffer> | null} [overlay] The codes of the labels over it.
 * @property {boolean} transposed
 * @property {number} rows
 * @property {number} cols
 * @property {string} selection
 * @property {Omit<SliceAnswer, 'bytes'>} answer
 * @property {boolean} [fresh] Whether it has not been painted since it came.
 * @property {number} [since] When it was put here (ms).
 */

/**
 * @typedef {Placement & FrameContent} Frame
 * @typedef {ReturnType<typeof createFrameCache>} FrameCache
 */

export const FRAME_CACHE_BYTES = 96 * 2 ** 20;

// The file may change without the page noticing: older frames are fetched again.
const MAX_AGE_MS = 120000;

// A frame behind the cursor is as likely to be requested as one this many times further ahead.
const BEHIND = 2;

/** Frames of at most `limit` bytes. A frame has `codes` (Uint8Array) and `step`; a series is all that decides
 * the bytes of a frame but its index.
 * @param {number} [limit] @param {Clock} [clock] */
export function createFrameCache(limit = FRAME_CACHE_BYTES, clock = browserClock) {
  /** @type {Map<string, Map<number, Frame & {since: number}>>} */
  const series = new Map();
  let here = { name: '', index: 0, direction: 1 };
  let bytes = 0;

  /** The index in view and the direction of travel.
   * @param {string} name @param {number} index @param {number} direction */
  function setCursor(name, index, direction) {
    here = { name, index, direction };
    const frames = series.get(name);
    if (!frames) return;
    // The series in use is the last to be evicted.
    series.delete(name);
    series.set(name, frames);
  }

  /** The frame at `index`, at most `step` coarse; null if there is none.
   * @param {string} name @param {number} index @param {number} step @returns {Frame | null} */
  function get(name, index, step) {
    const frame = series.get(name)?.get(index);
    if (!frame || frame.step > step || clock.now() - frame.since > MAX_AGE_MS) return null;
    return frame;
  }

  /** @param {string} name @param {number} index @param {Frame} frame */
  function put(name, index, frame) {
    const frames = series.get(name) || new Map();
    series.set(name, frames);
    remove(frames, index);
    frames.set(index, Object.assign(frame, { since: clock.now() }));
    bytes += sizeOf(frame);
    while (bytes > limit && evict(name, index));
  }

  /** Evict one frame: of the least recently used series the one that is furthest from the cursor. The newest stays.
   * @param {string} name @param {number} index @returns {boolean} */
  function evict(name, index) {
    for (const [other, frames] of series) {
      const mine = other === here.name;
      /** @type {number | null} */
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

  /** @param {Map<number, Frame>} frames @param {number} index */
  function remove(frames, index) {
    const frame = frames.get(index);
    if (!frame) return;
    bytes -= sizeOf(frame);
    frames.delete(index);
  }

  function clear() {
    series.clear();
    bytes = 0;
  }

  return { limit, setCursor, get, put, clear, bytes: () => bytes };
}

/** @param {Pick<Frame, 'codes' | 'overlay'>} frame */
const sizeOf = ({ codes, overlay }) => codes.byteLength + (overlay ? overlay.byteLength : 0);
