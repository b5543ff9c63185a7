import assert from 'node:assert/strict';

import { openPanels, toggled } from '../../assets/model/dock-layout.mjs';

const PANELS = [
  { id: 'pipeline', full: 300 },
  { id: 'latency', full: 140 },
  { id: 'hit-rate', full: 160 },
  { id: 'prefetch', full: 150 },
];

function open(height, choices = {}) {
  const asked = Object.assign({ height, compact: 36, gap: 8, raised: [], folded: [] }, choices);
  return [...openPanels(PANELS, asked)];
}

Deno.test('as many panels are open as there is space for, in their order', () => {
  const all = 300 + 140 + 160 + 150 + 3 * 8;
  assert.deepEqual(open(all), ['pipeline', 'latency', 'hit-rate', 'prefetch']);
  assert.deepEqual(open(all - 1), ['pipeline', 'latency', 'hit-rate']);
  assert.deepEqual(open(300 + 140 + 2 * 36 + 3 * 8), ['pipeline', 'latency']);
  assert.deepEqual(open(300 + 3 * 36 + 3 * 8), ['pipeline']);
});

Deno.test('what does not fit leaves its space to a smaller one', () => {
  assert.deepEqual(open(300 + 150 + 2 * 36 + 3 * 8, { folded: ['latency'] }), ['pipeline', 'prefetch']);
});

Deno.test('one panel is open in any case, and all where the height is not bounded', () => {
  assert.deepEqual(open(100), ['pipeline']);
  assert.equal(open(Infinity).length, 4);
});

Deno.test('the panel that was opened last comes first, then the first one', () => {
  const height = 160 + 150 + 2 * 36 + 3 * 8;
  let choices = toggled({ raised: [], folded: [] }, 'prefetch', false);
  choices = toggled(choices, 'hit-rate', false);
  assert.deepEqual(choices.raised, ['hit-rate', 'prefetch']);
  assert.deepEqual(open(height, choices), ['hit-rate', 'prefetch']);
  assert.deepEqual(open(height + 150, choices), ['hit-rate', 'pipeline']);
});

Deno.test('a panel that is folded stays compact until it is opened', () => {
  const folded = toggled({ raised: ['pipeline'], folded: [] }, 'pipeline', true);
  assert.deepEqual(folded, { raised: [], folded: ['pipeline'] });
  assert.ok(!open(Infinity, folded).includes('pipeline'));
  assert.deepEqual(toggled(folded, 'pipeline', false), { raised: ['pipeline'], folded: [] });
});
