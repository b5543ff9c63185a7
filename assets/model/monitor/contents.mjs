/* What is in the brick cache now, by volume and axis, and the jobs that people have asked for. */

import { formatBytes } from '../number-format.mjs';
import { formatCount, formatShare, plural } from './format.mjs';

/** @typedef {{volume: string, axis: string, file: string | null, dataset: string | null, bricks: number,
 *  bytes: number}} ContentsGroup */
/** @typedef {{id: string, kind: string, volume: string, what: {axis?: string, start?: number, stop?: number,
 *  selection?: string},
 *  state: string, done: number, of: number, failed: number, message: string, may_cancel: boolean}} Job */
/** What a person may do with a group. @typedef {{warm: ((group: ContentsGroup) => void) | null,
 *  drop: ((group: ContentsGroup) => void) | null}} ContentsActions */

export const CONTENTS_HEAD = ['volume', 'sliced across', 'bricks', 'size', 'share of the cache'];
export const JOBS_HEAD = ['job', 'of', 'done', 'state'];
// What was stored before bricks had names.
const OTHER = 'other';

/** @type {Record<string, string>} */
const STATES = { queued: 'waiting', running: 'running', done: 'done', failed: 'failed' };

/** @param {string} axis */
const axisText = (axis) => (axis === OTHER ? axis : 'axis ' + axis);

/** Rows of the groups that pass the filters, with a button for each action.
 * @param {ContentsGroup[]} contents @param {Record<string, string>} filters @param {ContentsActions} actions */
export function contentsRows(contents, { volume, axis }, { warm, drop }) {
  const all = contents.reduce((sum, { bytes }) => sum + bytes, 0);
  return contents
    .filter((group) => (!volume || group.volume === volume) && (!axis || group.axis === axis))
    .map((group) => ({
      cells: [
        { text: group.volume, title: group.volume },
        axisText(group.axis),
        formatCount(group.bricks),
        formatBytes(group.bytes),
        formatShare(group.bytes / all),
        ...(warm ? [warmCell(group, warm)] : []),
        ...(drop ? [{ text: 'Drop', title: dropQuestion(group), action: () => drop(group) }] : []),
      ],
    }));
}

/** @param {ContentsGroup} group @param {(group: ContentsGroup) => void} warm
 * @returns {string | {text: string, title: string, action: () => void}} */
function warmCell(group, warm) {
  if (group.file === null) return '';
  const title = `Decode the rest of ${group.volume}, ${axisText(group.axis)}, into the cache`;
  return { text: 'Warm', title, action: () => warm(group) };
}

/** What a person is asked before bricks are dropped. @param {ContentsGroup} group */
export function dropQuestion({ volume, axis, bricks, bytes }) {
  return `Remove ${plural(bricks, 'brick')} (${formatBytes(bytes)}) of ${volume}, ${axisText(axis)}, from the cache?` +
    ' Slices without a cached frame are decoded again.';
}

/** What a job does. @param {Job} job */
function jobText({ kind, what: { axis, start, stop, selection } }) {
  if (selection !== undefined) return `${kind}: ${selection}`;
  if (axis === undefined || start === undefined || stop === undefined) return kind;
  return `${kind}: ${axisText(axis)}, ${formatCount(start)} to ${formatCount(stop - 1)}`;
}

/** Rows of jobs; `cancel` is called with the id whose button is pressed. Jobs of others have none.
 * @param {Job[]} jobs @param {((id: string) => void) | null} cancel */
export function jobRows(jobs, cancel) {
  return jobs.map((job) => {
    const { id, volume, state, done, of, failed, message, may_cancel: mayCancel } = job;
    const isFinal = state === 'done' || state === 'failed';
    const text = STATES[state] + (failed ? `, ${formatCount(failed)} cannot be decoded` : '');
    const button = { text: isFinal ? 'Remove' : 'Cancel', action: () => cancel && cancel(id) };
    return {
      cells: [
        jobText(job),
        { text: volume, title: volume },
        `${formatCount(done)} of ${formatCount(of)}`,
        message ? { text: `${text}: ${message}`, title: message } : text,
        ...(cancel ? [mayCancel ? button : ''] : []),
      ],
    };
  });
}
