import assert from 'node:assert/strict';

import { createFrameCache } from '../../assets/data/frame-cache.mjs';
import { createScrubber } from '../../assets/render/scrubber.mjs';
import { createStateMachine } from '../../assets/render/state-machine.mjs';
import { createFakeClock, settled } from './fake-clock.mjs';

const SHAPE = [100, 4, 5];
const MAPPING = { lo: 0, hi: 9, norm: 'linear' };

function viewAt(index, change) {
  const view = {
    file: 'a.h5',
    dataset: '/d',
    dtype: 'uint16',
    generation: 1,
    shape: SHAPE,
    axis: 0,
    rows: 1,
    cols: 2,
    position: [index, 2, 2],
    x: null,
    y: null,
    part: null,
    kind: 'values',
    labels: '',
    decode: false,
    pool: 'mean',
    window: 'volume',
  };
  return Object.assign(view, change);
}

/* The scrubber with a server that answers on command: `server.answer(index)`. */
function setUp() {
  const clock = createFakeClock();
  const machine = createStateMachine();
  const log = [];
  const counts = { skipped: 0, ahead: 0 };
  const beside = { awaited: false };
  const requests = [];
  const indexOf = (query) => Number(query.selection.split(',')[0]);
  const loader = {
    load: (query, { signal }, _generation, onHeaders) =>
      new Promise((resolve, reject) => {
        const entry = { index: indexOf(query), ahead: Boolean(query.ahead), resolve, reject, onHeaders, signal };
        requests.push(entry);
        signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
      }),
  };
  const open = (index) => requests.find((entry) => entry.index === index && !entry.signal.aborted && !entry.done);
  const server = {
    demands: () => requests.filter((entry) => !entry.ahead).map((entry) => entry.index),
    ahead: () => requests.filter((entry) => entry.ahead).map((entry) => entry.index),
    isOpen: (index) => requests.some((entry) => !entry.ahead && entry.index === index && !entry.signal.aborted),
    begin: (index) => open(index).onHeaders(),
    fail: (index, error) => open(index).reject(error),
    answer: async (index) => {
      const entry = open(index);
      entry.done = true;
      entry.resolve({ bytes: new ArrayBuffer(20), shape: [4, 5], source: 'bricks', server: {} });
      await settled();
    },
  };
  const scrubber = createScrubber({
    clock,
    machine,
    frames: createFrameCache(1e6, clock),
    loader,
    bandwidth: { maxConcurrent: () => 2, latencyMs: () => 5, transferMs: () => 1 },
    display: { cellsInMotion: () => 1e6, addFrame: () => undefined },
    telemetry: {
      skipped: () => {
        counts.skipped += 1;
      },
      fetchedAhead: () => {
        counts.ahead += 1;
      },
      painted: (request, answer) => {
        log.push(request.index + ' ' + answer.source);
        return Promise.resolve({});
      },
    },
    plot: { cover: (on) => log.push(on ? 'covered' : 'uncovered') },
    canvas: { paint: () => ({ convert: 0, draw: 0 }), repaint: () => undefined, clear: () => undefined },
    colors: { current: () => MAPPING, ofFrame: () => MAPPING },
    player: { isPlaying: () => false },
    pipeline: { show: () => undefined },
    panels: { onPainted: () => undefined },
    viewerId: 'v',
    isAwaitedBeside: () => beside.awaited,
    on: {
      painted: () => undefined,
      seen: (view) => log.push('seen ' + view.position[0]),
      failed: (error) => log.push('failed ' + error.message),
    },
  });
  return { clock, machine, log, server, scrubber, beside };
}

Deno.test('nothing is fetched ahead while pictures beside are awaited', async () => {
  const { server, scrubber, beside } = setUp();
  scrubber.settle(viewAt(10));
  await server.answer(11);
  const before = server.ahead();
  beside.awaited = true;
  scrubber.request(viewAt(11));
  assert.deepEqual(server.ahead(), before);
  beside.awaited = false;
  scrubber.onAnsweredBeside();
  assert.ok(server.ahead().length > before.length);
});

