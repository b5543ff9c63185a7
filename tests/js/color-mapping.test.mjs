import assert from 'node:assert/strict';

import { createColorMapping, matches } from '../../assets/render/color-mapping.mjs';
import { createFakeClock } from './fake-clock.mjs';

const VIEW = { generation: 1, window: 'volume', norm: 'linear', colorscale: 'gray', reverse: false };

const REQUEST = {
  generation: 1,
  shape: [9, 4, 5],
  rows: 1,
  cols: 2,
  position: [3, 2, 2],
  viewport: { row0: 0, col0: 0, rows: null, cols: null },
  query: { file: 'a.h5', dataset: '/d', part: null },
};

const CELLS = { z: [[1, 2], [3, 8]], rows: 2, cols: 2, min: 1, max: 8, smallest: 1, fill: NaN, dtype: 'uint16' };

function setUp() {
  const clock = createFakeClock();
  const state = { generation: 1, error: '' };
  const selections = [];
  const colors = createColorMapping({
    clock,
    api: {
      url: (_path, { selection }) => selection,
      fetchOk: (selection) => {
        selections.push(selection);
        return Promise.resolve(new Response('', { headers: { 'X-Slice-Window': '5,50' } }));
      },
    },
    show: {
      error: (text) => {
        state.error = text;
      },
      bounds: () => undefined,
    },
    isCurrent: ({ generation }) => generation === state.generation,
  });
  return { clock, state, selections, colors };
}

Deno.test('the window of a volume is requested once, a moment after the slice', async () => {
  const { clock, selections, colors } = setUp();
  colors.prefetchWindow(VIEW, REQUEST);
  await clock.pass(59);
  assert.deepEqual(selections, []);
  await clock.pass(1);
  const { lo, hi } = await colors.resolve(VIEW, REQUEST, CELLS);
  assert.deepEqual([lo, hi, selections], [5, 50, ['3,0:1,0:1']]);
});

Deno.test('no window is requested for what is no longer shown, nor where another one is chosen', async () => {
  const { clock, state, selections, colors } = setUp();
  colors.prefetchWindow(Object.assign({}, VIEW, { window: 'slice' }), REQUEST);
  colors.prefetchWindow(VIEW, REQUEST);
  state.generation = 2;
  await clock.pass(1000);
  assert.deepEqual(selections, []);
});

Deno.test('where a norm cannot be applied the colours are linear, and the reason is said', async () => {
  const { state, colors } = setUp();
  const view = Object.assign({}, VIEW, { window: [-9, -1], norm: 'log' });
  const mapping = await colors.resolve(view, REQUEST, CELLS);
  assert.deepEqual([mapping.norm, mapping.lo, mapping.hi], ['linear', -9, -1]);
  assert.match(state.error, /needs values above zero/);
  assert.ok(matches(view, mapping));
  assert.ok(!matches(VIEW, mapping));
});
