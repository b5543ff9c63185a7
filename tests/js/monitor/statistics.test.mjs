import assert from 'node:assert/strict';

import { createStatistics } from '../../../assets/data/monitor/statistics.mjs';
import { parseState } from '../../../assets/model/monitor/address.mjs';
import { createFakeClock } from '../fake-clock.mjs';

function parts() {
  const clock = createFakeClock();
  const requests = [];
  const api = {
    url: (path, query) => path + '?' + new URLSearchParams(JSON.parse(JSON.stringify(query))),
    json: (path, query) => {
      requests.push(api.url(path, query));
      return api.refuses ? Promise.reject(new Error('busy')) : Promise.resolve({ slices: [] });
    },
    refuses: false,
  };
  return { clock, requests, api, statistics: createStatistics(api, clock) };
}

Deno.test('whatever draws a figure, it is requested once a poll', () => {
  const { requests, statistics } = parts();
  const state = parseState('?range=1h');
  statistics.series(state);
  statistics.series(state);
  statistics.sums(state, 'axis');
  assert.deepEqual(requests, ['/api/v1/stats/series?from=-3600&step=60', '/api/v1/stats?window=3600&by=axis']);
  statistics.renew();
  statistics.series(state);
  assert.equal(requests.length, 3);
  assert.equal(statistics.csv(state, { by: 'axis' }), '/api/v1/stats/series?from=-3600&step=60&by=axis&format=csv');
});

Deno.test('lists of slow slices are kept for half a minute, for one time span', async () => {
  const { clock, requests, api, statistics } = parts();
  const hour = parseState('?range=1h');
  const span = { from: 1, to: 2 };
  await statistics.slowOf(hour, span, 'slowest');
  await clock.pass(20_000);
  await statistics.slowOf(hour, { from: 21, to: 22 }, 'slowest');
  assert.deepEqual(requests, ['/api/v1/slow?from=1&to=2&n=200&order=slowest']);
  await statistics.slowOf(parseState(''), span, 'slowest');
  assert.equal(requests.length, 2);
  await clock.pass(30_000);
  api.refuses = true;
  await assert.rejects(statistics.slowOf(parseState(''), span, 'slowest'));
  api.refuses = false;
  await statistics.slowOf(parseState(''), span, 'slowest');
  assert.equal(requests.length, 4);
});

Deno.test('the latest slices are asked for apart, and more often', async () => {
  const { clock, requests, statistics } = parts();
  const hour = parseState('?range=1h');
  const span = { from: 1, to: 2 };
  await statistics.slowOf(hour, span, 'slowest');
  await statistics.slowOf(hour, span, 'latest');
  assert.equal(requests[1], '/api/v1/slow?from=1&to=2&n=200&order=latest');
  await clock.pass(9_000);
  await statistics.slowOf(hour, span, 'latest');
  assert.equal(requests.length, 2);
  await clock.pass(1_000);
  await statistics.slowOf(hour, span, 'latest');
  assert.equal(requests.length, 3);
});
