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

Deno.test('what else was loaded tells of the link until a slice has come', () => {
  const link = createBandwidthEstimator();
  assert.equal(link.transferMs(1e6), 0);
  link.addHint({ bytes: 300, wait: 12, begin: 0, end: 1000 });
  assert.deepEqual([link.latencyMs(), link.transferMs(1e6)], [12, 0]);
  link.addHint({ bytes: 20_000, wait: 150, begin: 0, end: 100 });
  assert.deepEqual([link.latencyMs(), link.transferMs(1e6)], [12, 5000]);
  // The thread was busy, or another one came at the same time.
  link.addHint({ bytes: 20_000, wait: 150, begin: 0, end: 300 });
  assert.equal(link.transferMs(1e6), 5000);
  link.addSample({ bytes: 200_000, wait: 1, begin: 0, end: 10 });
  link.addHint({ bytes: 20_000, wait: 150, begin: 0, end: 0.5 });
  assert.equal(link.transferMs(1e6), 50);
});

Deno.test('answers are compressed where that is faster on this link, and spares something', () => {
  assert.equal(createBandwidthEstimator().isCompressedFaster(), false);
  assert.equal(measured(12, 4).isCompressedFaster(), false);
  const slow = measured(150, 800);
  assert.equal(slow.isCompressedFaster(), true);
  // These values cannot be compressed.
  slow.addCompressed({ bytes: 200_000, sent: 199_900, ms: 2 });
  assert.equal(slow.isCompressedFaster(), false);
  // A fast server, and a link that is not slow.
  const link = measured(12, 4);
  link.addCompressed({ bytes: 4e6, sent: 2e6, ms: 10 });
  assert.equal(link.isCompressedFaster(), true);
});

Deno.test('a server that is far away has a slow link until more is known of it', () => {
  const link = createBandwidthEstimator();
  link.addHint({ bytes: 300, wait: 180, begin: 0, end: 1 });
  link.addHint({ bytes: 2000, wait: 160, begin: 0, end: 2 });
  assert.deepEqual([link.latencyMs(), link.transferMs(2e6)], [160, 2000]);
  assert.ok(link.isCompressedFaster());
  link.addHint({ bytes: 200_000, wait: 160, begin: 0, end: 10 });
  assert.equal(link.transferMs(2e6), 100);
});
