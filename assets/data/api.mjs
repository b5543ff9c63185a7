/* The server's HTTP interface. */

import { encodeValue } from '../model/address.mjs';

export class ApiError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export class ConnectionLost extends Error {
  lost = true;

  constructor() {
    super('The connection to the server is lost. Trying again …');
  }
}

/* `prefix` is the page's own path, `versions` what the versions of answers are checked against. */
export function createApi(prefix, versions) {
  function url(path, query) {
    const text = Object.entries(query || {}).filter(([, v]) => v !== null && v !== undefined)
      .map(([k, v]) => k + '=' + encodeValue(v)).join('&');
    return prefix + path + (text ? '?' + text : '');
  }

  /* The response, or an Error with one sentence; `lost` is set on it when there was no answer at all. An answer of
     another state of the volume than `generation` counts as aborted. */
  async function fetchOk(address, options, generation) {
    let response;
    try {
      response = await fetch(address, options);
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ConnectionLost();
    }
    if (response.ok) {
      const version = response.headers.get('X-Volume-Version');
      if (generation === undefined || versions.check(generation, version)) return response;
      throw new DOMException('another version', 'AbortError');
    }
    let body = null;
    try {
      body = await response.json();
    } catch (error) {
      if (error.name === 'AbortError') throw error;
    }
    const refusal = body && body.error;
    throw new ApiError(
      refusal ? refusal.message : 'The server answered ' + response.status + '.',
      response.status,
      refusal ? refusal.code : '',
    );
  }

  async function json(path, query) {
    const response = await fetchOk(url(path, query), { headers: { Accept: 'application/json' } });
    return response.json();
  }

  /* The datasets of a file, or `dataset` alone: whether that is all of them, and the version that the listing is of. */
  async function listing(file, dataset) {
    const response = await fetchOk(url('/api/v1/datasets', { file, dataset }));
    const { datasets, complete } = await response.json();
    return { datasets, complete, version: response.headers.get('X-Volume-Version') };
  }

  return { url, fetchOk, json, listing };
}
