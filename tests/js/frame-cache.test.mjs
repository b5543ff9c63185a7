import assert from 'node:assert/strict';

import { createFrameCache } from '../../assets/data/frame-cache.mjs';
import { createFakeClock } from './fake-clock.mjs';

function setUp(limit) {
  const clock = createFakeClock();
  const frames = createFrameCache(limit, clock);
  const put = (name, index, bytes, step = 1) => frames.put(name, index, { codes: new Uint8Array(bytes), step });
  const kept = (name, count) => Array.from({ length: count }, (_, i) => i).filter((i) => frames.get(name, i, 99));
  return { clock, frames, put, kept };
}

Deno.test('frames near the cursor and ahead of it are kept', () => {
  const { frames, put, kept } = setUp(100);
  frames.setCursor('s', 10, 1);
  for (let i = 0; i < 30; i += 1) put('s', i, 10);
  assert.equal(frames.bytes(), 100);
  // Two ahead are worth one behind; the newest is never the one to go.
  assert.equal(kept('s', 30).at(-1), 29);
  for (let i = 9; i < 16; i += 1) assert.ok(kept('s', 30).includes(i));
});

Deno.test('other series are evicted first', () => {
  const { frames, put, kept } = setUp(100);
  put('old', 1, 40);
  put('new', 1, 40);
  frames.setCursor('new', 1, 1);
  put('new', 500, 40);
  assert.deepEqual([kept('old', 9), kept('new', 600), frames.bytes()], [[], [1, 500], 80]);
});

Deno.test('no frame is too coarse or too old', async () => {
  const { clock, frames, put } = setUp(100);
  const isThere = (step) => Boolean(frames.get('s', 1, step));
  put('s', 1, 10, 3);
  assert.deepEqual([isThere(2), isThere(3), isThere(4)], [false, true, true]);
  await clock.pass(1e6);
  assert.equal(isThere(4), false);
  put('s', 1, 20, 3);
  assert.equal(frames.bytes(), 20);
  frames.clear();
  assert.deepEqual([frames.bytes(), isThere(4)], [0, false]);
});
