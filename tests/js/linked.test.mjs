import assert from 'node:assert/strict';

import { commonScales, quartersOf } from '../../assets/model/common-scale.mjs';
import { matched, placeOf, planeBeside, voxelAt } from '../../assets/model/linked.mjs';
import { areaOf, spaceOf, zoomedAt } from '../../assets/model/pane-area.mjs';
import { aspectOf } from '../../assets/model/axes.mjs';
import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { carryOver } from '../../assets/model/carry-over.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce } from '../../assets/model/view.mjs';

function foundOf(shape = [10, 20, 30], meaning = null) {
  return { file: 'a.h5', listed: 'v1', generation: 1, meaning, record: { dataset: '/d', shape, dtype: 'uint16' } };
}

function viewOf(link = '', ...found) {
  return createView(foundOf(...found), parseLink(link), null, false).view;
}

const three = (link, ...found) => reduce(viewOf(link, ...found), { type: 'views', views: 3 });

Deno.test('the planes beside the main one have its rows, its columns and the axis', () => {
  const view = reduce(three('?axis=0&index=4'), { type: 'point', position: [4, 7, 8] });
  const right = planeBeside(view, 'right');
  const below = planeBeside(view, 'below');
  assert.deepEqual([right.rows, right.cols, right.axis], [1, 0, 2]);
  assert.deepEqual([below.rows, below.cols, below.axis], [0, 2, 1]);
  for (const plane of [right, below]) {
    assert.deepEqual([plane.position, plane.x, plane.y], [[4, 7, 8], null, null]);
    assert.ok(Object.isFrozen(plane));
  }
  const five = three('?selection=1,2,:,:,4&axis=1', [3, 4, 5, 6, 7]);
  const beside = planeBeside(five, 'below');
  assert.deepEqual([beside.rows, beside.cols, beside.axis, beside.position[4]], [1, 3, 2, 4]);
});

Deno.test('zoom is linked along the dimensions that planes share', () => {
  const shape = [100, 200, 300];
  const view = reduce(three('?axis=0&index=40', shape), { type: 'zoom', x: [100, 140], y: [50, 70] });
  assert.deepEqual([view.x, view.y, view.depth], [[100, 140], [50, 70], [30, 50]]);
  const right = planeBeside(view, 'right');
  assert.deepEqual([right.x, right.y], [[30, 50], [50, 70]]);
  // In the plane on the right; the columns follow, around the point.
  const zoomed = reduce(view, { type: 'ranges', ranges: new Map([[1, [55, 65]], [0, [35, 45]]]) });
  assert.deepEqual([zoomed.y, zoomed.depth, zoomed.x], [[55, 65], [35, 45], [145, 155]]);
  const whole = reduce(zoomed, { type: 'zoom', x: null, y: null });
  assert.deepEqual([whole.x, whole.y, whole.depth], [null, null, null]);
  const all = new Map([[0, [-0.5, 99.5]], [1, [-0.5, 199.5]], [2, [-0.5, 299.5]]]);
  assert.equal(reduce(zoomed, { type: 'ranges', ranges: all }).x, null);
});

Deno.test('ranges are as long in units, not in voxels', () => {
  const axis = (step) => ({ name: '', unit: 'um', coordinates: { start: 0, step } });
  const meaning = { axes: [axis(4), axis(1), axis(2)] };
  const view = { shape: [100, 200, 300], position: [50, 100, 150], meaning, voxel: '' };
  assert.deepEqual(matched(view, 0, [80, 120], 1), [45, 55]);
  assert.deepEqual(matched(view, 2, [80, 120], 1), [140, 160]);
  // Other units are none in common.
  meaning.axes[0].unit = 's';
  assert.deepEqual(matched(view, 0, [80, 120], 1), [30, 70]);
  assert.deepEqual(matched(view, 0, [-0.5, 199.5], 1), [-0.5, 99.5]);
});

Deno.test('ranges follow the point', () => {
  const view = reduce(three('?axis=0&index=40', [100, 200, 300]), { type: 'zoom', x: [100, 140], y: [50, 70] });
  const inside = reduce(view, { type: 'point', position: [45, 60, 120] });
  assert.deepEqual([inside.x, inside.y, inside.depth], [view.x, view.y, view.depth]);
  const outside = reduce(view, { type: 'point', position: [90, 60, 299] });
  assert.deepEqual([outside.x, outside.y, outside.depth], [[259.5, 299.5], [50, 70], [79.5, 99.5]]);
  assert.deepEqual(reduce(view, { type: 'step', by: 30 }).depth, [60, 80]);
  assert.deepEqual(reduce(view, { type: 'point', position: [-5, 999, 120] }).position, [0, 199, 120]);
});

