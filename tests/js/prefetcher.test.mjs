import assert from 'node:assert/strict';

import { createPrefetcher } from '../../assets/data/prefetcher.mjs';
import { createFakeClock, settled } from './fake-clock.mjs';

/* Log: +index started, xindex aborted, =index arrived. */
function setUp(slots) {
  const log = [];
  const open = new Map();
  const clock = createFakeClock();
  const kept = new Set();
  const limit = { slots };
  const fetchFrame = (index, signal) =>
    new Promise((resolve, reject) => {
      log.push('+' + index);
      open.set(index, { resolve, reject });
      signal.addEventListener('abort', () => {
        log.push('x' + index);
        reject(new DOMException('', 'AbortError'));
      });
    });
  const onFrame = (index) => {
    kept.add(index);
    log.push('=' + index);
  };
  const prefetcher = createPrefetcher(fetchFrame, onFrame, (index) => kept.has(index), () => limit.slots, clock);
  return { log, open, clock, limit, prefetcher };
}

Deno.test('no more frames are in flight than the link carries', async () => {
  const { log, open, limit, prefetcher } = setUp(2);
  prefetcher.setQueue([1, 2, 3, 4]);
  await settled();
  open.get(1).resolve({});
  await settled();
  limit.slots = 3;
  open.get(2).resolve({});
  await settled();
  assert.deepEqual(log, ['+1', '+2', '=1', '+3', '=2', '+4']);
  assert.equal(prefetcher.size(), 2);
});

Deno.test('what is no longer ahead is aborted', async () => {
  const { log, open, prefetcher } = setUp(2);
  prefetcher.setQueue([5, 6]);
  prefetcher.setQueue([6, 7]);
  open.get(5).resolve({});
  await settled();
  assert.deepEqual(log, ['+5', '+6', 'x5', '+7']);
  assert.deepEqual([prefetcher.isRunning(6), prefetcher.isRunning(5)], [true, false]);
});

Deno.test('prefetching pauses while a demand needs the link', () => {
  const { log, prefetcher } = setUp(2);
  prefetcher.setQueue([1, 2]);
  prefetcher.pause(true);
  prefetcher.setQueue([2, 3]);
  assert.deepEqual(log, ['+1', '+2', 'x1', 'x2']);
  prefetcher.pause(false);
  assert.deepEqual(log, ['+1', '+2', 'x1', 'x2', '+2', '+3']);
});

Deno.test('prefetching backs off after an error', async () => {
  const { log, open, clock, prefetcher } = setUp(1);
  prefetcher.setQueue([1, 2]);
  open.get(1).reject(new Error('busy'));
  await settled();
  assert.deepEqual(log, ['+1']);
  await clock.pass(999);
  assert.deepEqual(log, ['+1']);
  await clock.pass(1);
  assert.deepEqual(log, ['+1', '+1']);
});
