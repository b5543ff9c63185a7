import assert from 'node:assert/strict';

import { parseProjection, projectionQuery, projectionText, slabOf } from '../../assets/model/projection.mjs';
import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { codeOf } from '../../assets/model/region.mjs';
import { sliceKeyOf } from '../../assets/ui/tools/panel.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { isSamePicture, reduce } from '../../assets/model/view.mjs';
import { describeFrames, frameQuery } from '../../assets/render/frame-request.mjs';
import { describeValues, withViewport } from '../../assets/render/values-request.mjs';

function viewOf(link = '', record = {}) {
  const found = {
    file: 'a.h5',
    listed: 'v1',
    generation: 1,
    record: Object.assign({ dataset: '/d', shape: [10, 20, 30], dtype: 'uint16' }, record),
  };
  return createView(found, parseLink(link), null, false).view;
}

Deno.test('a projection is a reduction and a number of slices', () => {
  assert.deepEqual(parseProjection('sd:12'), { reduction: 'sd', count: 12 });
  for (const text of ['', 'mean', 'mean:0', 'mean:-1', 'median:3', 'mean:1e3', 'mean:9,']) {
    assert.equal(parseProjection(text), null, text);
  }
  const [sentence] = parseLink('?project=median:3').unknown;
  assert.equal(sentence, 'The link has “median:3” for project, which is not understood.');
});

Deno.test('a link keeps a projection, with no more slices than there are', () => {
  assert.match(formatLink(viewOf('?project=mean:9')), /&project=mean:9/);
  assert.match(formatLink(viewOf('?project=mean:99')), /&project=mean:10/);
  assert.doesNotMatch(formatLink(viewOf('')), /project/);
  assert.doesNotMatch(formatLink(viewOf('?project=max:3', { shape: [20, 30] })), /project/);
});

Deno.test('a link that asks for more slices than there are, or for none that there can be, is answered', () => {
  const notesOf = (link, record = {}) => {
    const found = {
      file: 'a.h5',
      listed: 'v1',
      generation: 1,
      record: { dataset: '/d', shape: [10, 20, 30], dtype: 'uint16', ...record },
    };
    return createView(found, parseLink(link), null, false).notes;
  };
  assert.deepEqual(notesOf('?project=max:100000'), [
    'The link asks for the maximum of 100000 slices, but there are only 10 along this axis: this is of 10.',
  ]);
  assert.deepEqual(notesOf('?project=mean:70000', { shape: [80_000, 2, 2] }), [
    'The link asks for the mean of 70000 slices, but at most 65536 are projected: this is of 65536.',
  ]);
  assert.match(notesOf('?project=mean:3', { shape: [20, 30] })[0], /has none to project/);
  assert.deepEqual([notesOf('?project=max:10'), notesOf('')], [[], []]);
});

Deno.test('the slab is centred on the index, and cut at the ends', () => {
  assert.deepEqual(slabOf(viewOf('?axis=0&index=5&project=max:4')), [3, 7]);
  assert.deepEqual(slabOf(viewOf('?axis=0&index=0&project=max:5')), [0, 3]);
  assert.equal(projectionText(viewOf('?axis=0&index=9&project=max:5')), 'maximum of 3 slices');
  assert.equal(slabOf(viewOf('?axis=0&index=5')), null);
});

Deno.test('requests name the axis where it is not the first that is fixed', () => {
  assert.deepEqual(projectionQuery(viewOf('?axis=2&index=5&project=sum:3')), { project: 'sum:3' });
  const four = { shape: [2, 10, 20, 30] };
  assert.deepEqual(projectionQuery(viewOf('?selection=1,4,:,:&axis=1&project=sum:3', four)), {
    project: 'sum:3',
    axis: 1,
  });
  assert.deepEqual(projectionQuery(viewOf('?selection=1,4,:,:&axis=0&project=sum:3', four)), { project: 'sum:2' });
});

Deno.test('in motion and at rest it is the same projection, which frames are kept by', () => {
  const [plain, projected] = [viewOf('?axis=0&index=5'), viewOf('?axis=0&index=5&project=mean:3')];
  const mapping = { lo: 0, hi: 9, norm: 'linear' };
  const scenes = [plain, projected].map((view) => describeFrames(view, mapping, 1e6));
  assert.notEqual(scenes[0].frameSetKey, scenes[1].frameSetKey);
  assert.equal(frameQuery(scenes[1], 6, 'v').project, 'mean:3');
  assert.equal(frameQuery(scenes[0], 6, 'v').project, undefined);
  const request = describeValues(projected, 1e6, 'v');
  assert.equal(request.query.project, 'mean:3');
  assert.deepEqual(withViewport({}, request).meta, { selection: '5,:,:', pool: 'mean', project: 'mean:3' });
  assert.notEqual(request.key, describeValues(plain, 1e6, 'v').key);
  assert.equal(isSamePicture(plain, projected), false);
});

Deno.test('bounds of a sum are none of the values', () => {
  const windowAfter = (from, to) =>
    reduce(viewOf('?window=3,9&project=' + from), { type: 'project', project: to }).window;
  assert.deepEqual(windowAfter('', 'mean:3'), [3, 9]);
  assert.deepEqual(windowAfter('max:4', 'min:9'), [3, 9]);
  assert.equal(windowAfter('mean:3', 'sum:3'), 'volume');
  assert.equal(windowAfter('sum:3', 'sum:4'), 'volume');
  assert.deepEqual(windowAfter('sd:3', 'sd:4'), [3, 9]);
});

Deno.test('code that reads the picture reduces as well', () => {
  const view = viewOf('?axis=1&index=5&project=sd:3');
  const options = { address: 'http://host', bounds: null, signsIn: false };
  const [h5py, client, curl] = ['h5py', 'client', 'curl'].map((language) => codeOf(language, view, options));
  assert.match(h5py, /file\["\/d"\]\[:, 4:7, :\]\n {4}values = values\.std\(axis=1\)/);
  assert.match(client, /client\.slice\(\*of, project="sd:3"\)/);
  assert.match(curl, /api\/v1\/slice'[^]*'project=sd:3'/);
});

Deno.test('figures of a projection are of its axis', () => {
  const of = (axis, project) =>
    sliceKeyOf(viewOf('?selection=3,4,:,:&axis=' + axis + '&project=' + project, { shape: [10, 9, 20, 30] }));
  assert.notEqual(of(0, 'mean:5'), of(1, 'mean:5'));
  assert.notEqual(of(0, 'mean:5'), of(0, 'max:5'));
  assert.equal(of(0, 'mean:5'), of(0, 'mean:5'));
});
