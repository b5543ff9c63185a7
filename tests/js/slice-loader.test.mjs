import assert from 'node:assert/strict';

import { createSliceLoader } from '../../assets/data/slice-loader.mjs';
import { createFakeClock, settled } from './fake-clock.mjs';

const HEADERS = { 'X-Slice-Shape': '2,3', 'X-Slice-Dtype': 'uint8', 'Cache-Status': 'bricks; hit; detail=prefetched' };

/* The loader with a server that answers on command. */
function setUp() {
  const clock = createFakeClock();
  const log = [];
  const requests = [];
  const api = {
    url: (_path, { selection }) => selection,
    fetchOk: (address, { signal }) =>
      new Promise((resolve, reject) => {
        requests.push({ address, resolve, reject, signal });
        signal.addEventListener('abort', () => {
          log.push('x' + address);
          reject(new DOMException('', 'AbortError'));
        });
      }),
  };
  const onSlice = (request, answer) => log.push('=' + request.key + ' ' + answer.source);
  const onError = (request, error) => log.push('!' + request.key + ' ' + error.message);
  const loader = createSliceLoader(api, onSlice, onError, null, clock);
  const request = (key) => loader.request({ key, query: { selection: key }, generation: 1 });
  const newest = () => requests.at(-1);
  const answer = async () => {
    newest().resolve(new Response(new Uint8Array(6), { headers: HEADERS }));
    await settled();
    await settled();
  };
  return { clock, log, loader, request, requests, newest, answer };
}

Deno.test('the newest request waits until the one in flight is old enough', async () => {
  const { clock, log, request, requests, answer } = setUp();
  request('a');
  await clock.pass(100);
  request('b');
  request('c');
  assert.deepEqual(requests.map(({ address }) => address), ['a']);
  await clock.pass(200);
  assert.deepEqual(log, ['xa']);
  assert.deepEqual(requests.map(({ address }) => address), ['a', 'c']);
  await answer();
  assert.deepEqual(log, ['xa', '=c bricks']);
});

Deno.test('a request that is in flight already is not made again', async () => {
  const { log, loader, request, requests, answer } = setUp();
  request('a');
  request('b');
  request('a');
  assert.ok(loader.isBusy());
  await answer();
  assert.deepEqual([requests.length, log, loader.isBusy()], [1, ['=a bricks'], false]);
});

Deno.test('nothing comes of what is cancelled', async () => {
  const { clock, log, loader, request } = setUp();
  request('a');
  request('b');
  loader.cancel();
  await clock.pass(1000);
  assert.deepEqual([log, loader.isBusy()], [['xa'], false]);
});

Deno.test('a busy server is asked three times', async () => {
  const { clock, log, request, requests, newest } = setUp();
  const busy = Object.assign(new Error('busy'), { status: 503 });
  request('a');
  for (const count of [1, 2, 3]) {
    assert.equal(requests.length, count);
    newest().reject(busy);
    await clock.pass(1000);
  }
  assert.deepEqual([requests.length, log], [3, ['!a busy']]);
});

/* A response that ends in its body. */
const cutOff = () => {
  const start = (controller) => controller.enqueue(new Uint8Array(3));
  const pull = (controller) => controller.error(new TypeError('network error'));
  return new Response(new ReadableStream({ start, pull }), { headers: HEADERS });
};

Deno.test('an answer that is cut off in its body is asked for once more', async () => {
  const { log, request, requests, newest, answer } = setUp();
  request('a');
  newest().resolve(cutOff());
  for (let n = 0; n < 4; n += 1) await settled();
  assert.deepEqual(requests.map(({ address }) => address), ['a', 'a']);
  await answer();
  assert.deepEqual(log, ['=a bricks']);
  request('b');
  for (let count = 0; count < 2; count += 1) {
    newest().resolve(cutOff());
    for (let n = 0; n < 4; n += 1) await settled();
  }
  assert.equal(requests.length, 4);
  assert.match(log[1], /^!b The connection to the server is lost/);
});

Deno.test('an error of an earlier request is no news when another one waits', async () => {
  const { log, request, newest, answer } = setUp();
  request('a');
  request('b');
  newest().reject(new Error('gone'));
  await settled();
  assert.deepEqual([log, newest().address], [[], 'b']);
  await answer();
  assert.deepEqual(log, ['=b bricks']);
});

Deno.test('a compressed answer is what it would have been, and says what came over the link', async () => {
  const headers = { ...HEADERS, 'X-Slice-Dtype': 'uint16', 'X-Slice-Shuffled': '2', 'Content-Length': '9' };
  const timing = { 'Server-Timing': 'encode;dur=2.5, total;dur=4' };
  const addresses = [];
  const learned = [];
  const api = {
    url: (_path, { selection, compress }) => selection + ' ' + compress,
    fetchOk: (address) => {
      addresses.push(address);
      return Promise.resolve(
        new Response(new Uint8Array([1, 2, 3, 4, 5, 6, 0, 0, 1, 1, 2, 2]), { headers: { ...headers, ...timing } }),
      );
    },
  };
  const answers = [];
  const bandwidth = {
    isCompressedFaster: () => true,
    addCompressed: ({ bytes, sent, ms }) => learned.push([bytes, sent, ms]),
  };
  const onSlice = (_request, answer) => answers.push(answer);
  const loader = createSliceLoader(api, onSlice, () => undefined, bandwidth, createFakeClock());
  loader.request({ key: 'a', query: { selection: 'a' }, generation: 1 });
  await settled();
  await settled();
  assert.deepEqual(addresses, ['a 1']);
  assert.deepEqual(Array.from(new Uint16Array(answers[0].bytes)), [1, 2, 256 + 3, 256 + 4, 512 + 5, 512 + 6]);
  assert.deepEqual([answers[0].size, answers[0].sent, learned], [12, 9, [[12, 9, 2.5]]]);
});
