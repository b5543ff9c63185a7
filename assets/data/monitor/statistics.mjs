/* The server's figures for what the monitor shows: each is requested once a poll, whatever draws it. */

import { browserClock } from '../clock.mjs';
import { seriesQuery, sumsQuery } from '../../model/monitor/address.mjs';
/** @import { Span, State } from '../../model/monitor/address.mjs' */
/** @import { ContentsGroup, Job } from '../../model/monitor/contents.mjs' */
/** @import { GroupedSeries, Series } from '../../model/monitor/figures.mjs' */
/** @import { HistogramSeries } from '../../model/monitor/heatmap.mjs' */
/** @import { Horizon } from '../../model/monitor/horizons.mjs' */
/** @import { SlowSlice } from '../../model/monitor/slow.mjs' */
/** @import { GroupedStats, Stats } from '../../model/monitor/tiles.mjs' */
/** @import { Api, Query } from '../api.mjs' */
/** @import { Clock } from '../clock.mjs' */
/** @import { ListedFile } from '../../model/tree-nodes.mjs' */

/**
 * @typedef {'volume' | 'axis' | 'format' | 'viewer' | 'node' | 'outcome'} By Of what a breakdown is.
 * @typedef {{slices: SlowSlice[]}} SlowList
 * @typedef {ReturnType<typeof createStatistics>} Statistics
 */

const MOST = 200;
// The slowest slices change little, the latest with each request, and the server reads all of a day for a list (ms).
/** @type {Record<string, number>} */
const LIST_MS = { slowest: 30_000, latest: 10_000 };

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

  /** Change something of the cache or of the jobs, which are requested anew.
   * @param {string} path @param {RequestInit} how */
  async function change(path, how) {
    await api.fetchOk(api.url(path, {}), how);
    for (const listed of ['/api/v1/contents', '/api/v1/jobs']) pending.delete(api.url(listed, {}));
  }

  /** @param {string} path @param {object} body */
  const post = (path, body) =>
    change(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });

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
    slow: (span) => fetchOnce('/api/v1/slow', { ...span, n: MOST }),
    /** The slowest or latest slices of what is shown, as they were a moment ago; `span` is its time.
     * @param {State} state @param {Span} span @param {string} order @returns {Promise<SlowList>} */
    slowOf: (state, span, order) => {
      const name = JSON.stringify([order, seriesQuery(state)]);
      if (list.name !== name || clock.now() - list.at >= LIST_MS[order]) {
        /** @type {Promise<SlowList>} */
        const found = api.json('/api/v1/slow', { ...span, n: MOST, order });
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
    drop: ({ volume, axis }) => post('/api/v1/contents/drop', { volume, axis }),
    /** What people have asked for. @returns {Promise<{jobs: Job[], may_ask: boolean}>} */
    jobs: () => fetchOnce('/api/v1/jobs', {}),
    /** Have the rest of a group's bricks decoded. @param {ContentsGroup} group */
    warm: ({ file, dataset, axis }) => post('/api/v1/jobs', { kind: 'warm', file, dataset, axis }),
    /** @param {string} id */
    cancelJob: (id) => change(`/api/v1/jobs/${id}`, { method: 'DELETE' }),
    /** The address of figures as CSV. @param {State} state @param {Query} more */
    csv: (state, more) => api.url('/api/v1/stats/series', { ...seriesQuery(state), ...more, format: 'csv' }),
  };
}
