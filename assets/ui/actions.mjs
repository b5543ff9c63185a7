/* What can be done on the page, for the command palette. A module that brings actions adds a source of them:
   `actions.add(() => [{group: 'Tools', title: 'Ruler', run: () => choose('ruler')}])`. */

/**
 * @typedef {object} Action
 * @property {string} group
 * @property {string} title What model/keys.mjs calls it, where keys do the same.
 * @property {() => unknown} run
 * @typedef {ReturnType<typeof createActions>} Actions
 */

export function createActions() {
  /** @type {(() => Action[])[]} */
  const sources = [];
  return {
    /** `source()` gives what can be done at the time. @param {() => Action[]} source */
    add: (source) => {
      sources.push(source);
    },
    all: () => sources.flatMap((source) => source()),
  };
}
