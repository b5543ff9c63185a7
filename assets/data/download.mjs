/* A file that is received piece by piece, with progress, and can be cancelled. */

import { isAborted } from './api.mjs';
/** @import { Api } from './api.mjs' */

/**
 * @typedef {(bytes: number, size: number | null) => void} Progress What has come of how much; null if that is unknown.
 * @typedef {{blob: Blob, name: string | null}} Download With the name that the server has for it.
 */

// Pieces are handed over to the browser, which keeps them on a disk if they are many.
const HAND_OVER_BYTES = 16 * 2 ** 20;

/** @param {Pick<Api, 'fetchOk'>} api @param {string} address @param {AbortSignal} signal @param {Progress} onProgress
 * @returns {Promise<Download>} */
export async function download(api, address, signal, onProgress) {
  const response = await api.fetchOk(address, { signal });
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
  const length = Number(response.headers.get('Content-Length'));
  const size = length > 0 && !response.headers.get('Content-Encoding') ? length : null;
  const type = response.headers.get('Content-Type') || '';
  /** @type {Blob[]} */
  const blobs = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  let pending = [];
  let pendingBytes = 0;
  let bytes = 0;
  onProgress(0, size);
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) break;
      pending.push(value);
      pendingBytes += value.length;
      bytes += value.length;
      if (pendingBytes >= HAND_OVER_BYTES) {
        blobs.push(new Blob(pending));
        pending = [];
        pendingBytes = 0;
      }
      onProgress(bytes, size);
    }
  } catch (error) {
    if (isAborted(error)) throw error;
    throw new Error('The server could not read it to the end, or the connection is lost. Nothing was saved.');
  }
  const name = /filename="([^"]*)"/.exec(response.headers.get('Content-Disposition') || '');
  return { blob: new Blob([...blobs, ...pending], { type }), name: name && name[1] };
}

/** Have the browser save a file. @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has the bytes once the click is handled, which some do later.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
