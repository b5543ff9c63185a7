import assert from 'node:assert/strict';

import { createAwaited } from '../../assets/model/awaited.mjs';

const at = (index) => ({ generation: 1, axis: 0, position: [index, 0, 0] });

function counted() {
  const counts = { skipped: 0 };
  const awaited = createAwaited(() => {
    counts.skipped += 1;
  });
  return { counts, awaited };
}

Deno.test('a slice that another one took the place of was skipped', () => {
  const { counts, awaited } = counted();
  [20, 21, 22].forEach((index) => awaited.add(at(index)));
  awaited.painted(at(21));
  assert.equal(counts.skipped, 1);
  awaited.painted(at(22));
  assert.equal(counts.skipped, 1);
});

Deno.test('a slice that was painted late leaves those that were requested after it', () => {
  const { counts, awaited } = counted();
  [20, 21].forEach((index) => awaited.add(at(index)));
  awaited.painted(at(20));
  assert.equal(counts.skipped, 0);
  awaited.passed();
  assert.equal(counts.skipped, 1);
});

Deno.test('the same slice under another zoom is one', () => {
  const { counts, awaited } = counted();
  awaited.add(at(20));
  awaited.add(at(20));
  awaited.painted(at(20));
  awaited.painted(at(7));
  awaited.passed();
  assert.equal(counts.skipped, 0);
});

Deno.test('what was given up is not counted', () => {
  const { counts, awaited } = counted();
  awaited.add(at(20));
  awaited.clear();
  awaited.passed();
  assert.equal(counts.skipped, 0);
});
