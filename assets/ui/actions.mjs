/* What can be done on the page, for the command palette. A module that brings actions adds a source of them:
   `actions.add(() => [{group: 'Tools', title: 'Ruler', keys: 'M', run: () => choose('ruler')}])`. */

/**
 * @typedef {object} Action
 * @property {string} group
 * @property {string} title
 * @property {() => unknown} run
 * @property {string} [keys] What does the same at the keyboard, as model/keys.mjs has it.
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
