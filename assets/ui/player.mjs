/* Playback: every slice, or as many per second as the page has time to draw. */

import { nextIndex } from '../model/playback.mjs';
import { element } from '../render/dom.mjs';

export function createPlayer({ store, go, onStop }) {
  const settings = { speed: 15, direction: 1, end: 'loop', timing: 'every' };
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
    const end = direction > 0 ? view.shape[view.axis] - 1 : 0;
    if (settings.end === 'stop' && view.position[view.axis] === end) {
      go(direction > 0 ? 0 : view.shape[view.axis] - 1);
    }
    since = performance.now();
    seen = true;
    label();
    requestAnimationFrame(tick);
  }

  function stop() {
    if (!playing) return;
    playing = false;
    label();
    onStop();
  }

  function tick(now) {
    if (!playing) return;
    if (document.hidden) {
      stop();
      return;
    }
    const each = 1000 / settings.speed;
    // Frames come a little early or late; one that is due within half a frame is due.
    const due = Math.floor((now - since + 8) / each);
    if (due > 0 && (seen || settings.timing === 'real')) advance(settings.timing === 'real' ? due : 1, now, each);
    requestAnimationFrame(tick);
  }

  function advance(by, now, each) {
    since = settings.timing === 'real' ? since + by * each : Math.max(since + each, now - each);
    const view = store.current();
    const found = nextIndex(view.position[view.axis], by * direction, view.shape[view.axis], settings.end);
    if (!found) {
      stop();
      return;
    }
    direction *= found[1];
    seen = false;
    go(found[0]);
  }

  /* The slice that is to come `k` after `index`, for prefetching; null after the last. */
  function indexAfter(index, k, length) {
    const found = nextIndex(index, k * direction, length, settings.end);
    return found && found[0];
  }

  /* The requested slice is on the screen. */
  function onPainted() {
    seen = true;
  }

  function label() {
    const button = element('slice-play');
    button.classList.toggle('playing', playing);
    button.setAttribute('aria-label', playing ? 'Pause (space)' : 'Play (space)');
    button.setAttribute('aria-pressed', String(playing));
  }

  function configure(change) {
    Object.assign(settings, change);
    direction = settings.direction;
    since = performance.now();
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
