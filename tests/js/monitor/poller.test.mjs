import assert from 'node:assert/strict';

import { createPoller } from '../../../assets/data/monitor/poller.mjs';
import { createFakeClock } from '../fake-clock.mjs';

function parts() {
  const clock = createFakeClock();
  const state = { hidden: false, period: 10_000, polls: 0, checks: 0, up: true };
  const poller = createPoller({
    poll: () => {
      state.polls += 1;
      return Promise.resolve(state.up);
    },
    check: () => {
      state.checks += 1;
      return Promise.resolve(state.up);
    },
    periodMs: () => state.period,
    isHidden: () => state.hidden,
    clock,
  });
  return { clock, state, poller };
}

Deno.test('polls come at the period', async () => {
  const { clock, state, poller } = parts();
  poller.run();
  await clock.pass(35_000);
  assert.equal(state.polls, 4);
});

Deno.test('nothing is polled while the page is hidden, and at once when it is shown late', async () => {
  const { clock, state, poller } = parts();
  poller.run();
  await clock.pass(1);
  state.hidden = true;
  poller.onVisibility();
  await clock.pass(60_000);
  assert.equal(state.polls, 1);
  state.hidden = false;
  poller.onVisibility();
  await clock.pass(1);
  assert.equal(state.polls, 2);
});

Deno.test('a pause holds until it ends', async () => {
  const { clock, state, poller } = parts();
  poller.run();
  await clock.pass(1);
  poller.pause(true);
  await clock.pass(60_000);
  assert.equal(state.polls, 1);
  poller.pause(false);
  await clock.pass(1);
  assert.equal(state.polls, 2);
});

Deno.test('what has passed is polled once', async () => {
  const { clock, state, poller } = parts();
  state.period = null;
  poller.run();
  await clock.pass(600_000);
  assert.equal(state.polls, 1);
});

Deno.test('between polls that are far apart the server is checked, and polled when it does not answer', async () => {
  const { clock, state, poller } = parts();
  state.period = 60_000;
  poller.run();
  await clock.pass(35_000);
  assert.deepEqual([state.polls, state.checks], [1, 3]);
  state.up = false;
  await clock.pass(6_000);
  assert.deepEqual([state.polls, state.checks], [2, 4]);
  // Until it is back, it is tried every five seconds.
  await clock.pass(10_000);
  assert.equal(state.polls, 4);
  state.up = true;
  await clock.pass(5_000);
  assert.equal(state.polls, 5);
  await clock.pass(30_000);
  assert.equal(state.polls, 5);
});

Deno.test('a time that has passed is polled until the server answers', async () => {
  const { clock, state, poller } = parts();
  state.period = null;
  state.up = false;
  poller.run();
  await clock.pass(6_000);
  assert.equal(state.polls, 2);
  state.up = true;
  await clock.pass(60_000);
  assert.equal(state.polls, 3);
});
