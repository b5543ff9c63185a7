import assert from 'node:assert/strict';

import { createBandwidthEstimator } from '../../assets/data/bandwidth.mjs';

function measured(wait, duration) {
  const link = createBandwidthEstimator();
  for (let i = 0; i < 6; i += 1) {
    link.addSample({ bytes: 200000, wait, begin: 1000 * i, end: 1000 * i + duration });
  }
  return link;
}

const isNear = (value, expected) => assert.ok(Math.abs(value / expected - 1) < 1e-6, `${value} is not ${expected}`);

Deno.test('a fast link carries several frames and a slow one two', () => {
  const fast = measured(12, 4);
  assert.deepEqual([fast.maxConcurrent(200000), fast.transferMs(200000)], [4, 4]);
  assert.ok(fast.maxCells(30) > 1_000_000);
  const slow = measured(30, 400);
  assert.deepEqual([slow.maxConcurrent(200000), slow.transferMs(200000)], [2, 400]);
  isNear(slow.maxCells(30), 200_000 / 0.4 * 0.8 / 30);
  assert.equal(createBandwidthEstimator().maxConcurrent(200000), 2);
});

Deno.test('bodies that travel together share the link', () => {
  const link = createBandwidthEstimator();
  link.addSample({ bytes: 100000, wait: 5, begin: 0, end: 100 });
  link.addSample({ bytes: 100000, wait: 5, begin: 0, end: 110 });
  link.addSample({ bytes: 100000, wait: 5, begin: 90, end: 200 });
  link.addSample({ bytes: 500, wait: 5, begin: 300, end: 900 });
  isNear(link.rate(), 300_000 / 200);
});
