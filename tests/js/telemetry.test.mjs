import assert from 'node:assert/strict';

import { createTelemetry } from '../../assets/data/telemetry.mjs';
import { createFakeClock } from './fake-clock.mjs';

const api = { url: (path) => path, isSignedOut: () => false };

/* Paint one slice with an answer and let its report be sent; `prepare` is called with the telemetry before. */
async function paint(clock, reports, request, answer, prepare = (_telemetry) => undefined) {
  const query = { file: 'a.h5', dataset: '/d', selection: '3,:,:' };
  return await withPage(reports, async () => {
    const telemetry = createTelemetry(api, { transferMs: () => 3 }, 'me', clock);
    prepare(telemetry);
    const spent = { convert: 1, draw: 2 };
    const painted = telemetry.painted(Object.assign({ index: 3, axis: 0, query }, request), answer, spent, clock.now());
    await clock.pass(20);
    const result = await painted;
    await clock.pass(2000);
    return result;
  });
}

/* What the page sends for slices with these answers. */
async function reportOf(...answers) {
  const clock = createFakeClock();
  const bodies = [];
  await withPage(bodies, async () => {
    const telemetry = createTelemetry(api, { transferMs: () => 3 }, 'me', clock);
    const query = { file: 'a.h5', dataset: '/d', selection: '3,:,:' };
    for (const answer of answers) {
      const painted = telemetry.painted({ index: 3, axis: 0, query }, answer, { convert: 1, draw: 2 }, clock.now());
      await clock.pass(20);
      await painted;
    }
    await clock.pass(2000);
  });
  return bodies;
}

/* Run `act` in a page that is visible, and keep the reports that it sends. */
async function withPage(reports, act) {
  const { fetch } = globalThis;
  Object.assign(globalThis, {
    document: { hidden: false },
    fetch: (_address, { body }) => {
      reports.push(JSON.parse(body));
      return Promise.resolve();
    },
  });
  try {
    return await act();
  } finally {
    globalThis.fetch = fetch;
    delete globalThis.document;
  }
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

Deno.test('a report tells how long a slice took since its request, and what of it the page waited', async () => {
  const clock = createFakeClock();
  await clock.pass(100);
  const reports = [];
  const painted = await paint(clock, reports, { requestedAt: 40 }, {
    source: 'miss',
    server: { decode: 20, total: 24 },
  });
  // 16 ms to the next frame are displayed; 3 of transfer, 1 of conversion and 2 of drawing lie in the 60 before.
  assert.equal(painted.perceived, 60 + painted.stages.display);
  assert.equal(painted.stages.waited, 60 - 24 - 3 - 1 - 2);
  const [slice] = reports[0].slices;
  assert.deepEqual([slice.perceived_ms, slice.waited_ms], [painted.perceived, painted.stages.waited]);
});

Deno.test('a slice of which nobody knows when it was requested has no such time', async () => {
  const clock = createFakeClock();
  const reports = [];
  const painted = await paint(clock, reports, {}, { source: 'ring', server: {} });
  assert.equal(painted.perceived, undefined);
  assert.ok(!('perceived_ms' in reports[0].slices[0]));
});

Deno.test('a report counts what was skipped and what was fetched ahead since the one before', async () => {
  const clock = createFakeClock();
  const reports = [];
  const before = (telemetry) => {
    telemetry.skipped();
    telemetry.fetchedAhead({ sent: 500, elapsed: 30, server: { total: 10 } });
    telemetry.fetchedAhead({ sent: 200, elapsed: 5, server: {} });
  };
  await paint(clock, reports, {}, { source: 'ring', server: {} }, before);
  assert.equal(reports[0].skipped, 1);
  assert.deepEqual(reports[0].ahead, { count: 2, bytes: 700, transfer_ms: 25 });
});
