import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { bytesOf, codeOf, regionOf } from '../../assets/model/region.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { describeText, waitText } from '../../assets/model/wait-text.mjs';

function viewOf(link, { shape = [10, 20, 3000], dtype = 'uint16', file = 'a/b.h5', dataset = '/d' } = {}) {
  const record = { dataset, shape, dtype };
  return createView({ file, listed: null, generation: 1, record }, parseLink(link), null, false).view;
}
const OPTIONS = { address: 'http://host:1/p', bounds: { lo: 1, hi: 2.5 }, signsIn: false };

Deno.test('the region is what is in view, voxel by voxel', () => {
  assert.equal(regionOf(viewOf('?axis=0&index=4')), '4,:,:');
  const zoomed = viewOf('?axis=0&index=4&x=99.5,200.5&y=-0.5,9.5');
  assert.equal(regionOf(zoomed), '4,0:10,100:201');
  assert.equal(bytesOf(zoomed), 10 * 101 * 2);
  assert.equal(regionOf(zoomed, [2, 6]), '2:6,0:10,100:201');
  assert.equal(bytesOf(zoomed, [2, 6]), 4 * 10 * 101 * 2);
  assert.equal(regionOf(viewOf('?axis=2&index=7'), [7, 9]), ':,:,7:9');
  assert.equal(bytesOf(viewOf('', { dtype: 'bool', shape: [3, 4] })), 12);
  assert.equal(bytesOf(viewOf('', { dtype: 'complex64', shape: [3, 4] })), 96);
});

