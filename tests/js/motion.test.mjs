import assert from 'node:assert/strict';

import { afterStep, AT_REST, indicesAhead, indicesAround } from '../../assets/model/motion.mjs';

/* The velocity after steps {delta, ms since the last one}. */
function after(...steps) {
  let now = 0;
  return steps.reduce((velocity, [delta, ms]) => {
    now += ms;
    return afterStep(velocity, delta, now);
  }, AT_REST);
}

const list = (velocity, change) => {
  const at = (k) => 50 + k * velocity.direction * velocity.stride;
  return indicesAhead(velocity, Object.assign({ length: 100, at, delayMs: 0, capacity: 1000 }, change));
};

Deno.test('the speed follows the steps, and is zero after a pause', () => {
  assert.equal(after([1, 0]).speed, 0);
  const repeated = after(...Array.from({ length: 60 }, () => [1, 40]));
  assert.ok(Math.abs(repeated.speed - 25) < 0.1, String(repeated.speed));
  assert.equal(afterStep(repeated, 1, repeated.at + 601).speed, 0);
});

Deno.test('a stride counts once it is repeated', () => {
  assert.deepEqual([after([10, 0]).stride, after([10, 0], [10, 40]).stride], [1, 10]);
  const back = after([10, 0], [10, 40], [-3, 40]);
  assert.deepEqual([back.stride, back.direction], [1, -1]);
});

Deno.test('ahead lie the next two seconds of the movement, and one slice behind', () => {
  assert.deepEqual(list(after([1, 0])), [51, 52, 53, 54, 55, 56, 49]);
  assert.deepEqual(list(after([-1, 0])), [49, 48, 47, 46, 45, 44, 51]);
  const repeated = after(...Array.from({ length: 60 }, () => [1, 100]));
  assert.deepEqual(list(repeated), [...Array.from({ length: 20 }, (_, k) => 51 + k), 49]);
  assert.deepEqual(list(repeated, { capacity: 3 }), [51, 52, 53, 49]);
});

Deno.test('frames that would come too late are left out', () => {
  const repeated = after(...Array.from({ length: 60 }, () => [1, 100]));
  assert.equal(list(repeated, { delayMs: 450 })[0], 55);
});

Deno.test('there is nothing beyond the ends, nor where playing ends', () => {
  assert.deepEqual(list(after([1, 0]), { length: 53 }), [51, 52, 49]);
  assert.deepEqual(list(after([1, 0]), { at: (k) => (k > 1 ? null : 50 + k) }), [51, 49]);
  assert.deepEqual(indicesAround(AT_REST, 1, 4), [2, 3, 0]);
  assert.deepEqual(indicesAround(after([-1, 0]), 50, 100), [49, 48, 51, 47, 46, 52]);
});
