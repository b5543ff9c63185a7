/* What undo and redo go through: the views that were chosen, at most `LIMIT` of them. Changes of the same kind that follow
   each other at once are one, as a run of slices or the drag of a window is. */

/** @import { View } from './view.mjs' */

/** @typedef {ReturnType<typeof createViewHistory>} ViewHistory */

const LIMIT = 100;
const RUN_MS = 1500;
const NO_RUN = { kind: '', at: -Infinity };
// What the file says, and nobody chose.
/** @type {readonly (keyof View)[]} */
const GIVEN = [
  'listed',
  'generation',
  'shape',
  'chunks',
  'growable',
  'dtype',
  'element',
  'complex',
  'isEnum',
  'meaning',
];

/** What differs of what was chosen. @param {View} a @param {View} b @returns {(keyof View)[]} */
function chosenIn(a, b) {
  return (/** @type {(keyof View)[]} */ (Object.keys(b))).filter((key) =>
    a[key] !== b[key] && !GIVEN.includes(key) && String(a[key]) !== String(b[key])
  );
}

/** A kind of change: along which dimensions a position moved, or which properties. What is drawn or kept, or removed, is a change
 * of its own, as moving it is not. @param {View} a @param {View} b */
function kindOf(a, b) {
  if (a.file !== b.file || a.dataset !== b.dataset) return 'dataset';
  const changed = chosenIn(a, b);
  const [key] = changed;
  if (changed.length === 1 && (key === 'tools' || key === 'frozen')) {
    return key + [a, b].map((one) => countIn(one[key]));
  }
  if (String(changed) !== 'position') return changed.join();
  return 'position ' + b.position.map((_, d) => d).filter((d) => a.position[d] !== b.position[d]);
}

/** @param {string} list As links have it. */
const countIn = (list) => (list ? list.split(';').length : 0);

/** @param {{limit?: number, runMs?: number}} [options] */
export function createViewHistory({ limit = LIMIT, runMs = RUN_MS } = {}) {
  /** @type {View[]} */
  let past = [];
  /** @type {View[]} */
  let future = [];
  /** @type {View | null} */
  let present = null;
  let run = NO_RUN;
  // A view of the history is requested, and may come as the link of it says.
  let landing = false;

  /** A view is shown at a time (ms); without one, as that of a link is, it goes on with no run, and begins none.
   * @param {View} view @param {number | null} at */
  function note(view, at) {
    const lands = landing && present?.file === view.file && present.dataset === view.dataset;
    landing = false;
    if (!present || present === view || lands) {
      present = view;
      return;
    }
    const kind = kindOf(present, view);
    if (kind) {
      const goesOn = at !== null && kind !== 'dataset' && kind === run.kind && at - run.at < runMs;
      if (!goesOn) past = [...past, present].slice(-limit);
      future = [];
      run = at === null ? NO_RUN : { kind, at };
    }
    present = view;
  }

  /** The view is another one now that nobody chose. @param {View} view */
  function amend(view) {
    present = view;
    run = NO_RUN;
  }

  /** Go from one list to the other; null where there is nothing. @param {View[]} from @param {View[]} to */
  function go(from, to) {
    const next = from.pop();
    if (!next || !present) return null;
    to.push(present);
    present = next;
    run = NO_RUN;
    landing = true;
    return next;
  }

  return {
    note,
    amend,
    undo: () => go(past, future),
    redo: () => go(future, past),
    canUndo: () => past.length > 0,
    canRedo: () => future.length > 0,
  };
}

/** A view of the history as it can be shown now: what the file says is as it is. Null where it is of another dataset, or of
 * another state of the file.
 * @param {View} entry @param {View} now @returns {View | null} */
export function shownAgain(entry, now) {
  if (entry.generation !== now.generation) return null;
  const { shape, growable, isEnum, listed, meaning } = now;
  return Object.freeze({ ...entry, shape, growable, isEnum, listed, meaning });
}
