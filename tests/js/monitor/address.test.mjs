import assert from 'node:assert/strict';

import {
  chosenSpan,
  formatState,
  parseState,
  periodOf,
  RANGES,
  recentPart,
  seriesQuery,
  START,
  sumsQuery,
  switchOf,
  withFilter,
} from '../../../assets/model/monitor/address.mjs';

Deno.test('an address without anything is the state at first, and back', () => {
  assert.deepEqual(parseState(''), START);
  assert.equal(formatState(START), '');
});

Deno.test('every state survives the address', () => {
  const state = {
    range: '24h',
    span: { from: 1000, to: 2000 },
    row: 'caches',
    filters: { volume: 'a b.h5/x&y=z', outcome: 'miss' },
    switches: { outcomes: 'time' },
    at: 1234.567,
    wall: true,
  };
  assert.deepEqual(parseState(formatState(state)), state);
});

Deno.test('what is not understood is as at first', () => {
  const state = parseState('?range=1y&row=x&from=9&to=3&at=-1&wall=2&show-outcomes=no&colour=red');
  assert.deepEqual(state, START);
  assert.equal(switchOf(state, 'outcomes'), 'requests');
});

Deno.test('ranges have fewer than a hundred steps, of whole rows as they are kept', () => {
  RANGES.forEach(({ seconds, step }) => {
    const kept = seconds <= 900 ? 1 : seconds <= 2 * 86400 ? 60 : 3600;
    assert.equal(step % kept, 0);
    assert.ok(seconds / step <= 98 && seconds / step >= 20, `${seconds}/${step}`);
  });
});

Deno.test('figures are asked for by range, or by a span with steps of the server', () => {
  assert.deepEqual(seriesQuery(parseState('?range=1h')), { from: -3600, step: 60 });
  assert.deepEqual(sumsQuery(parseState('?range=1h')), { window: 3600 });
  const span = { from: 1000, to: 2000 };
  assert.deepEqual(seriesQuery(parseState('?from=1000&to=2000')), span);
  assert.deepEqual(sumsQuery(parseState('?from=1000&to=2000')), span);
});

Deno.test('a step passes between two polls, a minute at most, and what has passed is not polled', () => {
  assert.equal(periodOf(parseState('')), 10_000);
  assert.equal(periodOf(parseState('?range=30d')), 60_000);
  assert.equal(periodOf(parseState('?from=1000&to=2000')), null);
});

Deno.test('a span is chosen in both directions, if it is long enough', () => {
  assert.deepEqual(chosenSpan(120.7, 100.2), { from: 100, to: 121 });
  assert.equal(chosenSpan(100, 103), null);
});

Deno.test('what is kept for a shorter time is asked for as far as it is kept', () => {
  assert.deepEqual(recentPart({ from: 0, to: 1000 }, 300, 1000), { from: 701, to: 1000 });
  assert.deepEqual(recentPart({ from: 900, to: 950 }, 300, 1000), { from: 900, to: 950 });
  assert.equal(recentPart({ from: 0, to: 600 }, 300, 1000), null);
  assert.equal(recentPart({ from: 0, to: 1000 }, 0, 1000), null);
});

Deno.test('a volume and an axis exclude each other', () => {
  const filters = { volume: 'a', outcome: 'miss' };
  assert.deepEqual(withFilter(filters, 'axis', '0'), { volume: '', outcome: 'miss', axis: '0' });
  assert.deepEqual(withFilter(filters, 'axis', ''), { volume: 'a', outcome: 'miss', axis: '' });
  assert.deepEqual(withFilter(filters, 'reason', 'first'), { ...filters, reason: 'first' });
});
