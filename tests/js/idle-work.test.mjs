import assert from 'node:assert/strict';

import { createIdleWork } from '../../assets/ui/idle-work.mjs';
import { createFakeClock } from './fake-clock.mjs';

const ALL = ['url', 'status', 'controls', 'residency'];

function setUp() {
  const clock = createFakeClock();
  const log = [];
  const state = { view: {}, seen: true };
  const note = (name) => () => log.push(name);
  const work = createIdleWork({
    clock,
    viewHistory: { note: () => undefined },
    config: { restDelay: 150 },
    store: { current: () => state.view },
    isSeen: () => state.seen,
    bridge: { syncPosition: note('controls') },
    navigation: { updateUrl: note('url'), announce: note('status') },
    residency: { show: note('residency') },
  });
  return { clock, log, state, work };
}

Deno.test('everything is brought up to date once, after the last change', async () => {
  const { clock, log, work } = setUp();
  work.schedule();
  await clock.pass(100);
  work.schedule();
  await clock.pass(149);
  assert.deepEqual(log, []);
  await clock.pass(1);
  assert.deepEqual(log, ALL);
});

Deno.test('what names the picture waits until it is on the screen', async () => {
  const { clock, log, state, work } = setUp();
  state.seen = false;
  work.schedule();
  await clock.pass(150);
  assert.deepEqual(log, ['controls', 'residency']);
  state.seen = true;
  work.catchUp();
  await clock.pass(150);
  assert.deepEqual(log.slice(2), ALL);
  work.catchUp();
  await clock.pass(1000);
  assert.equal(log.length, 6);
});

Deno.test('without a view, or after a cancel, nothing is done', async () => {
  const { clock, log, state, work } = setUp();
  work.schedule();
  work.cancel();
  await clock.pass(1000);
  state.view = null;
  work.schedule();
  await clock.pass(1000);
  assert.deepEqual(log, []);
});
