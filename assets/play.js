/* Playing: slices turn by themselves, each one in its turn, or as many a second as there is time for. */
(function (lamella) {
  'use strict';

  const settings = { speed: 15, direction: 1, end: 'loop', timing: 'every' };

  let playing = false;
  let way = 1;
  let since = 0;
  let seen = true;

  /* Where `by` slices from `index` lead (by < 0: back) among `length`: [index, way], the way 1 or -1 against
     that of `by`; null where playing ends. */
  function turn(index, by, length, end) {
    const to = index + by;
    if (to >= 0 && to < length) return [to, 1];
    if (length < 2) return null;
    if (end === 'loop') return [((to % length) + length) % length, 1];
    if (end === 'stop') {
      const last = by > 0 ? length - 1 : 0;
      return index === last ? null : [last, 1];
    }
    // There and back again is one round; on its second half one goes the other way.
    const round = 2 * (length - 1);
    const start = by > 0 ? index : round - index;
    const at = (start + Math.abs(by)) % round;
    const away = at > length - 1;
    return [away ? round - at : at, away === by > 0 ? -1 : 1];
  }

  function toggle() {
    if (playing) stop();
    else play();
  }

  function play() {
    const view = lamella.viewer.current();
    if (!view || view.axis === null) return;
    playing = true;
    way = settings.direction;
    // A slice that is the last one is where playing begins again.
    const end = way > 0 ? view.shape[view.axis] - 1 : 0;
    if (settings.end === 'stop' && view.position[view.axis] === end) {
      lamella.viewer.go(way > 0 ? 0 : view.shape[view.axis] - 1);
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
    lamella.picture.rest();
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
    const view = lamella.viewer.current();
    const found = turn(view.position[view.axis], by * way, view.shape[view.axis], settings.end);
    if (!found) {
      stop();
      return;
    }
    way *= found[1];
    seen = false;
    lamella.viewer.go(found[0]);
  }

  /* The slice that is to come `k` after `index`, for those who fetch ahead; null after the last. */
  function after(index, k, length) {
    const found = turn(index, k * way, length, settings.end);
    return found && found[0];
  }

  /* The slice that was wished for is on the screen. */
  function painted() {
    seen = true;
  }

  function label() {
    const button = lamella.controls.element('slice-play');
    button.classList.toggle('playing', playing);
    button.setAttribute('aria-label', playing ? 'Pause (space)' : 'Play (space)');
    button.setAttribute('aria-pressed', String(playing));
  }

  function set(change) {
    Object.assign(settings, change);
    way = settings.direction;
    since = performance.now();
  }

  lamella.play = {
    playing: () => playing, toggle: toggle, stop: stop, painted: painted, after: after, set: set, turn: turn,
  };
})((window.lamella = window.lamella || {}));
