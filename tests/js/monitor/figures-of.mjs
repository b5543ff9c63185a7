/* What the server answers about one busy minute, for tests of what the monitor makes of it. */

const times = [1000, 1010, 1020];

export function seriesOf(more = {}) {
  return {
    from: 1000,
    to: 1030,
    step_s: 10,
    times,
    demand: { ring: [4, 0, 0], hit: [3, 2, 0], prefetched: [0, 1, 0], coalesced: [0, 0, 0], miss: [1, 1, 0] },
    perceived: { count: [4, 4, 0], p50_ms: [9, 20, null], p95_ms: [80, 900, null], p99_ms: [90, 1000, null] },
    server: { count: [4, 4, 0], p50_ms: [2, 3, null], p95_ms: [70, 800, null], p99_ms: [80, 900, null] },
    seen_within_100_ms: [4, 3, 0],
    queue: { count: [8, 8, 0], p50_ms: [0, 0, null], p95_ms: [1, 2, null] },
    counters: {
      'requests.demand_200': [4, 4, 0],
      'requests.demand_503': [0, 1, 0],
      'misses.evicted': [1, 0, 0],
      'misses.first': [0, 1, 0],
      'sent_bytes.hit': [3e6, 2e6, 0],
      'prefetch.decoded': [1, 0, 0],
    },
    starts: [],
    gauges: { 'bricks.bytes': [null, 5e9, 5e9], 'bricks.limit': [null, 20e9, 20e9] },
    ...more,
  };
}

export function statsOf(more = {}) {
  return {
    from: 1000,
    to: 1030,
    resolution_s: 1,
    demand: { ring: 4, hit: 5, prefetched: 1, coalesced: 0, miss: 2 },
    reasons: { evicted: 1, first: 1 },
    perceived: { all: { count: 8, p50_ms: 12, p95_ms: 900, p99_ms: 1000 } },
    server: { miss: { count: 2, total_s: 1.8 } },
    stages: {},
    page: { skipped: 0, ahead: 3, ahead_bytes: 1e6 },
    requests: { demand: { 200: 8, 503: 1 } },
    given_up: { demand: 0 },
    queue: { count: 16, p95_ms: 2, p99_ms: 3 },
    brick_write: null,
    caches: {
      bricks: {
        bytes: 5e9,
        limit: 20e9,
        entries: 9,
        evictions: 0,
        evicted: { used: { count: 0, mean_age_s: null }, unused: { count: 0, mean_age_s: null } },
      },
      frames: { bytes: 0, limit: 1e9, entries: 0, evictions: 0 },
    },
    cache_sizes: {
      accesses: 100,
      hits: 90,
      hit_rate: 0.9,
      simulated: [
        { factor: 0.5, hits: 60, hit_rate: 0.6 },
        { factor: 1, hits: 90, hit_rate: 0.9 },
        { factor: 2, hits: 94, hit_rate: 0.94 },
      ],
    },
    prefetch: {
      planned: 0,
      in_flight: 0,
      decoded: 1,
      used: 1,
      late: 0,
      used_bytes: 0,
      wasted_bytes: 0,
      wasted: { turned: 0, jumped: 0, left: 0, too_deep: 0, evicted: 0, dropped: 0 },
      lead: { ready: 0, joined: 0, not_begun: 0, p5_s: null, p50_s: null, p95_s: null },
      saved_s: 0,
      spent_s: 0,
      undecided_bytes: 0,
      accuracy: null,
      coverage: 0.5,
      timeliness: 1,
      moving: { decoded_bytes: 0, used_bytes: 0 },
      resting: { decoded_bytes: 0, used_bytes: 0 },
    },
    reports: { accepted: 8, refused: 0 },
    viewers: 1,
    machine: {
      processes: {
        'web-0': { role: 'web', rss_bytes: 1e8, heartbeat_s: 0.4, up_s: 90, cpu: 0.25, bookkeeping: 0.002 },
        'worker-0': { role: 'worker', rss_bytes: 1e8, heartbeat_s: 12, up_s: 90, cpu: 0, bookkeeping: 0 },
      },
      free_bytes: 5e10,
      hdf5_started: 2,
      hdf5_rss_bytes: 9e7,
    },
    worker: { state: 'up', since_s: 30 },
    ...more,
  };
}
