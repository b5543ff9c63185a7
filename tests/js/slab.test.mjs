import assert from 'node:assert/strict';

import { createApi } from '../../assets/data/api.mjs';
import { slabOf } from '../../assets/model/slab.mjs';

Deno.test('slabs are those that the server plans with', () => {
  // tests/unit/addressing/test_slabs.py has the same.
  assert.equal(slabOf('a.h5', '/v', '700,:,:', [68, 43, 43]), '5ba9bd01');
  assert.equal(slabOf('a.h5', '/v', '747,0:9:2,:', [68, 43, 43]), '5ba9bd01');
  assert.equal(slabOf('ä/ß.h5', '/größe', '3,:,7,:', [1, 8, 4, 8]), '949c6274');
  assert.equal(slabOf('a.h5', '/v', ':,:', [9, 9]), 'fd1de296');
});

Deno.test('slices of another chunk, axis, dataset and file have other slabs', () => {
  const slabs = [
    slabOf('a.h5', '/v', '0,:,:', [8, 8, 8]),
    slabOf('a.h5', '/v', '8,:,:', [8, 8, 8]),
    slabOf('a.h5', '/v', ':,0,:', [8, 8, 8]),
    slabOf('a.h5', '/w', '0,:,:', [8, 8, 8]),
    slabOf('b.h5', '/v', '0,:,:', [8, 8, 8]),
  ];
  assert.equal(new Set(slabs).size, 5);
  assert.equal(slabOf('a.h5', '/v', '0,:', [8, 8, 8]), null);
});

/* The interface over a server that lists these datasets. */
async function withDatasets(datasets, act) {
  const { fetch } = globalThis;
  globalThis.fetch = () => Promise.resolve(new Response(JSON.stringify({ datasets, complete: true, default: null })));
  try {
    const api = createApi('', { check: () => true });
    await api.listing('a.h5');
    act(api);
  } finally {
    globalThis.fetch = fetch;
  }
}

Deno.test('whatever is asked of a slice of a listed dataset names its slab', async () => {
  await withDatasets([{ dataset: '/v', slab: [68, 43, 43] }, { dataset: '/t', slab: null }], (api) => {
    const slice = { file: 'a.h5', dataset: '/v', selection: '700,:,:' };
    assert.match(api.url('/api/v1/slice', slice), /&slab=5ba9bd01$/);
    assert.match(api.url('/api/v1/value', { file: 'a.h5', dataset: '/v', index: '700,1,2' }), /&index=700,1,2$/);
    assert.doesNotMatch(api.url('/api/v1/slice', { ...slice, dataset: '/t' }), /slab/);
    assert.doesNotMatch(api.url('/api/v1/slice', { ...slice, file: 'b.h5' }), /slab/);
    assert.doesNotMatch(api.url('/api/v1/datasets', { file: 'a.h5' }), /slab/);
  });
});
