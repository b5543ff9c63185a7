import assert from 'node:assert/strict';

import { measureStage } from '../../assets/data/network-timing.mjs';

Deno.test('a stage is in the browser’s own timeline, on a track of its performance panel', () => {
  const { measure } = performance;
  const calls = [];
  performance.measure = (name, options) => {
    calls.push([name, options]);
    return measure.call(performance, name, options);
  };
  try {
    assert.equal(measureStage('draw', 5, 12), 12);
  } finally {
    performance.measure = measure;
  }
  const [[name, { start, duration, detail }]] = calls;
  assert.deepEqual([name, start, duration], ['slice-draw', 5, 12]);
  assert.equal(detail.devtools.dataType, 'track-entry');
  assert.ok(detail.devtools.track && detail.devtools.trackGroup);
  assert.deepEqual(performance.getEntriesByName('slice-draw'), []);
});
