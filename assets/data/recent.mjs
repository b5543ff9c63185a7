/* The datasets that were open in this browser, with the link to where they were left. */

/**
 * @typedef {{file: string, dataset: string, link: string}} RecentView
 * @typedef {ReturnType<typeof createRecent>} Recent
 */

const STORAGE_KEY = 'lamella-recent';
const MOST = 8;

/** `storage` gives the browser's, and throws where the page may not store anything, as in the frame of another site.
 * @param {() => Pick<Storage, 'getItem' | 'setItem'>} [storage] */
export function createRecent(storage = () => localStorage) {
  /** The one that was open last comes first. @returns {RecentView[]} */
  function all() {
    try {
      const found = JSON.parse(storage().getItem(STORAGE_KEY) || '[]');
      /** @param {RecentView | null} one */
      const isRight = (one) => one && [one.file, one.dataset, one.link].every((text) => typeof text === 'string');
      // A link that leads elsewhere is none of this page's.
      return found.filter((/** @type {RecentView} */ one) => isRight(one) && one.link.startsWith('?')).slice(0, MOST);
    } catch {
      return [];
    }
  }

  // The link of what was opened, until something of it is changed.
  let fresh = '';

  /** The one that was open last of a file, or of a dataset of it. @param {string} file @param {string | null} [dataset]
   * @returns {RecentView | null} */
  function of(file, dataset = null) {
    return all().find((one) => one.file === file && (dataset === null || one.dataset === dataset)) || null;
  }

  /** What was opened by its name alone, and has not been changed, is kept as it was left before.
   * @param {RecentView} view */
  function add(view) {
    const kept = view.link === fresh ? of(view.file, view.dataset) : null;
    const others = all().filter((one) => one.file !== view.file || one.dataset !== view.dataset);
    try {
      storage().setItem(STORAGE_KEY, JSON.stringify([kept || view, ...others].slice(0, MOST)));
    } catch {
      // Without storage there is nothing recent.
    }
  }

  return {
    add,
    all,
    of,
    /** @param {string} link Of a dataset that was opened by its name. */
    opened: (link) => {
      fresh = link;
    },
  };
}
