/* The server's figures for what the monitor shows: each is requested once a poll, whatever draws it. */

import { browserClock } from '../clock.mjs';
import { seriesQuery, sumsQuery } from '../../model/monitor/address.mjs';
/** @import { Span, State } from '../../model/monitor/address.mjs' */
/** @import { ContentsGroup } from '../../model/monitor/contents.mjs' */
/** @import { GroupedSeries, Series } from '../../model/monitor/figures.mjs' */
/** @import { HistogramSeries } from '../../model/monitor/heatmap.mjs' */
/** @import { Horizon } from '../../model/monitor/horizons.mjs' */
/** @import { SlowSlice } from '../../model/monitor/slow.mjs' */
/** @import { GroupedStats, Stats } from '../../model/monitor/tiles.mjs' */
/** @import { Api, Query } from '../api.mjs' */
/** @import { Clock } from '../clock.mjs' */
/** @import { ListedFile } from '../datasets.mjs' */

/**
 * @typedef {'volume' | 'axis' | 'format' | 'viewer' | 'outcome'} By Of what a breakdown is.
 * @typedef {{slices: SlowSlice[]}} SlowList
 * @typedef {ReturnType<typeof createStatistics>} Statistics
 */

const SLOWEST = 200;
// Lists of slow slices change little, and the server reads all of a day for one (ms).
const LIST_MS = 30_000;

/** @param {Pick<Api, 'url' | 'json' | 'fetchOk'>} api @param {Clock} [clock] */
export function createStatistics(api, clock = browserClock) {
  /** Answers by address. @type {Map<string, Promise<unknown>>} */
  let pending = new Map();
  /** @type {{name: string, at: number, found: Promise<SlowList> | null}} */
  let list = { name: '', at: -Infinity, found: null };

  /** @template T @param {string} path @param {Query} query @returns {Promise<T>} */
  function fetchOnce(path, query) {
    const key = api.url(path, query);
    const found = pending.get(key) || api.json(path, query);
    pending.set(key, found);
    return /** @type {Promise<T>} */ (found);
  }

  return {
    /* From now on everything is requested anew. */
    renew: () => {
      pending = new Map();
    },
    /** @template {By | undefined} B @param {State} state @param {B} [by]
     * @returns {Promise<B extends By ? GroupedStats : Stats>} */
    sums: (state, by) => fetchOnce('/api/v1/stats', { ...sumsQuery(state), by }),
    /** @template {{by?: By, histogram?: 1}} M @param {State} state @param {M} [more]
     * @returns {Promise<M extends {histogram: 1} ? HistogramSeries : M extends {by: By} ? GroupedSeries : Series>} */
    series: (state, more) => fetchOnce('/api/v1/stats/series', { ...seriesQuery(state), ...more }),
    /** @param {Span} span @returns {Promise<SlowList>} */
    slow: (span) => fetchOnce('/api/v1/slow', { ...span, n: SLOWEST }),
    /** The slow slices of what is shown, as they were half a minute ago at most; `span` is its time.
     * @param {State} state @param {Span} span @returns {Promise<SlowList>} */
    slowOf: (state, span) => {
      const name = JSON.stringify(seriesQuery(state));
      if (list.name !== name || clock.now() - list.at >= LIST_MS) {
        /** @type {Promise<SlowList>} */
        const found = api.json('/api/v1/slow', { ...span, n: SLOWEST });
        list = { name, at: clock.now(), found };
        // One that failed is requested again.
        found.catch(() => {
          list = { name: '', at: -Infinity, found: null };
        });
      }
      return /** @type {Promise<SlowList>} */ (list.found);
    },
    /** @returns {Promise<{files: ListedFile[]}>} */
    files: () => api.json('/api/v1/files', {}),
    isServerThere: () => api.fetchOk(api.url('/healthz', {}), { cache: 'no-store' }).then(() => true, () => false),
    /** @returns {Promise<{viewers: Horizon[]}>} */
    horizons: () => fetchOnce('/api/v1/horizons', {}),
    /** @returns {Promise<{contents: ContentsGroup[], may_drop: boolean}>} */
    contents: () => fetchOnce('/api/v1/contents', {}),
    /** Remove a group's bricks from the cache. @param {ContentsGroup} group */
    drop: async ({ volume, axis }) => {
      await api.fetchOk(api.url('/api/v1/contents/drop', {}), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ volume, axis }),
      });
      pending.delete(api.url('/api/v1/contents', {}));
    },
    /** The address of figures as CSV. @param {State} state @param {Query} more */
    csv: (state, more) => api.url('/api/v1/stats/series', { ...seriesQuery(state), ...more, format: 'csv' }),
  };
}
