/* Parts of the page that are shown one after the other, each in a task of its own: redrawing all of the panels takes
   longer than a frame. While slices move they are put off, though not for ever: then one is shown right behind a
   slice that was painted, where the time until the next one is the longest. */

// In a long movement each part is shown about this often: figures come every two seconds.
const LONGEST_MS = 2500;

// How long what is overdue waits for a slice to be painted.
const GRACE_MS = 100;
const POLL_MS = 100;

// Time for the browser to paint one part and to handle keys before the next begins.
const APART_MS = 50;

/* `show(id, props)` shows a part, `isIdle()` says whether nothing moves, `seen(id)` whether anybody could see the part,
   `now()` gives ms, `later(job, ms)` waits. */
export function createPanelScheduler({
  show,
  isIdle,
  isVisible,
  now = () => performance.now(),
  later = (job, ms) => setTimeout(job, ms),
}) {
  const waiting = new Map();
  const shown = new Map();
  let turn = 0;
  let last = -Infinity;

  const at = (id) => (shown.has(id) ? shown.get(id).at : -Infinity);

  /* What is to be shown: {id: properties}; what is already, or is put anew before its turn, is left out. */
  function enqueue(parts) {
    Object.entries(parts || {}).forEach(([id, props]) => {
      const text = JSON.stringify(props);
      if (shown.has(id) && shown.get(id).text === text) waiting.delete(id);
      else waiting.set(id, { props, text });
    });
    schedule();
  }

  /* Something has changed: more to be shown, or a part has become visible. */
  function schedule() {
    if (waiting.size) plan(last + APART_MS - now(), false);
  }

  /* A slice has just come on the screen. */
  function onPainted() {
    if (waiting.size && now() - last >= APART_MS) plan(0, true);
  }

  function plan(ms, behindSlice) {
    turn += 1;
    const mine = turn;
    later(() => mine === turn && next(behindSlice), Math.max(ms, 0));
  }

  function next(behindSlice) {
    const ids = Array.from(waiting.keys()).filter(isVisible).sort((a, b) => at(a) - at(b));
    if (!ids.length) return;
    const over = now() - at(ids[0]) - LONGEST_MS;
    if (!isIdle() && (over < 0 || (!behindSlice && over < GRACE_MS))) {
      plan(POLL_MS, false);
      return;
    }
    const { props, text } = waiting.get(ids[0]);
    waiting.delete(ids[0]);
    last = now();
    shown.set(ids[0], { text, at: last });
    // What one part throws reaches the console, and the others are shown all the same.
    try {
      show(ids[0], props);
    } finally {
      schedule();
    }
  }

  return { enqueue, schedule, onPainted };
}
