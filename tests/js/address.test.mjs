import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { resolvePlane } from '../../assets/model/link-plane.mjs';
import { createView } from '../../assets/model/link-view.mjs';

const SHAPE = [10, 20, 30];

function viewOf(link, shape = SHAPE) {
  const record = { dataset: '/d', shape, dtype: 'uint16' };
  return createView({ file: 'a/b.h5', listed: null, generation: 1, record }, parseLink(link), null, false).view;
}

Deno.test('a link leads to the view that it was made of', () => {
  const links = [
    '?file=a/b.h5&dataset=/d&axis=1&index=7&window=volume&norm=linear&colorscale=gray',
    '?file=a/b.h5&dataset=/d&axis=0&index=4&window=1,2.5&norm=sqrt&colorscale=magma_r&pool=max&x=2,8.25&y=1,6',
    '?file=a/b.h5&dataset=/d&axis=0&index=4&window=-3,2&norm=asinh&colorscale=vik&centre=-0.5&clip=1',
  ];
  for (const link of links) assert.equal(formatLink(viewOf(link)), link);
  const four = '?file=a/b.h5&dataset=/d&selection=3,1,:,:&axis=1&window=slice&norm=log&colorscale=gray';
  assert.equal(formatLink(viewOf(four, [4, 5, 6, 7])), four);
});

Deno.test('rows, columns and flipped sides stand in the link', () => {
  const links = [
    '?file=a/b.h5&dataset=/d&axis=0&index=4&rows=2&cols=1&window=volume&norm=linear&colorscale=gray',
    '?file=a/b.h5&dataset=/d&axis=1&index=7&flip=rows,cols&window=volume&norm=linear&colorscale=gray',
  ];
  for (const link of links) assert.equal(formatLink(viewOf(link)), link);
  const four = '?file=a/b.h5&dataset=/d&selection=:,1,:,5&axis=3&rows=2&cols=0&window=slice&norm=log&colorscale=gray';
  assert.equal(formatLink(viewOf(four, [4, 5, 6, 7])), four);
  const two = '?file=a/b.h5&dataset=/d&rows=1&cols=0&flip=cols&window=slice&norm=log&colorscale=gray';
  assert.equal(formatLink(viewOf(two, [4, 5])), two);
  assert.deepEqual(viewOf(two, [4, 5]).flip, [0]);
});

Deno.test('rows and columns without an axis leave another one to slice', () => {
  const plane = (link, shape = SHAPE) => resolvePlane(shape, parseLink(link));
  const { axis, rows, cols } = plane('?rows=0&cols=2');
  assert.deepEqual([axis, rows, cols], [1, 0, 2]);
  assert.deepEqual(plane('?rows=0').axis, 1);
  const turned = plane('?selection=3,5:15,:&rows=2&cols=1');
  assert.deepEqual([turned.rows, turned.cols, turned.x, turned.y], [2, 1, [4.5, 14.5], [-0.5, 29.5]]);
  assert.match(plane('?selection=3,:,:&rows=0').notes[0], /dimension 0 as rows, where its selection has one index/);
  assert.match(plane('?rows=1&cols=1').notes[0], /one dimension for rows and for columns/);
  assert.match(plane('?rows=7').notes[0], /rows 7, but there are only 0 to 2/);
  assert.match(parseLink('?flip=up').unknown[0], /“up” for flip/);
});

Deno.test('what a link has beyond the dataset is clamped, and said', () => {
  const plane = (link) => resolvePlane(SHAPE, parseLink(link));
  assert.equal(plane('?axis=0&index=99').position[0], 9);
  assert.match(plane('?axis=0&index=99').notes[0], /slice 99, but there are only 0 to 9/);
  for (const link of ['?axis=0&index=-1', '?axis=-1&index=0']) {
    const { axis, position, notes } = plane(link);
    assert.deepEqual([axis, position[0]], [0, 0]);
    assert.match(notes[0], /-1, but there are only 0 to \d: this is 0/);
  }
  assert.match(plane('?axis=x').notes[0], /axis “x”, which is no whole number/);
  assert.match(plane('?selection=1,2').notes[0], /this dataset has 3 dimensions/);
  assert.deepEqual(plane('?axis=0&x=-5,3').x, [-0.5, 3]);
});

Deno.test('a selection names axis, plane and range', () => {
  const { axis, rows, cols, position, x, y, notes } = resolvePlane(SHAPE, parseLink('?selection=:,4,5:15'));
  assert.deepEqual([axis, rows, cols, position[1]], [1, 0, 2, 4]);
  assert.deepEqual([x, y, notes], [[4.5, 14.5], [-0.5, 9.5], []]);
});

Deno.test('a negative index of a selection counts from the end, as in NumPy', () => {
  const { position, notes } = resolvePlane(SHAPE, parseLink('?selection=-1,:,:'));
  assert.deepEqual([position[0], notes], [9, []]);
  assert.match(resolvePlane(SHAPE, parseLink('?selection=-11,:,:')).notes[0], /index -11, .*: this is 0/);
});

Deno.test('what is not understood is named and left out', () => {
  const link = parseLink('?norm=cubic&window=2,1&colorscale=Viridis_R&centre=&reverse=');
  assert.deepEqual([link.norm, link.window, link.colorscale, link.reverse], [null, null, 'viridis', true]);
  assert.deepEqual([link.centre, link.clip], [null, null]);
  assert.deepEqual(link.unknown, [
    'The link has “cubic” for norm, which is not understood.',
    'The link has “2,1” for window, which is not understood.',
  ]);
});

Deno.test('a scale is reversed by its name, or by a word of its own, which counts', () => {
  const reverseOf = (link) => parseLink(link).reverse;
  const links = ['', '?colorscale=vik', '?colorscale=vik_r', '?reverse=1', '?colorscale=vik_r&reverse=0'];
  assert.deepEqual(links.map(reverseOf), [null, null, true, true, false]);
});
