/* The frames that the page keeps: a ring around the slice on the screen, bounded in bytes. */
(function (lamella) {
  'use strict';

  // A file may be written anew behind the page's back: what is older is asked for again.
  const MAX_AGE_MS = 120000;
  // What lies behind is as likely to be wanted as what lies so much further ahead.
  const BEHIND = 2;

  /* A ring of at most `limit` bytes. A frame has `codes` (Uint8Array) and `step`; a series is all that decides
     the bytes of a frame but its index. */
  function makeRing(limit, now) {
    const series = new Map();
    const clock = now || (() => performance.now());
    let here = { name: '', index: 0, direction: 1 };
    let bytes = 0;

    /* Where the viewer is, and which way it goes. */
    function stand(name, index, direction) {
      here = { name: name, index: index, direction: direction };
      const frames = series.get(name);
      if (!frames) return;
      // The series of today is the last to go.
      series.delete(name);
      series.set(name, frames);
    }

    /* The frame at `index`, at most `step` coarse; null if there is none. */
    function get(name, index, step) {
      const frame = series.has(name) ? series.get(name).get(index) : undefined;
      if (!frame || frame.step > step || clock() - frame.since > MAX_AGE_MS) return null;
      return frame;
    }

    function put(name, index, frame) {
      if (!series.has(name)) series.set(name, new Map());
      const frames = series.get(name);
      remove(frames, index);
      frames.set(index, Object.assign(frame, { since: clock() }));
      bytes += frame.codes.byteLength;
      while (bytes > limit && evict(name, index));
    }

    /* Let one frame go: of the series that was left longest ago, the one that is furthest from here. The newest
       stays. */
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

    function drop() {
      series.clear();
      bytes = 0;
    }

    return { stand: stand, get: get, put: put, drop: drop, bytes: () => bytes };
  }

  lamella.makeRing = makeRing;
})((window.lamella = window.lamella || {}));
