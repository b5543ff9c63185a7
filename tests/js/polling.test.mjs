import assert from 'node:assert/strict';

import { createPolling, POLL_MS } from '../../assets/ui/polling.mjs';
import { createFakeClock } from './fake-clock.mjs';

const LONGEST_MS = 10_000;

function setUp() {
  const clock = createFakeClock();
  const woken = [];
  const polling = createPolling({ clock, longestMs: LONGEST_MS, onWake: () => woken.push(clock.now()) });
  return { clock, woken, polling };
}

Deno.test('a page that is used asks every two seconds', async () => {
  const { clock, polling, woken } = setUp();
  for (let i = 0; i < 10; i += 1) {
    await clock.pass(20_000);
    assert.equal(polling.period(), POLL_MS);
    polling.used();
  }
  assert.deepEqual(woken, []);
});

Deno.test('the longer nobody uses it the more rarely it asks, up to the longest period', async () => {
  const { clock, polling } = setUp();
  await clock.pass(30_000);
  assert.equal(polling.period(), 3000);
  await clock.pass(30_000);
  assert.equal(polling.period(), 6000);
  await clock.pass(3_600_000);
  assert.equal(polling.period(), LONGEST_MS);
});

Deno.test('who uses it again is shown at once what may have grown old', async () => {
  const { clock, polling, woken } = setUp();
  await clock.pass(60_000);
  polling.used();
  polling.used();
  assert.deepEqual(woken, [60_000]);
  assert.equal(polling.period(), POLL_MS);
});