Deno.test('a frame that is there is painted in the task that requests it', async () => {
  const { clock, log, server, scrubber } = setUp();
  scrubber.settle(viewAt(10));
  await server.answer(11);
  assert.deepEqual(log, []);
  scrubber.request(viewAt(11));
  assert.deepEqual(log, ['covered', '11 ring']);
  assert.ok(scrubber.isDone());
  await clock.pass(1000);
  assert.deepEqual(log, ['covered', '11 ring']);
});

Deno.test('one slice is painted in a frame, and the next frame paints the newest target', async () => {
  const { clock, log, server, scrubber } = setUp();
  scrubber.settle(viewAt(10));
  for (const index of [11, 12, 9, 13]) await server.answer(index);
  for (const index of [11, 12, 13]) scrubber.request(viewAt(index));
  assert.deepEqual(log, ['covered', '11 ring']);
  await clock.pass(20);
  assert.deepEqual(log, ['covered', '11 ring', '13 ring']);
});

Deno.test('a young demand is let finish, and shown where it is closer to the target', async () => {
  const { clock, log, server, scrubber } = setUp();
  scrubber.request(viewAt(50));
  await clock.pass(100);
  scrubber.request(viewAt(60));
  assert.deepEqual(server.demands(), [50]);
  await server.answer(50);
  assert.deepEqual(log, ['covered', '50 bricks', 'seen 50']);
  assert.deepEqual(server.demands(), [50, 60]);
  assert.ok(!scrubber.isDone());
  await clock.pass(20);
  await server.answer(60);
  assert.deepEqual(log.slice(3), ['60 bricks']);
});

Deno.test('an old demand yields to the newest target, unless its bytes are coming', async () => {
  const { clock, server, scrubber } = setUp();
  scrubber.request(viewAt(50));
  await clock.pass(10);
  scrubber.request(viewAt(70));
  await clock.pass(300);
  assert.deepEqual([server.isOpen(50), server.demands()], [false, [50, 70]]);
  server.begin(70);
  scrubber.request(viewAt(90));
  await clock.pass(400);
  assert.ok(server.isOpen(70));
  await clock.pass(3000);
  assert.deepEqual([server.isOpen(70), server.demands()], [false, [50, 70, 90]]);
});

Deno.test('around a slice at rest the nearest frames are fetched ahead', async () => {
  const { server, scrubber } = setUp();
  scrubber.settle(viewAt(10));
  assert.deepEqual(server.ahead(), [11, 12]);
  await server.answer(11);
  await server.answer(12);
  assert.deepEqual(server.ahead(), [11, 12, 9, 13]);
  scrubber.cancel();
  assert.equal(scrubber.inFlight(), 0);
});

Deno.test('a demand that fails is reported once, and one that was aborted is not', async () => {
  const { clock, log, server, scrubber } = setUp();
  scrubber.request(viewAt(50));
  server.fail(50, new Error('gone'));
  await settled();
  assert.deepEqual(log, ['failed gone']);
  scrubber.request(viewAt(51));
  scrubber.cancel();
  await clock.pass(500);
  assert.deepEqual(log, ['failed gone']);
});

Deno.test('another plane keeps what was painted until it is uncovered', async () => {
  const { machine, log, server, scrubber } = setUp();
  scrubber.request(viewAt(50));
  await server.answer(50);
  assert.deepEqual(machine.state().painted.index, 50);
  scrubber.end();
  assert.deepEqual([machine.state().covered, log.at(-1)], [false, 'uncovered']);
});

Deno.test('codes of another window are asked for anew', async () => {
  const { machine, server, scrubber } = setUp();
  scrubber.request(viewAt(50));
  await server.answer(50);
  scrubber.recolor(viewAt(50));
  assert.equal(machine.state().painted.index, 50);
  scrubber.recolor(viewAt(50, { window: 'slice' }));
  assert.equal(machine.state().painted, null);
  assert.equal(server.demands().at(-1), 50);
  assert.equal(server.demands().length, 2);
});
