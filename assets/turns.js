/* Parts of the page that are shown one after the other, each in a task of its own: redrawing all of the panels takes
   longer than a frame. None is shown while slices move, unless it has been put off for too long. */
(function (lamella) {
  'use strict';

  const LONGEST_MS = 2000;
  // Dash and React take some tasks of their own until a figure is drawn.
  const APART_MS = 60;

  /* `show(id, props)` shows a part, `moving()` says whether slices move, `now()` gives ms, `later(job, ms)` waits. */
  function makeTurns(show, moving, now, later) {
    const waiting = new Map();
    const shown = {};
    let running = false;

    /* What is to be shown: {id: properties}; what is already, or is shown anew before its turn, is left out. */
    function put(parts) {
      Object.entries(parts || {}).forEach(([id, props]) => {
        const text = JSON.stringify(props);
        const before = waiting.get(id);
        if (text === shown[id]) waiting.delete(id);
        else waiting.set(id, { props: props, text: text, since: before ? before.since : now() });
      });
      if (!running) next();
    }

    function next() {
      const due = Array.from(waiting).find(([, { since }]) => !moving() || now() - since >= LONGEST_MS);
      if (due) {
        const [id, { props, text }] = due;
        waiting.delete(id);
        shown[id] = text;
        show(id, props);
      }
      running = due !== undefined || waiting.size > 0;
      if (running) later(next, APART_MS);
    }

    return { put: put };
  }

  lamella.makeTurns = makeTurns;
})((window.lamella = window.lamella || {}));
