/* Slices from the server: the newest request wins, older ones are aborted. */

import { browserClock } from './clock.mjs';
import { parseCacheStatus, parseServerTiming } from './network-timing.mjs';

// A request younger than this is not aborted for the next one: while a key is held down, every request would
// otherwise be aborted and no slice be drawn until the key is released.
const PATIENCE_MS = 250;
const BUSY_TRIES = 3;
const BUSY_WAIT_MS = 1000;

/* `onSlice(request, answer)` takes the slice that was requested last, `onError(request, error)` what came of it else. */
export function createSliceLoader(api, onSlice, onError, clock = browserClock) {
  let running = null;
  let waiting = null;
  let timer = 0;

  /* Ask for a slice; a request for another one is aborted once it is old enough. */
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
    load(request.query, { signal: mine.control.signal }, request.generation).then(
      (answer) => {
        if (running !== mine) return;
        running = null;
        next();
        onSlice(request, answer);
      },
      (error) => {
        if (running !== mine) return;
        running = null;
        if (error.name === 'AbortError') return;
        if (waiting) next();
        else onError(request, error);
      },
    );
  }

  /* One slice of a generation; `options` are those of fetch, `onHeaders` is called when the server has answered and the
     bytes are to come. */
  async function load(query, options, generation, onHeaders) {
    const address = api.url('/api/v1/slice', query);
    for (let attempt = 1;; attempt += 1) {
      const begun = clock.now();
      try {
        const response = await api.fetchOk(address, options, generation);
        if (onHeaders) onHeaders();
        const bytes = await response.arrayBuffer();
        return answerOf(response, bytes, address, begun);
      } catch (error) {
        if (error.status !== 503 || attempt >= BUSY_TRIES) throw error;
        await pause(BUSY_WAIT_MS, options.signal);
      }
    }
  }

  function pause(ms, signal) {
    return new Promise((resolve, reject) => {
      const wait = clock.later(() => resolve(undefined), ms);
      signal.addEventListener('abort', () => {
        clock.cancel(wait);
        reject(new DOMException('aborted', 'AbortError'));
      }, { once: true });
    });
  }

  function answerOf(response, bytes, address, begun) {
    return {
      bytes,
      size: bytes.byteLength,
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

/* The ends of a contrast window, null for none. */
export function windowOf(text) {
  const ends = (text || '').split(',').map(Number);
  return ends.length === 2 && ends.every(Number.isFinite) ? ends : null;
}

/* The value that stands for none, NaN where the file names no such value. */
function fillOf(text) {
  return text === null ? NaN : Number(text);
}
