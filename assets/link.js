/* What the way to the server carries, measured on the answers that come over it. */
(function (lamella) {
  'use strict';

  const SAMPLES = 12;
  // Below this a body says more about timers than about the link.
  const SHORTEST_MS = 0.5;
  const SMALLEST_BYTES = 20000;
  const START_WITH = 2;
  const MOST = 5;
  // Frames smaller than this show nothing.
  const FEWEST_CELLS = 96 * 96;
  // Part of the link that frames may fill; the rest is for panels, and for being wrong.
  const SHARE = 0.8;

  function makeLink() {
    const rates = [];
    const waits = [];

    /* An answer: its bytes, the time until its first one and that of its body (ms), and how many shared the link. */
    function note(answer) {
      keep(waits, answer.wait);
      if (answer.bytes < SMALLEST_BYTES) return;
      keep(rates, (answer.bytes * answer.shared) / Math.max(answer.body, SHORTEST_MS));
    }

    function keep(list, value) {
      list.push(value);
      if (list.length > SAMPLES) list.shift();
    }

    /* A busy page reads late, so single samples are far too low: three quarters of them are below this. */
    function rate() {
      if (!rates.length) return Infinity;
      return rates.slice().sort((a, b) => a - b)[Math.floor((rates.length - 1) * 0.75)];
    }

    function wait() {
      return waits.length ? waits.slice().sort((a, b) => a - b)[Math.floor(waits.length / 2)] : 0;
    }

    /* How many frames of so many bytes may be under way: one that travels, and those that the link could have
       carried while one of them waits for its first byte. */
    function carries(bytes) {
      if (!rates.length) return START_WITH;
      return Math.min(Math.max(1 + Math.ceil((wait() * rate()) / bytes), START_WITH), MOST);
    }

    /* Whether a frame of so many bytes takes so long that others must not share the link with it (ms). */
    function slow(bytes, ms) {
      return bytes / rate() > ms;
    }

    /* The most cells (a byte each) that a frame may have for `speed` frames/s. */
    function cells(speed) {
      return Math.max((rate() * 1000 * SHARE) / Math.max(speed, 1), FEWEST_CELLS);
    }

    return { note: note, rate: rate, carries: carries, slow: slow, cells: cells };
  }

  lamella.makeLink = makeLink;
})((window.lamella = window.lamella || {}));
