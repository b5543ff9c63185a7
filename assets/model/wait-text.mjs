/* Why a slice takes long, in a sentence. */

import { formatBytes } from './number-format.mjs';

/** @typedef {{chunks: number, chunk_bytes: number, bytes: number, seconds: number, why: string}} Cost Of
 *   `/api/v1/cost`: what is not in the cache of a slice. */

/** @param {Cost} cost @returns {string} */
export function waitText({ chunks, chunk_bytes: each, bytes, seconds, why }) {
  if (!bytes) return 'decoded already, it is on its way';
  const what = chunks ? chunks.toLocaleString('en') + (chunks === 1 ? ' chunk' : ' chunks') + ' of ' : '';
  const time = seconds < 1 ? 'under 1 s' : 'about ' + Math.round(seconds) + ' s';
  return what + formatBytes(chunks ? each : bytes) + ', ' + time + (why && ': ' + why);
}
