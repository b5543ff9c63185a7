/* Slices that were requested as values and are not painted yet, to count those that never are: while the view moves, the
   scrubber counts its own. */

/** The name of the slice that a view shows, whatever part of it.
 * @param {{generation: number, axis: number | null, position: readonly number[]}} view @returns {string} */
const nameOf = ({ generation, axis, position }) => [generation, axis, ...position].join();

/** `onSkipped()` is called for each slice that another one took the place of. @param {() => void} onSkipped */
export function createAwaited(onSkipped) {
  /** In the order of the requests. @type {Set<string>} */
  const names = new Set();

  /** @param {Parameters<typeof nameOf>[0]} view */
  function add(view) {
    const name = nameOf(view);
    names.delete(name);
    names.add(name);
  }

  /** A slice was painted: what was requested before it never will be. @param {Parameters<typeof nameOf>[0]} view */
  function painted(view) {
    const name = nameOf(view);
    if (names.has(name)) leave(name);
  }

  /* The slice to which the view has moved was painted, which was requested after all of these. */
  function passed() {
    leave(null);
  }

  /** @param {string | null} upTo */
  function leave(upTo) {
    for (const name of Array.from(names)) {
      names.delete(name);
      if (name === upTo) return;
      onSkipped();
    }
  }

  return { add, painted, passed, clear: () => names.clear() };
}