Deno.test('another axis keeps the point and the zoom', () => {
  const view = viewOf('?axis=0&index=40&x=100,140&y=50,70', [100, 200, 300]);
  const across = reduce(view, { type: 'axis', axis: 1 });
  // Row 100 is not in view: the middle of what was.
  assert.deepEqual([across.axis, across.position[1], across.x], [1, 60, [100, 140]]);
  assert.deepEqual([across.y, across.depth], [[30, 50], null]);
  const back = reduce(across, { type: 'axis', axis: 0 });
  assert.deepEqual([back.position[0], back.x, back.y], [40, [100, 140], [50, 70]]);
  assert.deepEqual(reduce(viewOf('?axis=0&index=4'), { type: 'axis', axis: 2 }).position, [4, 10, 15]);
  const linked = reduce(reduce(view, { type: 'views', views: 3 }), { type: 'axis', axis: 1 });
  assert.deepEqual([linked.depth, linked.y, linked.x], [[50, 70], [30, 50], [100, 140]]);
});

Deno.test('another axis keeps the middle of what is in view, however mild the zoom is', () => {
  // Row 100 and column 150, where the dataset was opened, are in view and nobody's choice.
  const mild = viewOf('?axis=0&index=40&x=20,220&y=90,190', [100, 200, 300]);
  const rows = reduce(mild, { type: 'axis', axis: 1 });
  assert.deepEqual([rows.position, rows.x], [[40, 140, 150], [20, 220]]);
  const cols = reduce(mild, { type: 'axis', axis: 2 });
  assert.deepEqual([cols.position, cols.x], [[40, 100, 120], [90, 190]]);
  // A slice that was chosen stays, as long as it is in view.
  const moved = reduce(reduce(rows, { type: 'index', index: 170 }), { type: 'axis', axis: 0 });
  assert.equal(reduce(moved, { type: 'axis', axis: 1 }).position[1], 170);
  // So does the point of three views.
  const pointed = reduce(reduce(mild, { type: 'views', views: 3 }), { type: 'point', position: [40, 101, 33] });
  assert.deepEqual(reduce(pointed, { type: 'axis', axis: 1 }).position, [40, 101, 33]);
  assert.deepEqual(reduce(reduce(pointed, { type: 'views', views: 1 }), { type: 'axis', axis: 2 }).position[2], 33);
});

/** Px for a column of the main picture, for its rows on the right, and for its columns below, in frames of these sizes. */
function scalesIn(view, frames) {
  const spaces = Object.fromEntries(Object.entries(frames).map(([name, size]) => [name, spaceOf(size)]));
  const scales = commonScales(view, spaces);
  const [right, below] = ['right', 'below'].map((place) => {
    const plane = planeBeside(view, place);
    const area = areaOf(plane, frames[place], aspectOf(plane), { most: scales[place] });
    assert.ok(area.width <= spaces[place].width && area.height <= spaces[place].height);
    return [area.width / Math.abs(area.x[1] - area.x[0]), area.height / (area.y[1] - area.y[0])];
  });
  return { scales, right, below, spaces };
}

Deno.test('three views have one scale in units, and each fits into its quarter', () => {
  const axis = (step) => ({ name: '', unit: 'um', coordinates: { start: 0, step } });
  const meaning = {
    kind: 'values',
    rows: null,
    columns: null,
    channels: null,
    aspect: null,
    axes: [4, 1, 2].map(axis),
    value: {},
    suggested: {},
  };
  const frames = {
    main: { width: 700, height: 500 },
    right: { width: 400, height: 400 },
    below: { width: 700, height: 300 },
  };
  for (const link of ['?axis=0&index=40', '?axis=1', '?axis=2', '?axis=0&index=40&x=100,140&y=50,70']) {
    const view = three(link, [100, 200, 300], meaning);
    const { scales, right, below, spaces } = scalesIn(view, frames);
    const sizes = [4, 1, 2];
    const perUnit = scales.main / sizes[view.cols];
    const close = (px, d, what) => assert.ok(Math.abs(px / sizes[d] / perUnit - 1) < 0.01, link + what);
    close(right[0], view.axis, ' right, across');
    close(right[1], view.rows, ' right, down');
    close(below[0], view.cols, ' below, across');
    close(below[1], view.axis, ' below, down');
    // One of them fills what it has.
    const own = (range, n) => (range ? range[1] - range[0] : n);
    const [w, h] = [own(view.x, view.shape[view.cols]), own(view.y, view.shape[view.rows])].map((n, i) =>
      n * sizes[i ? view.rows : view.cols] * perUnit
    );
    const d = own(view.depth, view.shape[view.axis]) * sizes[view.axis] * perUnit;
    const filled = [w / spaces.main.width, h / spaces.main.height, d / spaces.right.width, h / spaces.right.height];
    filled.push(w / spaces.below.width, d / spaces.below.height);
    assert.ok(Math.abs(Math.max(...filled) - 1) < 1e-6, link);
  }
});

