import assert from 'node:assert/strict';

import { createFollowing } from '../../assets/ui/tools/following.mjs';
import { settled } from './fake-clock.mjs';

/* Figures of shapes that are places; a test answers what was asked. */
function setUp() {
  const [log, answers] = [[], []];
  let running = 0;
  const following = createFollowing({
    requests: {
      cancel: () => {
        running = 0;
      },
      done: () => {
        running = 0;
      },
      isRunning: () => running > 0,
    },
    panel: { stale: (on) => log.push(on ? 'stale' : 'fresh'), say: (text) => log.push('! ' + text) },
    keyOf: (view, tool) => view + ' ' + tool,
    ask: ({ tool }) => {
      running = 1;
      log.push('? ' + tool);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    draw: ({ entry: { tool }, found }, isLast) => log.push('= ' + tool + ' ' + found + (isLast ? '' : ' …')),
    clear: () => log.push('clear'),
  });
  const answer = async (found) => {
    answers.shift().resolve(found);
    await settled();
  };
  const refuse = async (message) => {
    answers.shift().reject(new Error(message));
    await settled();
  };
  /** What has happened since it was asked last. */
  const seen = () => log.splice(0).filter((text) => text !== 'fresh');
  return { following, answer, refuse, seen };
}

const at = (tool, index = 0) => ({ tool, index });

Deno.test('figures are asked for at rest, once, and are stale until they come', async () => {
  const { following, answer, seen } = setUp();
  following.show(at('a'), 'v', false);
  assert.deepEqual(seen(), ['stale']);
  following.show(at('a'), 'v', true);
  following.show(at('a'), 'v', true);
  assert.deepEqual(seen(), ['stale', '? a', 'stale']);
  await answer(7);
  assert.deepEqual(seen(), ['= a 7']);
  following.show(at('a'), 'w', true);
  assert.deepEqual(seen(), ['stale', '? a']);
});

Deno.test('while a shape is dragged the newest place alone waits', async () => {
  const { following, answer, seen } = setUp();
  for (const place of ['a', 'b', 'c']) following.live(at(place), 'v');
  assert.deepEqual(seen(), ['? a']);
  await answer(1);
  assert.deepEqual(seen(), ['= a 1 …', '? c']);
  following.live(at('c'), 'v');
  await answer(3);
  assert.deepEqual(seen(), ['= c 3']);
});

Deno.test('what the page has by itself needs no answer, and the next place is asked for again', () => {
  const { following, seen } = setUp();
  following.live(at('a'), 'v');
  following.put({ entry: at('b'), view: 'v', found: 2 });
  following.show(at('b'), 'v', true);
  assert.deepEqual(seen(), ['? a', '= b 2 …', '? b']);
});

Deno.test('a refusal is a sentence, and nothing of the shape is left', async () => {
  const { following, answer, refuse, seen } = setUp();
  following.live(at('a'), 'v');
  await answer(1);
  following.live(at('b'), 'v');
  following.live(at('c'), 'v');
  seen();
  await refuse('It is outside.');
  assert.deepEqual(seen(), ['clear', '! It is outside.', '? c']);
  assert.equal(following.shown(), null);
});

Deno.test('what is hidden takes no answer', async () => {
  const { following, answer, seen } = setUp();
  following.live(at('a', 4), 'v');
  assert.ok(following.isOf(4));
  following.hide();
  assert.ok(!following.isOf(4));
  seen();
  await answer(null);
  assert.deepEqual(seen(), []);
});
