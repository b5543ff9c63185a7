import assert from 'node:assert/strict';

import { createColorMapping, matches } from '../../assets/render/color-mapping.mjs';

const VIEW = {
  generation: 1,
  window: 'volume',
  norm: 'linear',
  colorscale: 'gray',
  reverse: false,
  centre: null,
  clip: false,
  kind: 'values',
  labels: '',
};

const REQUEST = {
  generation: 1,
  shape: [9, 4, 5],
  rows: 1,
  cols: 2,
  position: [3, 2, 2],
  viewport: { row0: 0, col0: 0, rows: null, cols: null },
  query: { file: 'a.h5', dataset: '/d', part: null, window: 'volume', norm: 'linear' },
};

const CELLS = { z: [[1, 2], [3, 8]], rows: 2, cols: 2, min: 1, max: 8, smallest: 1, fill: NaN, dtype: 'uint16' };

function setUp(bounds = '5,50') {
  const state = { error: '' };
  const selections = [];
  const colors = createColorMapping({
    api: {
      url: (_path, { selection }) => selection,
      fetchOk: (selection) => {
        selections.push(selection);
        return Promise.resolve(new Response('', { headers: { 'X-Slice-Window': bounds } }));
      },
    },
    show: {
      error: (text) => {
        state.error = text;
      },
      bounds: () => undefined,
    },
  });
  return { state, selections, colors };
}

Deno.test('the window of a volume comes with a slice, and is requested for another norm alone', async () => {
  const { selections, colors } = setUp();
  colors.keepWindow(REQUEST, [2, 20]);
  const ends = async (norm) => {
    const { lo, hi } = await colors.resolve(Object.assign({}, VIEW, { norm }), REQUEST, CELLS);
    return [lo, hi];
  };
  assert.deepEqual(await ends('linear'), [2, 20]);
  assert.deepEqual(selections, []);
  assert.deepEqual(await ends('sqrt'), [5, 50]);
  assert.deepEqual(await ends('sqrt'), [5, 50]);
  assert.deepEqual(selections, ['3,0:1,0:1']);
});

Deno.test('where no answer brought the window of a volume it is requested, once', async () => {
  const { selections, colors } = setUp();
  colors.keepWindow(REQUEST, null);
  const { lo, hi } = await colors.resolve(VIEW, REQUEST, CELLS);
  assert.deepEqual([lo, hi, selections], [5, 50, ['3,0:1,0:1']]);
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

Deno.test('a volume without values has no numbers beside its colour bar, with any norm and window', async () => {
  const none = Object.assign({}, CELLS, {
    z: [[NaN]],
    rows: 1,
    cols: 1,
    min: Infinity,
    max: -Infinity,
    smallest: Infinity,
  });
  for (const [norm, bounds] of [['linear', '0,1'], ['symlog', '0,1'], ['sqrt', '0,1'], ['log', '1,10']]) {
    for (const contrast of ['volume', 'slice']) {
      const { colors } = setUp(bounds);
      const mapping = await colors.resolve(Object.assign({}, VIEW, { norm, window: contrast }), REQUEST, none);
      assert.equal(mapping.empty, true, norm + ' ' + contrast);
    }
  }
});
