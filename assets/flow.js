/* Fetching ahead: frames that will be wanted soon, nearest first, never more at a time than the link carries. */
(function (lamella) {
  'use strict';

  const PAUSE_MS = 1000;

  /* `fetchFrame(index, signal)` resolves with a frame, `arrived(index, frame)` takes it, `has(index)` tells what
     need not be fetched, `most()` how many may be under way. */
  function makeFlow(fetchFrame, arrived, has, most, later) {
    const running = new Map();
    const wait = later || ((job, ms) => setTimeout(job, ms));
    let list = [];
    let paused = false;
    let held = false;

    /* What is wanted from now on, in this order. What is under way and no longer wanted is given up. */
    function want(indices) {
      list = indices;
      const wanted = new Set(indices);
      for (const [index, control] of running) {
        if (!wanted.has(index)) give(index, control);
      }
      pump();
    }

    function give(index, control) {
      running.delete(index);
      control.abort();
    }

    function pump() {
      if (paused || held) return;
      const room = most();
      for (const index of list) {
        if (running.size >= room) return;
        if (!running.has(index) && !has(index)) start(index);
      }
    }

    function start(index) {
      const control = new AbortController();
      running.set(index, control);
      fetchFrame(index, control.signal).then(
        (frame) => {
          if (running.get(index) !== control) return;
          running.delete(index);
          arrived(index, frame);
          pump();
        },
        (error) => {
          if (running.get(index) !== control) return;
          running.delete(index);
          if (error.name === 'AbortError') return;
          // Nobody misses what was fetched ahead: the demand will say what is wrong.
          paused = true;
          wait(() => {
            paused = false;
            pump();
          }, PAUSE_MS);
        },
      );
    }

    /* While a demand needs the whole link nothing is started, and what runs is given up. */
    function hold(on, except) {
      held = on;
      if (!on) pump();
      else for (const [index, control] of running) if (index !== except) give(index, control);
    }

    return {
      want: want, hold: hold, stop: () => want([]), running: (index) => running.has(index), size: () => running.size,
    };
  }

  lamella.makeFlow = makeFlow;
})((window.lamella = window.lamella || {}));
