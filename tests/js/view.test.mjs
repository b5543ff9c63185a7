import assert from 'node:assert/strict';

import { carryOver, describeChanges } from '../../assets/model/carry-over.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { isSamePicture, isSamePlane, reduce, withColorsOf } from '../../assets/model/view.mjs';
import { isFlipped } from '../../assets/model/plane.mjs';
import { parseLink } from '../../assets/model/address.mjs';

function viewOf(link = '', record = {}) {
  const found = {
    file: 'a.h5',
    listed: 'v1',
    generation: 1,
    record: Object.assign({ dataset: '/d', shape: [10, 20, 30], dtype: 'uint16' }, record),
  };
  return createView(found, parseLink(link), null, false).view;
}

Deno.test('a view is frozen, its lists too', () => {
  const view = viewOf();
  assert.throws(() => {
    view.axis = 1;
  }, TypeError);
  assert.throws(() => view.position.push(1), TypeError);
  assert.throws(() => reduce(view, { type: 'index', index: 3 }).position.push(1), TypeError);
});

Deno.test('an action that changes nothing returns the same view', () => {
  const view = viewOf('?axis=0&index=4');
  const idle = [
    { type: 'index', index: 4 },
    { type: 'index', index: NaN },
    { type: 'step', by: 0 },
    { type: 'fixed', dimension: 0, index: 10 },
    { type: 'fixed', dimension: 0, index: 1.5 },
    { type: 'axis', axis: 0 },
    { type: 'axis', axis: 3 },
    { type: 'zoom', x: null, y: null },
    { type: 'zoom', x: [-0.5, 29.5], y: [-0.495, 19.495] },
    { type: 'colors', change: { norm: 'linear' } },
    { type: 'pool', pool: 'mean' },
    { type: 'part', part: 'real' },
  ];
  for (const action of idle) assert.equal(reduce(view, action), view, JSON.stringify(action));
});

Deno.test('an index stays within the axis', () => {
  const view = viewOf('?axis=0&index=4');
  const indexAfter = (action) => reduce(view, action).position[0];
  assert.equal(indexAfter({ type: 'index', index: 99 }), 9);
  assert.equal(indexAfter({ type: 'step', by: -99 }), 0);
  assert.equal(indexAfter({ type: 'step', by: 2 }), 6);
  assert.equal(view.position[0], 4);
});

Deno.test('the sliced axis takes the place of the one that is sliced next', () => {
  const view = reduce(viewOf('?axis=0'), { type: 'axis', axis: 2 });
  assert.deepEqual([view.axis, view.rows, view.cols], [2, 0, 1]);
  const four = viewOf('', { shape: [2, 3, 4, 5] });
  const other = reduce(four, { type: 'axis', axis: 1 });
  assert.deepEqual([other.axis, other.rows, other.cols], [1, 2, 3]);
});

Deno.test('rows and columns are any two dimensions, and what stood there takes the place of what is chosen', () => {
  const five = viewOf('?selection=1,2,:,:,4&axis=1', { shape: [3, 4, 5, 6, 7] });
  const planeAfter = (...actions) => {
    const { axis, rows, cols } = actions.reduce(reduce, five);
    return [axis, rows, cols];
  };
  assert.deepEqual(planeAfter(), [1, 2, 3]);
  assert.deepEqual(planeAfter({ type: 'side', side: 'rows', dimension: 4 }), [1, 4, 3]);
  assert.deepEqual(planeAfter({ type: 'side', side: 'rows', dimension: 1 }), [2, 1, 3]);
  assert.deepEqual(planeAfter({ type: 'side', side: 'cols', dimension: 2 }), [1, 3, 2]);
  assert.deepEqual(planeAfter({ type: 'transpose' }), [1, 3, 2]);
  assert.deepEqual(planeAfter({ type: 'transpose' }, { type: 'axis', axis: 2 }), [2, 3, 1]);
  assert.deepEqual(planeAfter({ type: 'axis', axis: 0 }), [0, 2, 3]);
  assert.equal(reduce(five, { type: 'side', side: 'rows', dimension: 2 }), five);
  assert.equal(reduce(five, { type: 'side', side: 'rows', dimension: 5 }), five);
});

