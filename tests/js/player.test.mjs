import assert from 'node:assert/strict';

import { createPlayer } from '../../assets/ui/player.mjs';
import { createFakeClock } from './fake-clock.mjs';

/* A player on 20 slices; what is requested is painted after `paintMs`, 0 for at once. */
function setUp(index, settings, paintMs = 0, range = [0, 19]) {
  const clock = createFakeClock();
  const view = { axis: 0, shape: [20, 4, 5], position: [index] };
  const log = [];
  const state = { hidden: false };
  const player = createPlayer({
    clock,
    store: { current: () => view },
    go: (next) => {
      view.position[0] = next;
      log.push(next);
      clock.later(player.onPainted, paintMs);
    },
    rangeOf: () => range,
    isHidden: () => state.hidden,
    onChange: (playing) => log.push(playing ? 'play' : 'pause'),
  });
  player.configure(Object.assign({ speed: 10, direction: 1, end: 'loop', timing: 'every' }, settings));
  return { clock, log, player, state };
}

Deno.test('as many slices are played as were asked for', async () => {
  const { clock, log, player } = setUp(0);
  player.toggle();
  await clock.pass(1000);
  player.toggle();
  await clock.pass(1000);
  assert.equal(log[0], 'play');
  assert.equal(log.at(-1), 'pause');
  assert.ok(Math.abs(log.length - 2 - 10) <= 1, String(log));
});

Deno.test('every slice is waited for, or late ones are skipped', async () => {
  const every = setUp(0, {}, 300);
  every.player.toggle();
  await every.clock.pass(1300);
  assert.deepEqual(every.log.slice(0, 4), ['play', 1, 2, 3]);
  assert.ok(every.log.length <= 6);
  const real = setUp(0, { timing: 'real', speed: 100 }, 300);
  real.player.toggle();
  await real.clock.pass(160);
  assert.ok(real.log.at(-1) >= 14, String(real.log));
});

Deno.test('playing stops at the end, and begins again from the start', async () => {
  const { clock, log, player } = setUp(17, { end: 'stop' });
  player.toggle();
  await clock.pass(2000);
  assert.deepEqual(log, ['play', 18, 19, 'pause']);
  player.toggle();
  await clock.pass(120);
  assert.deepEqual(log.slice(4, 7), [0, 'play', 1]);
});

Deno.test('the next slices are known for prefetching', () => {
  const { player } = setUp(18, { end: 'bounce' });
  assert.deepEqual([1, 2, 3].map((k) => player.indexAfter(18, k, 20)), [19, 18, 17]);
});

Deno.test('a hidden tab plays nothing', async () => {
  const { clock, log, player, state } = setUp(0);
  player.toggle();
  state.hidden = true;
  await clock.pass(500);
  assert.deepEqual([log, player.isPlaying()], [['play', 'pause'], false]);
});

Deno.test('a range is played as if it were the whole axis', async () => {
  const { clock, log, player } = setUp(2, { end: 'loop' }, 0, [5, 8]);
  player.toggle();
  await clock.pass(650);
  assert.deepEqual(log.slice(0, 7), [5, 'play', 6, 7, 8, 5, 6]);
  assert.deepEqual([1, 2, 3, 4].map((k) => player.indexAfter(7, k)), [8, 5, 6, 7]);
});
