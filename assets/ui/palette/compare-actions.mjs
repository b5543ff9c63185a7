/* Comparisons in the command palette: with each dataset that may fit, and with files whose datasets are not known yet. */

import { choicesFor } from '../../model/compare-choices.mjs';
/** @import { Datasets } from '../../data/datasets.mjs' */
/** @import { Status } from '../status.mjs' */
/** @import { Viewer } from '../viewer.mjs' */
/** @import { Action } from '../actions.mjs' */

const GROUP = 'Compare';
const WITH = 'Compare with ';

/** `open(text)` opens the palette with a text. @param {{datasets: Pick<Datasets, 'files' | 'known' | 'loadFile'>,
 *   viewer: Pick<Viewer, 'current' | 'setCompare'>, status: Pick<Status, 'note'>, open: (text: string) => void}} parts
 * @returns {() => Action[]} */
export function compareActions({ datasets, viewer, status, open }) {
  /** The datasets of a file are listed next. @param {string} file */
  async function listFile(file) {
    try {
      await datasets.loadFile(file);
      open(WITH + file);
    } catch (error) {
      status.note(/** @type {Error} */ (error).message, 'compare');
    }
  }

  return () => {
    const view = viewer.current();
    if (!view) return [];
    return choicesFor(view, datasets.files() || [], datasets.known)
      .filter(({ file, dataset }) => file + '|' + dataset !== view.compare)
      .map(({ file, dataset }) =>
        dataset === null
          ? { group: GROUP, title: WITH + 'a dataset of ' + file + ' …', run: () => listFile(file) }
          : { group: GROUP, title: WITH + dataset + ' of ' + file, run: () => viewer.setCompare(file + '|' + dataset) }
      );
  };
}