Deno.test('transposing keeps the voxels in view, and a dimension stays flipped wherever it is shown', () => {
  const view = reduce(viewOf('?axis=0&x=3,9&y=2,8'), { type: 'flip', side: 'cols' });
  assert.deepEqual([view.flip, view.x], [[2], [3, 9]]);
  const turned = reduce(view, { type: 'transpose' });
  assert.deepEqual([turned.x, turned.y, isFlipped(turned, 'rows'), isFlipped(turned, 'cols')], [
    [2, 8],
    [3, 9],
    true,
    false,
  ]);
  assert.deepEqual(reduce(turned, { type: 'flip', side: 'rows' }).flip, []);
});

Deno.test('bounds of one complex part do not hold for another', () => {
  const view = viewOf('?window=1,2', { dtype: 'complex64' });
  assert.equal(view.part, 'abs');
  const real = reduce(view, { type: 'part', part: 'real' });
  assert.deepEqual([real.part, real.window], ['real', 'volume']);
});

Deno.test('colours are no part of the picture that is asked for', () => {
  const view = viewOf('?axis=0&index=4');
  const colored = reduce(view, { type: 'colors', change: { colorscale: 'magma', window: [1, 2] } });
  assert.ok(isSamePicture(view, colored));
  assert.ok(!isSamePicture(view, reduce(view, { type: 'step', by: 1 })));
  const back = withColorsOf(viewOf('?axis=0&index=5'), colored);
  assert.deepEqual([back.position[0], back.colorscale, back.window], [5, 'magma', [1, 2]]);
});

Deno.test('a file that has changed is shown at the same slice where there is one', () => {
  const before = reduce(viewOf('?axis=1&index=7&window=5,9'), { type: 'zoom', x: [2, 8], y: [1, 6] });
  const record = { dataset: '/d', shape: [10, 15, 30], dtype: 'float32' };
  const found = { file: 'a.h5', listed: 'v2', generation: 2, record };
  const { view } = carryOver(found, before);
  assert.deepEqual([view.axis, view.position[1], view.x, view.window], [1, 7, [2, 8], 'volume']);
  assert.equal(
    describeChanges(before, view),
    'This file changed on disk. Its shape was 10 × 20 × 30 and is 10 × 15 × 30. Its type was uint16 and is float32.',
  );
});

Deno.test('a file that has become a colour picture is shown as one', () => {
  const before = viewOf('?axis=1&index=7');
  const record = { dataset: '/d', shape: [40, 50, 3], dtype: 'uint8' };
  const meaning = {
    ...{ kind: 'color', rows: 0, columns: 1, channels: 2, channel_order: 'rgb', palette: null, index: [null, null, 0] },
    ...{
      axes: [0, 1, 2].map(() => ({ name: '', unit: '', coordinates: null, edges: false, dates: false })),
      notes: [],
    },
    ...{ up: false, aspect: null, value: { name: '', unit: '', scale: 1, offset: 0, fills: [], flags: [] } },
  };
  const { view } = carryOver({ file: 'a.h5', listed: 'v2', generation: 2, record, meaning }, before);
  assert.deepEqual([view.kind, view.rows, view.cols, view.axis], ['color', 0, 1, null]);
  const back =
    carryOver({ file: 'a.h5', listed: 'v3', generation: 3, record: { ...record, shape: [9, 9, 9] } }, view).view;
  assert.deepEqual([back.kind, back.axis, back.rows], ['values', 0, 1]);
});

Deno.test('a dataset grows beside the picture', () => {
  const view = viewOf('?axis=1&index=19');
  const grown = reduce(view, { type: 'shape', shape: [10, 25, 30] });
  assert.deepEqual([grown.shape, grown.position[1], grown.generation], [[10, 25, 30], 19, view.generation]);
  assert.ok(isSamePlane(view, grown));
  // Neither a smaller one nor one whose rows are more is the same with more slices.
  for (const shape of [[10, 15, 30], [11, 25, 30], [10, 25], [10, 20, 30]]) {
    assert.equal(reduce(view, { type: 'shape', shape }), view);
  }
});

Deno.test('an unknown action is an error', () => {
  assert.throws(() => reduce(viewOf(), { type: 'nothing' }), /no such action: nothing/);
});
