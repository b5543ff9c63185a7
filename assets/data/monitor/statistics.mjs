/* The server's figures for what the monitor shows: each is requested once a poll, whatever draws it. */

import { seriesQuery, sumsQuery } from '../../model/monitor/address.mjs';

const SLOWEST = 200;

export function createStatistics(api) {
  let pending = new Map();

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
    horizons: () => fetchOnce('/api/v1/horizons', {}),
    csv: (state, more) => api.url('/api/v1/stats/series', { ...seriesQuery(state), ...more, format: 'csv' }),
  };
}
