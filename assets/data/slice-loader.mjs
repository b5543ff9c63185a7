/* Slices from the server: the newest request wins, older ones are aborted. */

import { ConnectionLost, isAborted } from './api.mjs';
import { browserClock } from './clock.mjs';
import { parseCacheStatus, parseServerTiming } from './network-timing.mjs';
import { unshuffle } from './typed-arrays.mjs';
/** @import { ValuesRequest } from '../model/cells.mjs' */
/** @import { Stages } from '../model/culprit.mjs' */
/** @import { Range, SliceQuery } from '../model/viewport.mjs' */
/** @import { Api, Failure } from './api.mjs' */
/** @import { Bandwidth } from './bandwidth.mjs' */
/** @import { Clock } from './clock.mjs' */

/**
 * @typedef {object} Origin Where a slice came from.
 * @property {'ring' | 'frames' | 'bricks' | 'coalesced' | 'miss'} source
 * @property {boolean} [ahead] Whether it was decoded ahead.
 * @property {string | null} version Of the file.
 * @property {Stages} server The server's stages.
 */

/**
 * @typedef {object} Payload
 * @property {ArrayBuffer} bytes
 * @property {number} size Bytes.
 * @property {number} sent Bytes that came over the link.
 * @property {string} dtype
 * @property {number} fill Stands for no value; NaN where the file names none.
 * @property {boolean} isEnum
 * @property {number[]} shape Rows and columns.
 * @property {Range | null} window The contrast window of the whole volume, where it was asked for.
 * @property {string} address
 * @property {SliceAnswer | null} [overlay] The labels over it.
 * @property {string} [missing] Why these could not be read.
 * @property {number} startedAt When it was requested (ms).
 * @property {number} elapsed Time from then until it was here (ms).
 */

/**
 * @typedef {Origin & Payload} SliceAnswer
 * @typedef {ReturnType<typeof createSliceLoader>} SliceLoader
 */

// A request younger than this is not aborted for the next one: while a key is held down, every request would
// otherwise be aborted and no slice be drawn until the key is released.
const PATIENCE_MS = 250;
const BUSY_TRIES = 3;
const BUSY_WAIT_MS = 1000;

/** `onSlice(request, answer)` takes the slice that was requested last, `onError(request, error)` what came of it else.
 * Without `bandwidth`, answers are not compressed.
 * @param {Pick<Api, 'url' | 'fetchOk'>} api @param {(request: ValuesRequest, answer: SliceAnswer) => void} onSlice
 * @param {(request: ValuesRequest, error: Failure) => void} onError
 * @param {Pick<Bandwidth, 'isCompressedFaster' | 'addCompressed'> | null} [bandwidth] @param {Clock} [clock] */
