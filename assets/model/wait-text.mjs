/* Why a slice takes long, in a sentence. */

import { formatBytes } from './number-format.mjs';

/** @typedef {{chunks: number, chunk_bytes: number, bytes: number, seconds: number, why: string,
 *   done?: number | null}} Cost Of `/api/v1/cost`: what is not in the cache of a slice, and how much of it is decoded. */

/** @param {Cost} cost @returns {string} */
export function waitText({ chunks, chunk_bytes: each, bytes, seconds, why, done }) {
  if (!bytes) return 'decoded already, it is on its way';
  const what = chunks ? chunks.toLocaleString('en') + (chunks === 1 ? ' chunk' : ' chunks') + ' of ' : '';
  const time = seconds < 1 ? 'under 1 s' : 'about ' + Math.round(seconds) + ' s';
  const share = typeof done === 'number' ? ', ' + Math.round(100 * done) + ' % done' : '';
  return what + formatBytes(chunks ? each : bytes) + ', ' + time + share + (why && ': ' + why);
}

/** Why it takes long until something is known of a dataset.
 * @param {number | null} bytes Of its file, as far as that is known. @param {boolean} again @returns {string} */
export function describeText(bytes, again) {
  const size = bytes === null ? '' : ' of ' + formatBytes(bytes);
  return again
    ? 'what is in the file' + size + ' is read again'
    : 'what is in the file' + size + ' is read, which is kept: the longer, the more objects it has';
}

/** The start and the end of a name, since that of a deep dataset can be longer than the page.
 * @param {string} name @returns {string} */
export function inShort(name) {
  const all = [...name];
  return all.length <= 160 ? name : all.slice(0, 60).join('') + ' … ' + all.slice(-97).join('');
}
