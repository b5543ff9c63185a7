/* Slices from the server: the newest one wins, older requests are given up. */
(function (lamella) {
  'use strict';

  // A request that is younger than this is let finish before the next one starts: while a key is held, each
  // would otherwise be aborted by the next and nothing be seen until it is let go.
  const PATIENCE_MS = 250;
  const BUSY_TRIES = 3;
  const BUSY_WAIT_MS = 1000;
  const REMEMBERED = 100;

  let deliver = null;
  let fail = null;
  let running = null;
  let waiting = null;
  let timer = 0;

  function url(path, query) {
    const text = Object.entries(query || {}).filter(([, v]) => v !== null && v !== undefined)
      .map(([k, v]) => k + '=' + lamella.address.encode(v)).join('&');
    return lamella.config.prefix + path + (text ? '?' + text : '');
  }

  class Refused extends Error {
    constructor(message, status, code) {
      super(message);
      this.status = status;
      this.code = code;
    }
  }

  /* The response, or an Error with one sentence; `lost` is set on it when there was no answer at all. An answer of
     another state of the volume than `generation` is as good as given up. */
  async function ask(address, options, generation) {
    let response;
    try {
      response = await fetch(address, options);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      const lost = new Error('The connection to the server is lost. Trying again …');
      lost.lost = true;
      throw lost;
    }
    if (response.ok) {
      const version = response.headers.get('X-Volume-Version');
      if (generation === undefined || lamella.versions.check(generation, version)) return response;
      throw new DOMException('another version', 'AbortError');
    }
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
    }
    const told = body && body.error;
    throw new Refused(told ? told.message : 'The server answered ' + response.status + '.', response.status,
      told ? told.code : '');
  }

  async function json(path, query) {
    const response = await ask(url(path, query), { headers: { Accept: 'application/json' } });
    return response.json();
  }

  /* The datasets of a file, or `dataset` alone: whether that is all of them, and the version that the listing is of. */
  async function listing(file, dataset) {
    const response = await ask(url('/api/v1/datasets', { file: file, dataset: dataset }));
    const { datasets, complete } = await response.json();
    return { datasets: datasets, complete: complete, version: response.headers.get('X-Volume-Version') };
  }

  /* Ask for a slice; what is still under way for another one is given up sooner or later. */
  function want(request) {
    if (running && running.request.key === request.key) {
      waiting = null;
      return;
    }
    waiting = request;
    if (!running) {
      next();
      return;
    }
    const age = performance.now() - running.since;
    clearTimeout(timer);
    if (age >= PATIENCE_MS) giveUp();
    else timer = setTimeout(giveUp, PATIENCE_MS - age);
  }

  function giveUp() {
    clearTimeout(timer);
    if (!running || !waiting) return;
    running.control.abort();
    running = null;
    next();
  }

  function forget() {
    clearTimeout(timer);
    waiting = null;
    if (running) running.control.abort();
    running = null;
  }

  function next() {
    if (!waiting) return;
    const request = waiting;
    waiting = null;
    const mine = { request: request, control: new AbortController(), since: performance.now() };
    running = mine;
    load(request.query, { signal: mine.control.signal }, request.generation).then(
      (answer) => {
        if (running !== mine) return;
        running = null;
        next();
        deliver(request, answer);
      },
      (error) => {
        if (running !== mine) return;
        running = null;
        if (error.name === 'AbortError') return;
        if (waiting) next();
        else fail(request, error);
      },
    );
  }

  /* One slice of a generation; `options` are those of fetch, `begins` is called when the server has answered and the
     bytes are to come. */
  async function load(query, options, generation, begins) {
    const address = url('/api/v1/slice', query);
    for (let attempt = 1; ; attempt += 1) {
      const begun = performance.now();
      try {
        const response = await ask(address, options, generation);
        if (begins) begins();
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
      const wait = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(wait);
        reject(new DOMException('given up', 'AbortError'));
      }, { once: true });
    });
  }

  function answerOf(response, bytes, address, begun) {
    return {
      bytes: bytes,
      dtype: response.headers.get('X-Slice-Dtype') || '',
      fill: fill(response.headers.get('X-Slice-Fill')),
      isEnum: response.headers.get('X-Slice-Enum') === '1',
      shape: (response.headers.get('X-Slice-Shape') || '').split(',').map(Number),
      source: source(response.headers.get('Cache-Status') || ''),
      ahead: /detail="?prefetched/.test(response.headers.get('Cache-Status') || ''),
      server: timing(response.headers.get('Server-Timing')),
      address: address,
      begun: begun,
      waited: performance.now() - begun,
    };
  }

  /* The value that stands for none, NaN where the file names no such value. */
  function fill(text) {
    return text === null ? NaN : Number(text);
  }

  // The browser's own times of requests by address, the newest last: they come a little after the answer.
  const network = new Map();
  let meter = null;

  function watch() {
    new PerformanceObserver((list) => {
      list.getEntries().forEach((entry) => {
        if (!entry.name.includes('/api/v1/slice?')) return;
        network.delete(entry.name);
        network.set(entry.name, entry);
        if (network.size > REMEMBERED) network.delete(network.keys().next().value);
        if (meter && entry.responseStart > 0 && entry.transferSize > 0) {
          meter({
            bytes: entry.encodedBodySize,
            wait: entry.responseStart - entry.requestStart,
            begin: entry.responseStart,
            end: entry.responseEnd,
          });
        }
      });
    }).observe({ type: 'resource', buffered: true });
  }

  /* From the request being sent to the last byte, less the server's own time (ms). What this thread did
     meanwhile, while the answer lay there, is not the network's. */
  function transfer(answer) {
    if (!answer.address) return undefined;
    const entry = network.get(new URL(answer.address, location.href).href);
    const fits = entry && entry.requestStart >= answer.begun && entry.responseEnd > 0;
    const spent = fits ? Math.min(answer.waited, entry.responseEnd - entry.requestStart) : answer.waited;
    const length = Math.max(0, spent - (answer.server.total || 0));
    return lamella.telemetry.stage('transfer', fits ? entry.requestStart : answer.begun, length);
  }

  /* Server-Timing as {stage: ms}. */
  function timing(text) {
    const found = {};
    (text || '').split(',').forEach((entry) => {
      const match = /^\s*([\w-]+)\s*;.*?dur=([\d.eE+-]+)/.exec(entry);
      if (match) found[match[1]] = Number(match[2]);
    });
    return found;
  }

  /* Where the slice came from, out of Cache-Status (RFC 9211). */
  function source(text) {
    if (/(^|,)\s*frames\s*;\s*hit/.test(text)) return 'frames';
    if (/(^|,)\s*bricks\s*;\s*hit/.test(text)) return 'bricks';
    if (/collapsed/.test(text)) return 'coalesced';
    return 'miss';
  }

  /* Values as rows of typed arrays without copying, with their range, of which the fill value is no part.
     64-bit integers become the nearest doubles, and are there as `integers` as well; float16 becomes float32. */
  function convert(answer) {
    const [rows, cols] = answer.shape;
    const dtype = answer.dtype.replace(/^[<|=]/, '');
    const integers = WIDE[dtype] ? new WIDE[dtype](answer.bytes) : null;
    const flat = integers ? Float64Array.from(integers, Number) : typed(answer.bytes, dtype);
    if (flat.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
    let min = Infinity;
    let max = -Infinity;
    let smallest = Infinity;
    for (let i = 0; i < flat.length; i += 1) {
      const v = flat[i];
      if (v === answer.fill) continue;
      if (v < min && v > -Infinity) min = v;
      if (v > max && v < Infinity) max = v;
      if (v > 0 && v < smallest) smallest = v;
    }
    const z = new Array(rows);
    for (let r = 0; r < rows; r += 1) z[r] = flat.subarray(r * cols, (r + 1) * cols);
    return {
      z: z, integers: integers, dtype: dtype, isEnum: Boolean(answer.isEnum), rows: rows, cols: cols, fill: answer.fill,
      min: min, max: max, smallest: smallest,
    };
  }

  const TYPES = {
    bool: Uint8Array, uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array,
    uint32: Uint32Array, int32: Int32Array, float32: Float32Array, float64: Float64Array,
  };

  const WIDE = { int64: BigInt64Array, uint64: BigUint64Array };

  function typed(bytes, dtype) {
    if (TYPES[dtype]) return new TYPES[dtype](bytes);
    if (dtype === 'float16') return halves(new Uint16Array(bytes));
    throw new Error('This page cannot show values of type ' + dtype + '.');
  }

  let halfTable = null;

  function halves(bits) {
    if (!halfTable) halfTable = Float32Array.from({ length: 65536 }, (_, b) => half(b));
    const values = new Float32Array(bits.length);
    for (let i = 0; i < bits.length; i += 1) values[i] = halfTable[bits[i]];
    return values;
  }

  /* IEEE 754 binary16. */
  function half(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * fraction * Math.pow(2, -24);
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (1 + fraction / 1024) * Math.pow(2, exponent - 15);
  }

  lamella.source = {
    url: url,
    ask: ask,
    json: json,
    listing: listing,
    want: want,
    forget: forget,
    convert: convert,
    busy: () => running !== null,
    transfer: transfer,
    load: load,
    measured: (heard) => {
      meter = heard;
    },
    connect: (onSlice, onError) => {
      watch();
      deliver = onSlice;
      fail = onError;
    },
  };
})((window.lamella = window.lamella || {}));
