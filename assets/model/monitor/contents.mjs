/* What is in the brick cache now, by volume and axis. */

import { formatBytes, formatCount, formatShare, plural } from './format.mjs';

/** @typedef {{volume: string, axis: string, bricks: number, bytes: number}} ContentsGroup */

export const CONTENTS_HEAD = ['volume', 'sliced across', 'bricks', 'size', 'share of the cache'];
// What was stored before bricks had names.
const OTHER = 'other';

/** @param {string} axis */
const axisText = (axis) => (axis === OTHER ? axis : 'axis ' + axis);

/** Rows of the groups that pass the filters; `drop` is called for the group whose button is pressed.
 * @param {ContentsGroup[]} contents @param {Record<string, string>} filters
 * @param {((group: ContentsGroup) => void) | null} drop */
export function contentsRows(contents, { volume, axis }, drop) {
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
        ...(drop ? [{ text: 'Drop', title: dropQuestion(group), action: () => drop(group) }] : []),
      ],
    }));
}

/** What a person is asked before bricks are dropped. @param {ContentsGroup} group */
export function dropQuestion({ volume, axis, bricks, bytes }) {
  return `Remove ${plural(bricks, 'brick')} (${formatBytes(bytes)}) of ${volume}, ${axisText(axis)}, from the cache?` +
    ' Slices without a cached frame are decoded again.';
}