Deno.test('code for h5py reads what is in view', () => {
  const code = codeOf('h5py', viewOf('?axis=0&index=4&x=99.5,200.5&y=-0.5,9.5'), OPTIONS);
  assert.match(code, /^path = "b\.h5" {2}# on the server: a\/b\.h5$/m);
  assert.match(code, /^ {4}values = file\["\/d"\]\[4, 0:10, 100:201\]$/m);
  assert.match(code, /^# shown with window 1 to 2.5, norm linear, colours gray$/m);
  const centred = codeOf('h5py', viewOf('?norm=asinh&colorscale=vik&reverse=1&centre=2'), OPTIONS);
  assert.match(centred, /^# shown with window 1 to 2.5, norm asinh, colours vik_r centred at 2$/m);
  const complex = codeOf('h5py', viewOf('?part=phase', { dtype: 'complex64' }), OPTIONS);
  assert.match(complex, /import numpy as np/);
  assert.match(complex, /^ {4}values = file\["\/d"\]\[5, :, :\]$/m);
  assert.match(complex, /^ {4}if values\.dtype\.names:\n.* \+ 1j \* .*\n {4}values = np\.angle\(values\)$/m);
});

Deno.test('code for the client and the command line quotes its names', () => {
  const odd = viewOf('', { file: 'it\'s "a".h5', dataset: '/µ\\d' });
  const client = codeOf('client', odd, Object.assign({}, OPTIONS, { signsIn: true }));
  assert.match(client, /^with Client\("http:\/\/host:1\/p", token="…"\) as client:$/m);
  assert.ok(client.includes('of = "it\'s \\"a\\".h5", "/µ\\\\d", "5,:,:"'));
  assert.match(client, /client\.scaled\(\*of, window=\(1, 2\.5\), norm="linear"\)/);
  const curl = codeOf('curl', odd, Object.assign({}, OPTIONS, { signsIn: true }));
  assert.ok(curl.includes("--data-urlencode 'file=it'\\''s \"a\".h5'"));
  assert.match(curl, /Bearer \$LAMELLA_TOKEN/);
  assert.match(curl, /\/api\/v1\/export'/);
  const phase = codeOf('curl', viewOf('?part=phase', { dtype: 'complex64' }), OPTIONS);
  assert.match(phase, /\/api\/v1\/slice'[^]*'part=phase'/);
  assert.doesNotMatch(phase, /Authorization/);
});

Deno.test('a wait is explained', () => {
  const cost = { chunks: 1300, chunk_bytes: 2e6, bytes: 2.6e9, seconds: 8.2, why: 'this file is stored so' };
  assert.equal(waitText(cost), '1,300 chunks of 2.0 MB, about 8 s: this file is stored so');
  assert.equal(
    waitText({ chunks: 0, chunk_bytes: 0, bytes: 3e6, seconds: 0.1, why: '' }),
    '3.0 MB, under 1 s',
  );
  assert.match(waitText({ ...cost, done: 0.414 }), /about 8 s, 41 % done: /);
  assert.match(waitText({ chunks: 0, chunk_bytes: 0, bytes: 0, seconds: 0, why: '' }), /on its way/);
});

Deno.test('a region of a colour picture has all of its colours', () => {
  const record = { dataset: '/d', shape: [5, 40, 50, 3], dtype: 'uint8' };
  const axes = record.shape.map(() => ({ name: '', unit: '', coordinates: null, edges: false, dates: false }));
  const meaning = { kind: 'color', rows: 1, columns: 2, channels: 3, index: [2, null, null, 0], axes, suggested: {} };
  const found = { file: 'a.h5', listed: null, generation: 1, record, meaning: { ...meaning, value: {} } };
  const { view } = createView(found, parseLink(''), null, false);
  assert.equal(regionOf(view), '2,:,:,0');
  assert.equal(regionOf(view, [1, 3], true), '1:3,:,:,:');
  assert.equal(bytesOf(view), 40 * 50 * 3);
  assert.match(codeOf('h5py', view, OPTIONS), /\[2, :, :, :\]$/m);
  assert.match(codeOf('curl', view, OPTIONS), /'selection=2,:,:,:'/);
  const client = codeOf('client', view, OPTIONS);
  assert.match(client, /"2,:,:,:"\n {4}values = client\.cutout\(\*of\)$/m);
  assert.doesNotMatch(client, /scaled/);
});

Deno.test('integers that are stored with another sign are shown and read with their own', () => {
  const value = { decoded_dtype: null, unsigned: true, scale: 1, offset: 0, fills: [], unit: '' };
  const record = { dataset: '/d', shape: [5, 40, 50], dtype: 'int16' };
  const axes = record.shape.map(() => ({ name: '', unit: '', coordinates: null, edges: false, dates: false }));
  const meaning = { kind: 'values', rows: 1, columns: 2, channels: null, index: [2, null, null], axes, suggested: {} };
  const made = (change) => {
    const found = {
      file: 'a.h5',
      listed: null,
      generation: 1,
      record,
      meaning: { ...meaning, value: { ...value, ...change } },
    };
    return createView(found, parseLink(''), null, false).view;
  };
  assert.equal(made({}).decode, true);
  const code = codeOf('h5py', made({}), OPTIONS);
  assert.match(code, /^ {4}values = values\.astype\("int16"\)\.view\("uint16"\)$/m);
  assert.doesNotMatch(code, /missing/);
  assert.match(codeOf('h5py', made({ scale: 0.5, offset: -32 }), OPTIONS), /values = values \* 0\.5 - 32 {2}#/);
});

Deno.test('code for h5py chooses the numbers of an element from what was read', () => {
  const made = (element) => {
    const record = { dataset: '/d', shape: [40, 50, 4], dtype: 'uint16', element };
    const found = { file: 'a.h5', listed: null, generation: 1, record };
    return codeOf('h5py', createView(found, parseLink('?axis=2&index=1'), null, false).view, OPTIONS);
  };
  assert.match(made('uint16[4]'), /^ {4}values = file\["\/d"\]\[:, :\]\[\.\.\., 1\]$/m);
  const fields = made('{R, G, B, A} of uint16');
  assert.match(fields, /^import numpy\.lib\.recfunctions as rfn$/m);
  assert.ok(fields.includes('rfn.structured_to_unstructured(file["/d"][:, :][["R","G","B","A"]])[..., 1]'));
});

Deno.test('what a first look at a file waits for is said', () => {
  assert.equal(
    describeText(2.3e9, false),
    'what is in the file of 2.3 GB is read, which is kept: the longer, the more objects it has',
  );
  assert.equal(describeText(null, true), 'what is in the file is read again');
});
