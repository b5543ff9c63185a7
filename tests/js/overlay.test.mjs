import assert from 'node:assert/strict';

import { createSliceLoader } from '../../assets/data/slice-loader.mjs';
import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { overlaid, overlayQuery, overlaysFor, overlayTable } from '../../assets/model/overlay.mjs';
import { carryOver } from '../../assets/model/carry-over.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { isSamePicture, reduce } from '../../assets/model/view.mjs';
import { frameOf, frameQuery } from '../../assets/render/frame-request.mjs';
import { describeFrames } from '../../assets/render/frame-request.mjs';
import { describeValues } from '../../assets/render/values-request.mjs';
import { createFakeClock, settled } from './fake-clock.mjs';

const found = {
  file: 'a.h5',
  record: { dataset: '/raw', shape: [9, 4, 5], dtype: 'uint16' },
  listed: null,
  generation: 1,
};
const viewOf = (search, meaning = null) =>
  createView(Object.assign({ meaning }, found), parseLink(search), null, false).view;

Deno.test('labels are blended over values, and background and missing labels are not', () => {
  const values = Uint32Array.from({ length: 256 }, (_, i) => (0xff000000 | (i << 16) | (i << 8) | i) >>> 0);
  const labels = new Uint32Array(256).fill(0xff0000ff);
  const table = overlayTable(values, labels, 0.25);
  const out = overlaid(new Uint8Array([100, 100, 100, 255]), new Uint8Array([0, 7, 255, 9]), table);
  assert.deepEqual(Array.from(out, (word) => word.toString(16)), ['ff646464', 'ff4b4b8a', 'ff646464', 'ffbfbfff']);
  assert.deepEqual(overlayTable(values, labels, 1)[256 * 3 + 50], 0xff0000ff);
  assert.deepEqual(overlayTable(values, labels, 0)[256 * 3 + 50], values[50]);
});

Deno.test('datasets of the same shape are offered: labels for values, and values for labels', () => {
  const record = (dataset, dtype, shape = [9, 4, 5]) => ({ dataset, dtype, shape, browsable: true });
  const records = [
    record('/raw', 'uint16'),
    record('/labels', 'uint64'),
    record('/mask', 'bool'),
    record('/field', 'float32'),
    record('/small', 'uint8', [4, 5]),
    { ...record('/gone', 'uint8'), browsable: false },
  ];
  assert.deepEqual(overlaysFor(viewOf(''), records), ['/labels', '/mask']);
  assert.deepEqual(overlaysFor(viewOf('?kind=labels'), records), ['/labels', '/field']);
  const many = Array.from({ length: 30000 }, (_, i) => record('/spots/' + i, 'uint8'));
  assert.deepEqual(overlaysFor(viewOf(''), many.concat(records)), ['/labels', '/mask']);
  assert.equal(overlaysFor(viewOf('?kind=labels'), many).length, 60);
});

Deno.test('the overlay is in the link, and is another picture', () => {
  const plain = viewOf('?axis=0&index=4');
  assert.doesNotMatch(formatLink(plain), /overlay|opacity|labels/);
  const over = reduce(reduce(plain, { type: 'overlay', overlay: '/labels' }), { type: 'opacity', opacity: 0.3 });
  const shown = reduce(over, { type: 'labels', labels: '-3' });
  assert.match(formatLink(shown), /&overlay=\/labels&opacity=0\.3&labels=-3&/);
  const again = viewOf(formatLink(shown));
  assert.deepEqual([again.overlay, again.opacity, again.labels], ['/labels', 0.3, '-3']);
  assert.ok(!isSamePicture(plain, over));
  assert.equal(carryOver(Object.assign({ meaning: null }, found), shown).view.overlay, '/labels');
  assert.match(parseLink('?opacity=7').unknown[0], /for opacity/);
  // Labels have none over them.
  assert.doesNotMatch(formatLink(reduce(shown, { type: 'kind', kind: 'labels' })), /overlay/);
});

Deno.test('labels are requested for the same cells, beside the picture, and nearest', () => {
  const view = viewOf('?axis=0&index=4&overlay=/labels');
  const { query, over } = describeValues(view, 1e6, 'me');
  assert.deepEqual(over, {
    file: 'a.h5',
    dataset: '/labels',
    selection: query.selection,
    format: 'raw',
    pool: 'nearest',
    part: null,
    viewer: 'me',
    beside: 1,
  });
  assert.equal(overlayQuery(viewOf(''), query), null);
  const mapping = { lo: 0, hi: 9, norm: 'linear' };
  const scene = describeFrames(view, mapping, 1e6);
  assert.equal(scene.bytes, 2 * 4 * 5);
  assert.notEqual(scene.frameSetKey, describeFrames(viewOf('?axis=0&index=4'), mapping, 1e6).frameSetKey);
  const ahead = Object.assign(frameQuery(scene, 5, 'me'), { ahead: 1 });
  assert.equal(overlayQuery(view, ahead).ahead, 1);
  const overlay = { bytes: new Uint8Array(20).fill(3).buffer, shape: [4, 5], dtype: 'uint8', fill: NaN };
  const frame = frameOf(scene, '4,:,:', { bytes: new ArrayBuffer(20), shape: [4, 5], overlay });
  assert.deepEqual(new Set(frame.overlay), new Set([4]));
});

Deno.test('a slice comes with its labels, or with the reason why it has none', async () => {
  const requests = [];
  const api = {
    url: (_path, { dataset }) => dataset,
    fetchOk: (address, _options, generation) =>
      new Promise((resolve, reject) => requests.push({ address, generation, resolve, reject })),
  };
  const answers = [];
  const loader = createSliceLoader(
    api,
    (_request, answer) => answers.push(answer),
    () => undefined,
    null,
    createFakeClock(),
  );
  const load = (key) =>
    loader.request({ key, query: { dataset: '/raw' }, over: { dataset: '/labels' }, generation: 1 });
  const answer = async (name, fails = false) => {
    const mine = requests.find(({ address }) => address === name);
    requests.splice(requests.indexOf(mine), 1);
    if (fails) mine.reject(new Error('It is gone.'));
    else {mine.resolve(
        new Response(new Uint8Array(6), { headers: { 'X-Slice-Shape': '2,3', 'X-Slice-Dtype': 'uint8' } }),
      );}
    for (let i = 0; i < 4; i += 1) await settled();
  };
  load('a');
  assert.deepEqual(requests.map(({ generation }) => generation).sort(), [1, undefined]);
  await answer('/raw');
  assert.equal(answers.length, 0);
  await answer('/labels');
  assert.equal(answers[0].overlay.bytes.byteLength, 6);
  load('b');
  await answer('/labels', true);
  await answer('/raw');
  assert.deepEqual([answers[1].overlay, answers[1].missing], [null, 'It is gone.']);
});
