/* The server's HTTP interface. */

import { encodeValue } from '../model/address.mjs';
import { slabOf } from '../model/slab.mjs';
/** @import { DatasetRecord } from '../model/view.mjs' */
/** @import { Versions } from './versions.mjs' */

/**
 * @typedef {Error & {lost?: boolean, status?: number, code?: string, retryAfterMs?: number}} Failure What a request
 *   throws: `lost` where there was no answer at all, else the answer's HTTP status, the server's name for what is wrong,
 *   and after how long it wants to be asked again, 0 where it does not say.
 * @typedef {Record<string, string | number | boolean | null | undefined>} Query Without those that are null or undefined.
 * @typedef {{datasets: DatasetRecord[], complete: boolean, version: string | null,
 *   main?: string | null}} Listing `main` is the dataset that the file is about.
 * @typedef {(address: string, options?: RequestInit) => Promise<Response>} Send
 * @typedef {ReturnType<typeof createApi>} Api
 */

export const UNAUTHORIZED = 401;
const LONGEST_WAIT_S = 120;

/** @type {Send} */
const browserFetch = (address, options) => fetch(address, options);

/** Whether what was thrown says that a request was aborted. @param {unknown} error @returns {boolean} */
export const isAborted = (error) => error instanceof Error && error.name === 'AbortError';

export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {string} code @param {number} [retryAfterMs] */
  constructor(message, status, code, retryAfterMs = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export class ConnectionLost extends Error {
  lost = true;

  constructor() {
    super('The connection to the server is lost. Trying again …');
  }
}

/** What a `Retry-After` header in seconds says; 0 without one. @param {Response} response @returns {number} */
function retryAfterMs(response) {
  const seconds = Number(response.headers.get('Retry-After'));
  return seconds > 0 && seconds <= LONGEST_WAIT_S ? seconds * 1000 : 0;
}

/** `prefix` is the page's own path, `versions` what the versions of answers are checked against. `onSession(ended)` is
 * called when the session has ended, and when it is worth while to ask again; `send` is as the browser's `fetch`.
 * @param {string} prefix @param {Pick<Versions, 'check'>} versions @param {(ended: boolean) => void} [onSession]
 * @param {Send} [send] */
export function createApi(prefix, versions, onSession = () => undefined, send = browserFetch) {
  /** Why the session has ended; nothing is requested from then on. @type {ApiError | null} */
  let refused = null;

  /** How thick slabs are, by file and dataset. @type {Map<string, Map<string, number[]>>} */
  const thickness = new Map();

  /** What a query of a slice adds so that it is sent where its neighbours are. @param {Query} query @returns {Query} */
  function slab({ file, dataset, selection }) {
    const thick = typeof selection === 'string' && thickness.get(String(file))?.get(String(dataset));
    return thick ? { slab: slabOf(String(file), String(dataset), selection, thick) } : {};
  }

  /** @param {string} path @param {Query} [query] @returns {string} */
  function url(path, query) {
    const text = Object.entries({ ...query, ...slab(query || {}) }).filter(([, v]) => v !== null && v !== undefined)
      .map(([k, v]) => k + '=' + encodeValue(String(v))).join('&');
    return prefix + path + (text ? '?' + text : '');
  }

  /** The response, or an Error with one sentence; `lost` is set on it when there was no answer at all. An answer of
   * another state of the volume than `generation` counts as aborted.
   * @param {string} address @param {RequestInit} [options] @param {number} [generation] @returns {Promise<Response>} */
  async function fetchOk(address, options, generation) {
    if (refused) throw refused;
    /** @type {Response} */
    let response;
    try {
      response = await send(address, options);
    } catch (error) {
      if (isAborted(error)) throw error;
      throw new ConnectionLost();
    }
    if (response.ok) {
      const version = response.headers.get('X-Volume-Version');
      if (generation === undefined || versions.check(generation, version)) return response;
      throw new DOMException('another version', 'AbortError');
    }
    /** @type {{error?: {message: string, code: string}} | null} */
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (isAborted(error)) throw error;
    }
    const refusal = body && body.error;
    const { status } = response;
    let message = refusal ? refusal.message : 'The server answered ' + status + '.';
    // The server's sentence is for scripts as well.
    if (status === UNAUTHORIZED) message = 'You are signed out.';
    const error = new ApiError(message, status, refusal ? refusal.code : '', retryAfterMs(response));
    if (status === UNAUTHORIZED && !refused) {
      refused = error;
      onSession(true);
    }
    throw error;
  }

  /* Somebody may have signed in, in another tab. */
  function askAgain() {
    if (!refused) return;
    refused = null;
    onSession(false);
  }

  /** @param {string} path @param {Query} [query] */
  async function json(path, query) {
    const response = await fetchOk(url(path, query), { headers: { Accept: 'application/json' } });
    return response.json();
  }

  /** The datasets of a file, or `dataset` alone: whether that is all of them, and the version that the listing is of.
   * @param {string} file @param {string} [dataset] @returns {Promise<Listing>} */
  async function listing(file, dataset) {
    const response = await fetchOk(url('/api/v1/datasets', { file, dataset }));
    const { datasets, complete, default: main } = await response.json();
    const known = thickness.get(file) || new Map();
    for (const record of datasets) known.set(record.dataset, record.slab);
    thickness.set(file, known);
    return { datasets, complete, main, version: response.headers.get('X-Volume-Version') };
  }

  return { url, fetchOk, json, listing, askAgain, isSignedOut: () => refused !== null };
}
