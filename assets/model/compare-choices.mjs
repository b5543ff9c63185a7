/* What a volume can be compared with. */

import { compared } from './compare.mjs';
import { mayLie } from './comparison.mjs';
/** @import { ListedDatasets, ListedFile } from './tree-nodes.mjs' */
/** @import { View } from './view.mjs' */

/** @typedef {{file: string, dataset: string | null}} Choice `dataset` is null for a file whose datasets are not known yet. */

/** Datasets that may fit, those of the view's file first, and files that are not known; the view's own dataset is none of them,
 * but for where it is compared with itself. @param {View} view @param {readonly ListedFile[]} files
 * @param {(file: string) => ListedDatasets | undefined} known @returns {Choice[]} */
export function choicesFor(view, files, known) {
  const target = compared(view.compare);
  const names = new Set([view.file, ...(target ? [target.file] : []), ...files.map(({ file }) => file)]);
  return Array.from(names).flatMap((file) => {
    const { list } = known(file) || {};
    /** @type {(string | null)[]} */
    const fitting = list ? fittingIn(view, file, list) : [null];
    if (target?.file === file && !fitting.includes(target.dataset)) fitting.push(target.dataset);
    return fitting.map((dataset) => ({ file, dataset }));
  });
}

/** @param {View} view @param {string} file @param {NonNullable<ListedDatasets['list']>} list */
export function fittingIn(view, file, list) {
  return list.filter((record) =>
    record.browsable && record.shape && (file !== view.file || record.dataset !== view.dataset) &&
    mayLie(view, record.shape)
  ).map((record) => record.dataset);
}

/** @param {Choice} choice */
export const choiceText = ({ file, dataset }) => file + ' · ' + (dataset ?? 'its datasets …');
