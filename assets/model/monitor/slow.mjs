/* One slice that was served: its stages as a waterfall, its bytes, and the reason in a sentence. */

import { encodeValue } from '../address.mjs';
import { describeCulprit } from '../culprit.mjs';
import { formatBytes } from '../number-format.mjs';
import { formatCount, formatDuration } from './format.mjs';
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
 * @property {number | null} read_bytes Null for what the HDF5 library reads.
 * @property {number | null} decoded_bytes Null where earlier versions kept it.
 * @property {number | null} amplification Decoded bytes / bytes of the slice.
 * @property {Record<string, number>} stages Those of the server, in ms.
 * @property {number} total_ms The server's total.
 * @property {Record<string, number> | null} page_stages What the page reported, in ms; null where it did not.
 * @property {number | null} perceived_ms From the key, wheel or click to the picture.
 */

/**
 * @typedef {{name: string, what: string, color: string}} StageWords
 * @typedef {StageWords & {ms: number, from: number, width: number}} Bar `from` and `width` are shares of the whole.
 */

/** Times (ms) of all stages that are known. @param {SlowSlice} slice */
const allStages = (slice) => ({ ...slice.stages, ...slice.page_stages });

/** How long a slice took (ms), as far as it is known. @param {SlowSlice} slice @returns {number} */
export function wholeMs(slice) {
  const known = Object.values(slice.page_stages || {}).reduce((sum, ms) => sum + ms, slice.total_ms);
  return Math.max(slice.perceived_ms || 0, known);
}

/** Bars of the stages, one after the other: what the page waited, then the pipeline's order.
 * @param {SlowSlice} slice @param {StageWords[]} stages @returns {Bar[]} */
export function waterfallOf(slice, stages) {
  const whole = Math.max(wholeMs(slice), 1e-6);
  const times = allStages(slice);
  const isFirst = (/** @type {StageWords} */ { name }) => name === 'waited';
  const inOrder = [...stages.filter(isFirst), ...stages.filter((stage) => !isFirst(stage))];
  let from = 0;
  return inOrder.filter(({ name }) => times[name] > 0).map(({ name, what, color }) => {
    const ms = times[name];
    // Apart from `wait`, which is on the server.
    const label = name === 'waited' ? 'waited (page)' : name;
    const bar = { name: label, what, color, ms, from: from / whole, width: ms / whole };
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
  const culprit = describeCulprit(allStages(slice), wholeMs(slice), null);
  return how + ' ' + culprit.replace(/^(Your|This) (network|browser)/, 'The viewer’s $2');
}

/** What was read, decoded and sent for it. @param {SlowSlice} slice @returns {string} */
export function bytesSentence({ bytes, read_bytes: read, decoded_bytes: decoded, amplification }) {
  const sent = `sent ${formatBytes(bytes)}.`;
  if (decoded === null) return `S${sent.slice(1)}`;
  if (!decoded && !read) return `Nothing was read or decoded for it; ${sent}`;
  const times = amplification === null ? '' : ` (${formatTimes(amplification)} the slice)`;
  const found = read === null ? 'Read by the HDF5 library, which does not say how much' : `Read ${formatBytes(read)}`;
  return `${found}, decoded ${formatBytes(decoded)}${times}, ${sent}`;
}

/** @param {number} factor @returns {string} */
function formatTimes(factor) {
  if (Math.abs(factor - 1) < 0.05) return 'as much as';
  return `${factor < 10 ? Math.round(10 * factor) / 10 : formatCount(Math.round(factor))} times`;
}

/** A selection without steps of one. @param {string} selection @returns {string} */
export function shortSelection(selection) {
  return selection.replace(/:1(?=,|$)/g, (step, at) => (/:\d+$/.test(selection.slice(0, at)) ? '' : step));
}

/** Why nobody knows how long the viewer waited. @param {SlowSlice} slice @returns {string} */
const missingTime = (slice) => slice.page_stages ? 'drawn without a key, wheel or click' : 'not reported by the page';

/** @param {SlowSlice} slice @returns {[name: string, text: string][]} */
export function slowFacts(slice) {
  return [
    ['Volume', slice.volume],
    ['Selection', shortSelection(slice.selection)],
    ['Until painted', slice.perceived_ms === null ? missingTime(slice) : formatDuration(slice.perceived_ms)],
    ['Server, in all', formatDuration(slice.total_ms)],
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

/** The slices that the filters leave. @param {SlowSlice[]} slices @param {Record<string, string>} filters */
export function chosenSlices(slices, filters) {
  return slices.filter((slice) =>
    /** @type {const} */ (['volume', 'outcome', 'reason']).every((name) =>
      !filters[name] || filters[name] === slice[name]
    )
  );
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
