import assert from 'node:assert/strict';

import { tilesOf } from '../../../assets/model/monitor/tiles.mjs';
import { seriesOf, statsOf } from './figures-of.mjs';

function tilesById(stats, series) {
  return Object.fromEntries(tilesOf(stats, series).map((tile) => [tile.id, tile]));
}

Deno.test('each tile has a number, a word and a level', () => {
  const tiles = tilesOf(statsOf(), seriesOf());
  assert.equal(tiles.length, 8);
  tiles.forEach((tile) => {
    assert.ok(tile.value && tile.word && tile.label, tile.id);
    assert.ok(['good', 'fair', 'bad', 'none'].includes(tile.level), tile.id);
  });
});

Deno.test('numbers are those of the server, judged by the limits', () => {
  const tiles = tilesById(statsOf(), seriesOf());
  assert.deepEqual([tiles.wait.value, tiles.wait.level, tiles.wait.word], ['900 ms', 'fair', 'noticeable']);
  assert.deepEqual([tiles.quick.value, tiles.quick.level], ['87.5 %', 'fair']);
  assert.deepEqual([tiles.errors.value, tiles.errors.word], ['1', 'many']);
  assert.deepEqual(tiles.errors.spark, [0, 1, 0]);
  assert.deepEqual([tiles.cache.value, tiles.cache.word, tiles.cache.limit], [
    '83.3 %',
    'tight',
    '8.3 % evicted before',
  ]);
  assert.equal(tiles.rate.value, '0.4');
});

Deno.test('a worker that is away is bad news, also without a colour', () => {
  const away = statsOf({ worker: { state: 'away', since_s: 12 } });
  const { worker } = tilesById(away, seriesOf());
  assert.deepEqual([worker.value, worker.level, worker.word, worker.note], [
    'away',
    'bad',
    'stopped or hung',
    'for 12 s',
  ]);
});

Deno.test('without any slice nothing is good or bad', () => {
  const demand = { ring: 0, hit: 0, prefetched: 0, coalesced: 0, miss: 0 };
  const nothing = { count: [0, 0, 0], p50_ms: [null, null, null], p95_ms: [null, null, null] };
  const tiles = tilesById(
    statsOf({ perceived: {}, demand, requests: {}, queue: null, reasons: {} }),
    seriesOf({ perceived: nothing, counters: {}, seen_within_100_ms: [0, 0, 0] }),
  );
  ['wait', 'quick', 'errors', 'queue'].forEach((id) => assert.equal(tiles[id].level, 'none', id));
  assert.equal(tiles.cache.value, '–');
});

Deno.test('what is fetched ahead and refused is no error', () => {
  const stats = statsOf({ requests: { demand: { 200: 50, 404: 1 }, ahead: { 200: 9, 503: 9 } } });
  const { errors } = tilesById(stats, seriesOf({ counters: { 'requests.ahead_503': [9, 0, 0] } }));
  assert.deepEqual([errors.value, errors.level, errors.note], ['0', 'good', '10 refused · 0 skipped']);
  assert.deepEqual(errors.spark, [0, 0, 0]);
});
