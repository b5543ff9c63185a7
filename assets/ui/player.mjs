/* Playback: every slice, or as many per second as the page has time to draw. */

import { nextIndex } from '../model/playback.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { EndAction } from '../model/playback.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Range } from '../model/viewport.mjs' */

/**
 * @typedef {object} PlaySettings
 * @property {number} speed Slices a second.
 * @property {number} direction 1 or -1.
 * @property {EndAction} end
 * @property {'every' | 'real'} timing Every slice, or as many as the time allows.
 */

/** @typedef {ReturnType<typeof createPlayer>} Player */

const DEFAULT_SPEED = 15;

/** `go(index)` shows a slice, `rangeOf(view)` gives the first and the last one that are played, `onChange(playing)` is called at the start and the end, `isHidden()` is true for a hidden
 * tab.
 * @param {{clock: Clock, store: Pick<ViewStore, 'current'>, go: (index: number) => void,
 *   rangeOf: (view: View) => Range, onChange: (playing: boolean) => void, isHidden: () => boolean}} parts */
export function createPlayer({ clock, store, go, rangeOf, onChange, isHidden }) {
  /** @type {PlaySettings} */
  const settings = { speed: DEFAULT_SPEED, direction: 1, end: 'loop', timing: 'every' };
  let playing = false;
  let direction = 1;
  let since = 0;
  let seen = true;

  function toggle() {
    if (playing) stop();
    else play();
  }

  function play() {
    const view = store.current();
    if (!view || view.axis === null) return;
    playing = true;
    direction = settings.direction;
    // A slice that is the last one is where playing begins again.
    const [first, last] = rangeOf(view);
    const index = view.position[view.axis];
    const [begin, end] = direction > 0 ? [first, last] : [last, first];
    if ((settings.end === 'stop' && index === end) || index < first || index > last) go(begin);
    since = clock.now();
    seen = true;
    onChange(true);
    clock.nextFrame(tick);
  }

  function stop() {
    if (!playing) return;
    playing = false;
    onChange(false);
  }

  /** @param {number} now */
  function tick(now) {
    if (!playing) return;
    if (isHidden()) {
      stop();
      return;
    }
    const each = 1000 / settings.speed;
    // Frames come a little early or late; one that is due within half a frame is due.
    const due = Math.floor((now - since + 8) / each);
    if (due > 0 && (seen || settings.timing === 'real')) advance(settings.timing === 'real' ? due : 1, now, each);
    clock.nextFrame(tick);
  }

  /** @param {number} by @param {number} now @param {number} each Time of one slice (ms). */
  function advance(by, now, each) {
    since = settings.timing === 'real' ? since + by * each : Math.max(since + each, now - each);
    const view = /** @type {View & {axis: number}} */ (store.current());
    const found = nextWithin(view, view.position[view.axis], by * direction);
    if (!found) {
      stop();
      return;
    }
    direction *= found[1];
    seen = false;
    go(found[0]);
  }

  /** The slice that is to come `k` after `index`, for prefetching; null after the last.
   * @param {number} index @param {number} k @returns {number | null} */
  function indexAfter(index, k) {
    const view = store.current();
    const found = view && nextWithin(view, index, k * direction);
    return found && found[0];
  }

  /** As nextIndex, among the slices that are played. @param {View} view @param {number} index @param {number} by */
  function nextWithin(view, index, by) {
    const [first, last] = rangeOf(view);
    const found = nextIndex(index - first, by, last - first + 1, settings.end);
    return found && /** @type {const} */ ([found[0] + first, found[1]]);
  }

  /* The requested slice is on the screen. */
  function onPainted() {
    seen = true;
  }

  /** @param {Partial<PlaySettings>} change */
  function configure(change) {
    Object.assign(settings, change);
    direction = settings.direction;
    since = clock.now();
  }

  return {
    isPlaying: () => playing,
    toggle,
    stop,
    onPainted,
    indexAfter,
    configure,
  };
}