Deno.test('planes that are too narrow at any scale do not make the others small', () => {
  const frames = {
    main: { width: 600, height: 500 },
    right: { width: 300, height: 400 },
    below: { width: 600, height: 300 },
  };
  const thin = three('?axis=0', [3, 400, 400]);
  const { scales, spaces } = scalesIn(thin, frames);
  assert.equal(scales.main, spaces.main.height / 400);
  const long = three('?axis=0', [9000, 100, 100]);
  assert.equal(scalesIn(long, frames).scales.main, spaces.main.height / 100);
  // Where they share a scale, the main picture is no narrower than 40 px.
  assert.ok(scalesIn(three('?axis=0', [500, 100, 30]), frames).scales.main >= 40 / 30 - 1e-9);
  assert.equal(commonScales({ ...thin, aspect: 'fill' }, spaces), null);
});

Deno.test('quarters are as large as their planes need at one scale', () => {
  const all = { width: 1000, height: 800 };
  const cube = quartersOf(three('?axis=0', [100, 100, 100]), all);
  const deep = quartersOf(three('?axis=0', [300, 100, 100]), all);
  const flat = quartersOf(three('?axis=0', [10, 100, 100]), all);
  assert.ok(flat.width < cube.width && cube.width < deep.width && deep.width <= 600);
  assert.ok(flat.height < cube.height && cube.height < deep.height && deep.height <= 480);
  // They do not depend on the zoom.
  const zoomed = reduce(three('?axis=0', [300, 100, 100]), { type: 'zoom', x: [10, 20], y: [10, 20] });
  assert.deepEqual(quartersOf(zoomed, all), deep);
});

Deno.test('a link has the views, the point and all ranges', () => {
  const view = reduce(three('?axis=0&index=40', [100, 200, 300]), { type: 'zoom', x: [100, 140], y: [50, 70] });
  const moved = reduce(view, { type: 'point', position: [41, 60, 120] });
  const link = formatLink(moved);
  assert.match(link, /&views=3&point=41,60,120&depth=30,50/);
  assert.deepEqual(viewOf(link, [100, 200, 300]), moved);
  assert.doesNotMatch(formatLink(reduce(moved, { type: 'views', views: 1 })), /views|point|depth/);
  assert.equal(viewOf('?views=3', [20, 30]).views, 1);
  assert.equal(reduce(viewOf('', [20, 30]), { type: 'views', views: 3 }).views, 1);
  const odd = parseLink('?views=4&point=1,x&depth=3');
  assert.equal(odd.unknown.length, 3);
  const short = createView(foundOf(), parseLink('?views=3&point=1,2'), null, false);
  assert.deepEqual(short.view.position, [5, 10, 15]);
  assert.deepEqual(short.notes, ['The link has 2 indices for point, and the dataset 3 dimensions.']);
  const changed = carryOver(foundOf([100, 200, 300]), moved).view;
  assert.deepEqual([changed.views, changed.position, changed.depth], [3, moved.position, moved.depth]);
});

Deno.test('a plane lies in its frame as its voxels are', () => {
  const view = { shape: [10, 100, 200], rows: 1, cols: 2, x: null, y: null, flip: [2] };
  const area = areaOf(view, { width: 472, height: 442 }, 1);
  assert.deepEqual([area.width, area.height, area.x, area.y], [400, 200, [199.5, -0.5], [-0.5, 99.5]]);
  assert.equal(areaOf(view, { width: 472, height: 442 }, 4).width, 200);
  assert.equal(areaOf(view, { width: 472, height: 442 }, null).height, 400);
  assert.equal(areaOf(view, { width: 40, height: 20 }, 1), null);
  const count = { rows: 100, cols: 200 };
  for (const voxel of [{ row: 0, col: 199 }, { row: 99, col: 0 }, { row: 42, col: 17 }]) {
    const { left, top } = placeOf(area, voxel.row, voxel.col);
    assert.deepEqual(voxelAt(area, area.left + left, area.top + top, count), voxel);
  }
  assert.deepEqual(voxelAt(area, -50, 9999, count), { row: 99, col: 199 });
});

Deno.test('the wheel zooms about a voxel, within the slice', () => {
  const area = { left: 10, top: 20, width: 400, height: 200, x: [-0.5, 199.5], y: [-0.5, 99.5] };
  const count = { rows: 100, cols: 200 };
  const half = zoomedAt(area, 110, 120, 0.5, count);
  assert.deepEqual(half, { x: [24.5, 124.5], y: [24.5, 74.5] });
  assert.equal(zoomedAt(area, 110, 120, 2, count), null);
  assert.deepEqual(zoomedAt(area, 10, 20, 1e-6, count).y, [-0.5, 1.5]);
  const flipped = zoomedAt({ ...area, x: [199.5, -0.5] }, 110, 120, 0.5, count);
  assert.deepEqual(flipped.x, [74.5, 174.5]);
});
