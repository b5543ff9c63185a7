import assert from 'node:assert/strict';

import { createTelemetry } from '../../assets/data/telemetry.mjs';
import { createFakeClock } from './fake-clock.mjs';

/* What the page sends for slices with these answers. */
async function reportOf(...answers) {
  const clock = createFakeClock();
  const bodies = [];
  const { fetch } = globalThis;
  Object.assign(globalThis, {
    document: { hidden: false },
    fetch: (_address, { body }) => {
      bodies.push(JSON.parse(body));
      return Promise.resolve();
    },
  });
  try {
    const telemetry = createTelemetry({ url: (path) => path }, { transferMs: () => 3 }, 'me', clock);
    const query = { file: 'a.h5', dataset: '/d', selection: '3,:,:' };
    for (const answer of answers) {
      const painted = telemetry.painted({ index: 3, axis: 0, query }, answer, { convert: 1, draw: 2 }, clock.now());
      await clock.pass(20);
      await painted;
    }
    await clock.pass(2000);
  } finally {
    globalThis.fetch = fetch;
    delete globalThis.document;
  }
  return bodies;
}

Deno.test('painted slices are reported in one batch, each with the version that its bytes are of', async () => {
  const server = { total: 1 };
  const [{ viewer, slices }, ...more] = await reportOf(
    { source: 'bricks', version: 'v1', server },
    { source: 'ring', version: 'v2', server: {} },
    { source: 'miss', version: null, server },
  );
  assert.deepEqual([viewer, more], ['me', []]);
  assert.deepEqual(slices.map((slice) => [slice.source, slice.version]), [
    ['bricks', 'v1'],
    ['ring', 'v2'],
    ['miss', undefined],
  ]);
  const { selection, index, axis, transfer_ms: transfer, convert_ms: convert } = slices[0];
  assert.deepEqual([selection, index, axis, transfer, convert], ['3,:,:', 3, 0, 3, 1]);
});