export function createSliceLoader(api, onSlice, onError, bandwidth = null, clock = browserClock) {
  /** @type {{request: ValuesRequest, control: AbortController, since: number} | null} */
  let running = null;
  /** @type {ValuesRequest | null} */
  let waiting = null;
  let timer = 0;

  /** Ask for a slice; a request for another one is aborted once it is old enough. @param {ValuesRequest} latest */
  function request(latest) {
    if (running && running.request.key === latest.key) {
      waiting = null;
      return;
    }
    waiting = latest;
    if (!running) {
      next();
      return;
    }
    const age = clock.now() - running.since;
    clock.cancel(timer);
    if (age >= PATIENCE_MS) abortStale();
    else timer = clock.later(abortStale, PATIENCE_MS - age);
  }

  function abortStale() {
    clock.cancel(timer);
    if (!running || !waiting) return;
    running.control.abort();
    running = null;
    next();
  }

  function cancel() {
    clock.cancel(timer);
    waiting = null;
    if (running) running.control.abort();
    running = null;
  }

  function next() {
    if (!waiting) return;
    const request = waiting;
    waiting = null;
    const mine = { request, control: new AbortController(), since: clock.now() };
    running = mine;
    load(request.query, { signal: mine.control.signal }, request.generation, undefined, request.over).then(
      (answer) => {
        if (running !== mine) return;
        running = null;
        next();
        onSlice(request, answer);
      },
      (error) => {
        if (running !== mine) return;
        running = null;
        if (isAborted(error)) return;
        if (waiting) next();
        else onError(request, error);
      },
    );
  }

  /** One slice of a generation; `options` are those of fetch, `onHeaders` is called when the server has answered and
   * the bytes are to come. `over` is the query of the labels over it, without which it is shown if need be.
   * @param {SliceQuery} query @param {RequestInit & {signal: AbortSignal}} options @param {number} generation
   * @param {() => void} [onHeaders] @param {SliceQuery | null} [over] @returns {Promise<SliceAnswer>} */
  async function load(query, options, generation, onHeaders, over) {
    if (!over) return loadOne(query, options, generation, onHeaders);
    // Parts of their dataset may lie in other files, so that their version tells nothing of this one.
    const labels = loadOne(over, options).then((overlay) => ({ overlay }), (error) => {
      if (isAborted(error)) throw error;
      return { overlay: null, missing: error.message };
    });
    const [answer, found] = await Promise.all([loadOne(query, options, generation, onHeaders), labels]);
    return Object.assign(answer, found);
  }

  /** @param {SliceQuery} query @param {RequestInit & {signal: AbortSignal}} options @param {number} [generation]
   * @param {() => void} [onHeaders] @returns {Promise<SliceAnswer>} */
  async function loadOne(query, options, generation, onHeaders) {
    const compress = bandwidth && bandwidth.isCompressedFaster() ? 1 : null;
    const address = api.url('/api/v1/slice', { ...query, compress });
    let repeated = false;
    for (let attempt = 1;; attempt += 1) {
      const begun = clock.now();
      try {
        const response = await api.fetchOk(address, options, generation);
        if (onHeaders) onHeaders();
        const bytes = await response.arrayBuffer().catch((error) => {
          throw isAborted(error) ? error : new ConnectionLost();
        });
        const answer = answerOf(response, bytes, address, begun);
        if (bandwidth && compress) {
          bandwidth.addCompressed({ ...answer, bytes: answer.size, ms: answer.server.encode || 0 });
        }
        return answer;
      } catch (error) {
        const { lost, status } = /** @type {Failure} */ (error);
        // Cut off, by a server that has just failed: of several, another one answers.
        if (lost && !repeated) {
          repeated = true;
          continue;
        }
        if (status !== 503 || attempt >= BUSY_TRIES) throw error;
        await pause(BUSY_WAIT_MS, options.signal);
      }
    }
  }

  /** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
  function pause(ms, signal) {
    return new Promise((resolve, reject) => {
      const wait = clock.later(() => resolve(undefined), ms);
      signal.addEventListener('abort', () => {
        clock.cancel(wait);
        reject(new DOMException('aborted', 'AbortError'));
      }, { once: true });
    });
  }

  /** @param {Response} response @param {ArrayBuffer} body @param {string} address @param {number} begun
   * @returns {SliceAnswer} */
  function answerOf(response, body, address, begun) {
    const shuffled = Number(response.headers.get('X-Slice-Shuffled'));
    const size = body.byteLength;
    return {
      bytes: shuffled ? unshuffle(body, shuffled) : body,
      size,
      sent: Number(response.headers.get('Content-Length')) || size,
      dtype: response.headers.get('X-Slice-Dtype') || '',
      fill: fillOf(response.headers.get('X-Slice-Fill')),
      version: response.headers.get('X-Volume-Version'),
      isEnum: response.headers.get('X-Slice-Enum') === '1',
      shape: (response.headers.get('X-Slice-Shape') || '').split(',').map(Number),
      source: parseCacheStatus(response.headers.get('Cache-Status') || ''),
      ahead: /detail="?prefetched/.test(response.headers.get('Cache-Status') || ''),
      window: windowOf(response.headers.get('X-Slice-Window')),
      server: parseServerTiming(response.headers.get('Server-Timing')),
      address,
      startedAt: begun,
      elapsed: clock.now() - begun,
    };
  }

  return { request, cancel, load, isBusy: () => running !== null };
}

/** The ends of a contrast window, null for none. @param {string | null} text @returns {Range | null} */
export function windowOf(text) {
  const ends = (text || '').split(',').map(Number);
  return ends.length === 2 && ends.every(Number.isFinite) ? [ends[0], ends[1]] : null;
}

/** The value that stands for none, NaN where the file names no such value.
 * @param {string | null} text @returns {number} */
function fillOf(text) {
  return text === null ? NaN : Number(text);
}
