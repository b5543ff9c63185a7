/* One slow slice: its stages as a waterfall, and the reason in a sentence. */

import { encodeValue } from '../address.mjs';
import { describeCulprit } from '../culprit.mjs';
import { formatBytes, formatDuration } from './format.mjs';
/** @import { HeatmapCell } from './heatmap.mjs' */

/**
 * @typedef {object} SlowSlice
 * @property {number} time Of the response (Unix time, s).
 * @property {string} volume
 * @property {string} selection
 * @property {string} outcome
 * @property {string | null} reason Why it was no hit.
 * @property {string} viewer
 * @property {number} bytes Sent.
 * @property {Record<string, number>} stages In ms.
 * @property {number} total_ms
 */

/**
 * @typedef {{name: string, what: string, color: string}} StageWords
 * @typedef {StageWords & {ms: number, from: number, width: number}} Bar `from` and `width` are shares of the whole.
 */

/** Bars of the stages, one after the other in the pipeline's order.
 * @param {SlowSlice} slice @param {StageWords[]} stages @returns {Bar[]} */
export function waterfallOf(slice, stages) {
  const whole = Math.max(slice.total_ms, 1e-6);
  let from = 0;
  return stages.filter(({ name }) => slice.stages[name] > 0).map(({ name, what, color }) => {
    const ms = slice.stages[name];
    const bar = { name, what, color, ms, from: from / whole, width: ms / whole };
    from += ms;
    return bar;
  });
}

/** @type {Record<string, string>} */
const HOW = {
  ring: 'The page had this slice.',
  hit: 'This slice was cached.',
  prefetched: 'This slice had been decoded ahead.',
  coalesced: 'This slice waited for a decode that another request had begun',
  miss: 'This slice was decoded',
};

/** Why it took as long as it did; `causes` are the reasons in words.
 * @param {SlowSlice} slice @param {Record<string, string>} causes @returns {string} */
export function slowSentence(slice, causes) {
  const because = slice.reason ? `, because ${causes[slice.reason] || slice.reason}.` : '';
  const how = HOW[slice.outcome] + (because || (HOW[slice.outcome].endsWith('.') ? '' : '.'));
  return how + ' ' + describeCulprit(slice.stages, slice.total_ms, null);
}

/** A selection without steps of one. @param {string} selection @returns {string} */
export function shortSelection(selection) {
  return selection.replace(/:1(?=,|$)/g, (step, at) => (/:\d+$/.test(selection.slice(0, at)) ? '' : step));
}

/** @param {SlowSlice} slice @returns {[name: string, text: string][]} */
export function slowFacts(slice) {
  return [
    ['Volume', slice.volume],
    ['Selection', shortSelection(slice.selection)],
    ['Server, in all', formatDuration(slice.total_ms)],
    ['Sent', formatBytes(slice.bytes)],
    ['Viewer', slice.viewer.slice(0, 8)],
  ];
}

/** The viewer's address of a slice, null where its volume is in none of the files: a volume is called by its file's name
 * and the path in it. @param {SlowSlice} slice @param {string[]} files @param {string} prefix */
export function viewerLink(slice, files, prefix) {
  const file = files.filter((name) => slice.volume.startsWith(name + '/')).sort((a, b) => b.length - a.length)[0];
  if (!file) return null;
  const query = [['file', file], ['dataset', slice.volume.slice(file.length)], ['selection', slice.selection]];
  return prefix + '/?' + query.map(([name, value]) => name + '=' + encodeValue(value)).join('&');
}

/** The slices that the filters leave, in the order asked for, the slowest first or the latest first.
 * @param {SlowSlice[]} slices @param {Record<string, string>} filters @param {string} order */
export function chosenSlices(slices, filters, order) {
  const found = slices.filter((slice) =>
    /** @type {const} */ (['volume', 'outcome', 'reason']).every((name) =>
      !filters[name] || filters[name] === slice[name]
    )
  );
  return order === 'latest' ? found.sort((a, b) => b.time - a.time) : found;
}

/** The slices of a cell of the heatmap, the slowest first: those that began before it ended and took as long. What
 * viewers perceived is longer than the server's total by what the page and the network took.
 * @param {SlowSlice[]} slices @param {HeatmapCell} cell @param {boolean} isServer */
export function slicesOfCell(slices, cell, isServer) {
  return slices.filter((slice) =>
    slice.time >= cell.from && slice.time < cell.to && slice.total_ms <= cell.highMs &&
    (!isServer || slice.total_ms > cell.lowMs)
  );
}
