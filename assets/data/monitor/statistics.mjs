/* The server's figures for what the monitor shows: each is requested once a poll, whatever draws it. */

import { browserClock } from '../clock.mjs';
import { seriesQuery, sumsQuery } from '../../model/monitor/address.mjs';

const SLOWEST = 200;
// Lists of slow slices change little, and the server reads all of a day for one (ms).
const LIST_MS = 30_000;

export function createStatistics(api, clock = browserClock) {
  let pending = new Map();
  let list = { name: '', at: -Infinity, found: null };

  function fetchOnce(path, query) {
    const key = api.url(path, query);
    const found = pending.get(key) || api.json(path, query);
    pending.set(key, found);
    return found;
  }

  return {
    /* From now on everything is requested anew. */
    renew: () => {
      pending = new Map();
    },
    sums: (state, by) => fetchOnce('/api/v1/stats', { ...sumsQuery(state), by }),
    series: (state, more) => fetchOnce('/api/v1/stats/series', { ...seriesQuery(state), ...more }),
    slow: (span) => fetchOnce('/api/v1/slow', { ...span, n: SLOWEST }),
    /* The slow slices of what is shown, as they were half a minute ago at most; `span` is its time. */
    slowOf: (state, span) => {
      const name = JSON.stringify(seriesQuery(state));
      if (list.name !== name || clock.now() - list.at >= LIST_MS) {
        const found = api.json('/api/v1/slow', { ...span, n: SLOWEST });
        list = { name, at: clock.now(), found };
        // One that failed is requested again.
        found.catch(() => {
          list = { name: '', at: -Infinity, found: null };
        });
      }
      return list.found;
    },
    files: () => api.json('/api/v1/files', {}),
    isServerThere: () => api.fetchOk(api.url('/healthz', {}), { cache: 'no-store' }).then(() => true, () => false),
    horizons: () => fetchOnce('/api/v1/horizons', {}),
    csv: (state, more) => api.url('/api/v1/stats/series', { ...seriesQuery(state), ...more, format: 'csv' }),
  };
}
