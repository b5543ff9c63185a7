import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { carryTo } from '../../assets/model/carry-over.mjs';
import { choicesFor, choiceText } from '../../assets/model/compare-choices.mjs';
import { halfOf } from '../../assets/model/difference.mjs';
import { compared } from '../../assets/model/compare.mjs';
import { conversionTo, converted, differenceUnit, titlesOf, valuesText } from '../../assets/model/compared-values.mjs';
import {
  cellIn,
  differenceMapping,
  differenceOf,
  indexLike,
  isOutside,
  laidUnder,
  mayLie,
  onGrid,
  pointIn,
  viewLike,
  whyNoDifference,
  whyUnlike,
} from '../../assets/model/comparison.mjs';
import { createViewHistory } from '../../assets/model/view-history.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce } from '../../assets/model/view.mjs';

function foundOf(shape = [10, 20, 30], dataset = '/d', dtype = 'uint16', meaning = null) {
  return { file: 'a.h5', listed: 'v1', generation: 1, meaning, record: { dataset, shape, dtype } };
}

const NO_MEANING = {
  kind: 'values',
  rows: 1,
  columns: 2,
  channels: null,
  channel_order: null,
  palette: null,
  index: [0, null, null],
  up: false,
  aspect: null,
  value: { name: '', unit: '', scale: 1, offset: 0, calendar: '', fills: [], flags: [], decoded_dtype: null },
  suggested: { colorscale: null, window: null, norm: null },
};

const viewOf = (link = '', ...found) => createView(foundOf(...found), parseLink(link), null, false).view;

function cellsOf(list, cols, more = {}) {
  const rows = list.length / cols;
  const z = Array.from({ length: rows }, (_, r) => list.slice(r * cols, (r + 1) * cols));
  const placed = { step: 1, rowStep: 1, colStep: 1, row0: 0, col0: 0, meta: { selection: '4,:,:', pool: 'mean' } };
  return { z, rows, cols, integers: null, fill: NaN, dtype: 'float64', isEnum: false, ...placed, ...more };
}

Deno.test('the difference is that of the values, and none where either has none', () => {
  const a = cellsOf(Float64Array.of(1, 2, 3, NaN, 5, -1), 3, { fill: -1 });
  const b = cellsOf(Uint8Array.of(4, 2, 200, 1, 9, 1), 3, { fill: 9 });
  const found = differenceOf(a, b);
  assert.deepEqual(found.z.map((row) => Array.from(row)), [[-3, 0, -197], [NaN, NaN, NaN]]);
  assert.deepEqual([found.min, found.max, found.dtype], [-197, 0, 'float64']);
  const wide = (...values) => ({
    ...cellsOf(Float64Array.from(values, Number), values.length),
    integers: BigInt64Array.from(values),
  });
  assert.deepEqual(Array.from(differenceOf(wide(2n ** 60n + 1n), wide(2n ** 60n)).z[0]), [1]);
});

Deno.test('the scale of a difference is centred, and not made by few cells', () => {
  const list = new Float64Array(1000).fill(2);
  list[5] = -500;
  const none = cellsOf(new Float64Array(1000), 10);
  const { lo, hi } = differenceMapping(differenceOf(cellsOf(list, 10), none));
  assert.deepEqual([lo, hi], [-2, 2]);
  assert.deepEqual(differenceMapping(differenceOf(none, none)).hi, 1);
  const one = Float64Array.from({ length: 1000 }, (_, i) => (i === 7 ? -3 : 0));
  assert.equal(differenceMapping(differenceOf(cellsOf(one, 10), none)).hi, 3);
});

Deno.test('a picture of another size is not laid beside', () => {
  const view = viewOf('?axis=0');
  const why = (shape) => whyUnlike(view, '/e', shape && { shape, meaning: null });
  assert.equal(why([10, 20, 30]), '');
  assert.equal(why([4, 20, 30]), '');
  assert.match(why([10, 20, 31]), /^\/e has 10 × 20 × 31 voxels and this picture is of 10 × 20 × 30/);
  assert.match(why([20, 30]), /one size/);
  assert.match(why(null), /no shape/);
  assert.deepEqual([[10, 20, 30], [4, 20, 30], [10, 20, 31], [20, 30]].map((shape) => mayLie(view, shape)), [
    true,
    true,
    false,
    false,
  ]);
});

/* Rows and columns in units: where they start, and how long a voxel is. */
const inUnits = (unit, [y0, dy], [x0, dx]) => ({
  ...NO_MEANING,
  axes: [{ unit: '', coordinates: null }, { unit, coordinates: { start: y0, step: dy } }, {
    unit,
    coordinates: { start: x0, step: dx },
  }],
});

Deno.test('pictures of unlike voxels are laid at the same place where both have units', () => {
  const fine = inUnits('um', [100, 2], [50, 1]);
  const view = viewOf('?axis=0&index=4&x=9.5,19.5&y=3.5,7.5', [10, 20, 30], '/d', 'uint16', fine);
  const under = (shape, meaning) => laidUnder(view, { shape, meaning });
  const coarse = inUnits('mm', [0.1, 0.004], [0.04, 0.002]);
  const laid = under([10, 10, 20], coarse);
  assert.ok(!laid.exact && Math.abs(laid.rows.scale - 0.5) + Math.abs(laid.cols.offset - 5) < 1e-9);
  assert.equal(whyUnlike(view, '/e', { shape: [10, 10, 20], meaning: coarse }), '');
  assert.ok(mayLie(view, [10, 10, 20]) && !mayLie(view, [10, 20]));
  const like = viewLike(view, foundOf([10, 10, 20], '/e', 'uint16', coarse));
  const rounded = (range) => range.map((at) => Math.round(at * 100) / 100);
  assert.deepEqual([rounded(like.x), rounded(like.y), like.flip], [[9.75, 14.75], [1.75, 3.75], []]);
  // All of the first one, not of the second one.
  const whole = viewLike(reduce(view, { type: 'zoom', x: null, y: null }), foundOf([10, 10, 90], '/e', 'u1', coarse));
  assert.deepEqual([rounded(whole.x), rounded(whole.y)], [[4.75, 19.75], [-0.25, 9.75]]);
  assert.ok(!isOutside(like) && isOutside(viewLike(view, foundOf([10, 10, 9], '/e', 'u1', coarse))));
  // The other way round along columns.
  const turned = viewLike(view, foundOf([10, 10, 99], '/e', 'u1', inUnits('um', [100, 4], [150, -2])));
  assert.deepEqual([rounded(turned.x), turned.flip], [[40.25, 45.25], [2]]);
  // Voxels of one size are laid on each other, as those without units are.
  for (const meaning of [inUnits('um', [0, 2], [0, 1]), inUnits('s', [0, 9], [0, 9]), null]) {
    assert.ok(under([10, 20, 30], meaning).exact);
  }
  assert.ok(!under([10, 20, 30], inUnits('um', [100, 4], [50, 2])).exact);
  for (const meaning of [inUnits('s', [0, 9], [0, 9]), null]) {
    assert.equal(under([10, 10, 20], meaning), null);
    assert.match(whyUnlike(view, '/e', { shape: [10, 10, 20], meaning }), /one size/);
  }
  // A size that was typed is not that of the other one.
  const typed = viewOf('?axis=0&voxel=5,um');
  assert.equal(laidUnder(typed, { shape: [10, 10, 20], meaning: null }), null);
  assert.ok(laidUnder(typed, { shape: [10, 10, 20], meaning: coarse }));
});

Deno.test('values of the nearest voxels are compared', () => {
  const laid = { rows: { offset: 0, scale: 0.5 }, cols: { offset: -1, scale: 0.5 }, exact: false };
  const own = cellsOf(Float64Array.from({ length: 24 }, (_, i) => i), 6);
  const other = cellsOf(Int16Array.of(1, 2, -1, 4), 2, { fill: -1 });
  const rows = onGrid(other, own, laid).z.map((row) => Array.from(row));
  const [above, below] = [[NaN, NaN, 1, 1, 2, 2], [NaN, NaN, NaN, NaN, 4, 4]];
  assert.deepEqual(rows, [above, above, below, below]);
  assert.deepEqual(cellIn(own, 2, 4, other, laid), { row: 1, col: 1 });
  assert.equal(cellIn(own, 2, 0, other, laid), null);
  assert.deepEqual(pointIn(own, 3, 4, laid), { row: 1.5, col: 1 });
});

Deno.test('the other dataset has the same slice, at most its last one', () => {
  const view = viewOf('?axis=0&index=8&x=3,9&y=2,8');
  const other = viewLike(view, foundOf([4, 20, 30], '/e', 'complex64'));
  assert.deepEqual([other.dataset, other.position[0], other.part, other.x], ['/e', 3, 'abs', view.x]);
  assert.ok(Object.isFrozen(other));
  assert.equal(viewLike(view, foundOf()).part, null);
});

Deno.test('the other dataset is shown at the same place where both have units', () => {
  const axes = (unit, coordinates) => [{ name: 'z', unit, coordinates, edges: false, dates: false }, {}, {}];
  const meaningOf = (...of) => ({ ...NO_MEANING, axes: axes(...of) });
  const view = viewOf('?axis=0&index=8', [10, 20, 30], '/d', 'uint16', meaningOf('mm', { start: 0, step: 0.002 }));
  const at = (length, ...of) => {
    const found = foundOf([length, 20, 30], '/e', 'uint16', of.length ? meaningOf(...of) : null);
    const like = viewLike(view, found);
    return [like.position[0], indexLike(view, like, 0)];
  };
  assert.deepEqual(at(40, 'um', { start: 0, step: 1 }), [16, 16]);
  assert.deepEqual(at(10, 'um', { start: 0, step: 1 }), [9, 16]);
  assert.deepEqual(at(10, 'µm', { start: 100, step: 1 }), [0, -84]);
  assert.deepEqual(at(5, 'µm', { values: [0, 10, 15, 18, 40] }), [2, 2]);
  assert.deepEqual(at(3, 'µm', { values: [0, 5, 10] }), [2, 3]);
  assert.deepEqual(at(3, 'µm', { values: [40, 30, 20] }), [2, 2]);
  for (const none of [[], ['s', { start: 0, step: 1 }], ['mm', null], ['mm', { text: ['a'] }]]) {
    assert.deepEqual(at(40, ...none), [8, 8]);
  }
});

Deno.test('cells of one grid are found in another', () => {
  const fine = cellsOf(new Float64Array(100), 10);
  const coarse = cellsOf(new Float64Array(25), 5, { rowStep: 2, colStep: 2 });
  const laid = laidUnder(viewOf('?axis=0'), { shape: [10, 20, 30], meaning: null });
  assert.deepEqual(cellIn(fine, 3, 9, coarse, laid), { row: 1, col: 4 });
  assert.deepEqual(cellIn(coarse, 1, 4, fine, laid), { row: 2, col: 8 });
  assert.equal(cellIn(fine, 3, 9, { ...coarse, cols: 4 }, laid), null);
});

Deno.test('a link has what is compared, and how', () => {
  assert.deepEqual(compared('a.h5|/d'), { file: 'a.h5', dataset: '/d' });
  assert.equal(compared('a.h5'), null);
  const three = reduce(viewOf('?axis=0'), { type: 'views', views: 3 });
  const view = reduce(three, { type: 'compare', compare: 'b.h5|/e', mode: 'swipe' });
  assert.deepEqual([view.views, view.depth], [1, null]);
  assert.match(formatLink(view), /&compare=b.h5\|\/e&comparing=swipe/);
  assert.deepEqual(viewOf(formatLink(view)), view);
  const placed = reduce(view, { type: 'share', share: 0.25 });
  assert.match(formatLink(placed), /&comparing=swipe&share=0.25/);
  assert.deepEqual(viewOf(formatLink(placed)), placed);
  assert.equal(parseLink('?share=2').unknown.length, 1);
  assert.equal(carryTo(foundOf([10, 20, 30], '/f'), placed).view.share, 0.25);
  assert.equal(reduce(view, { type: 'views', views: 3 }).compare, '');
  assert.equal(parseLink('?compare=x&comparing=y').unknown.length, 2);
});

Deno.test('another dataset of the same shape keeps slice, zoom and window, and its own colours', () => {
  const view = viewOf('?axis=1&index=8&x=3,9&y=2,8&window=5,9&colorscale=magma&compare=a.h5|/e&kind=labels');
  const { view: next } = carryTo(foundOf([10, 20, 30], '/e'), view);
  assert.deepEqual([next.dataset, next.axis, next.position[1], next.x, next.y], ['/e', 1, 8, view.x, view.y]);
  assert.deepEqual([next.window, next.colorscale, next.kind], [[5, 9], 'magma', 'values']);
  assert.equal(next.compare, 'a.h5|/d');
  const own = Object.assign(foundOf([10, 20, 30], '/e'), { remembered: { colorscale: 'gray', window: 'slice' } });
  const { view: known } = carryTo(own, view);
  assert.deepEqual([known.window, known.colorscale], ['slice', 'gray']);
  assert.equal(carryTo(foundOf([10, 20, 30], '/e', 'float32'), view).view.window, 'volume');
});

const rgb = {
  ...NO_MEANING,
  kind: 'color',
  rows: 0,
  columns: 1,
  channels: 2,
  channel_order: 'rgb',
  index: [null, null, null],
};

Deno.test('channels of colours are no dimension', () => {
  const axes = [{ coordinates: null }, { coordinates: null }, { coordinates: null }];
  const view = viewOf('', [20, 30], '/gray', 'uint16');
  const found = foundOf([20, 30, 3], '/rgb', 'uint8', { ...rgb, axes });
  const other = { shape: [20, 30, 3], meaning: found.meaning, dtype: 'uint8' };
  assert.ok(laidUnder(view, other).exact);
  assert.ok(mayLie(view, [20, 30, 3]) && !mayLie(view, [20, 30, 5]));
  const like = viewLike(view, found);
  assert.deepEqual([like.kind, like.rows, like.cols, like.axis, like.position.length], ['color', 0, 1, null, 3]);
});

Deno.test('an image beside its labels is an image, and what is chosen for one picture is chosen for both', () => {
  const axes = [{}, {}, {}];
  const labels = { ...NO_MEANING, kind: 'labels', axes };
  const plain = { ...NO_MEANING, axes };
  const view = (link, meaning) => viewOf('?axis=0' + link, [10, 20, 30], '/d', 'uint8', meaning);
  const beside = (one, meaning) => viewLike(one, foundOf([10, 20, 30], '/e', 'uint16', meaning));
  const kinds = [view('', labels), view('', plain), view('&kind=labels', plain), view('&kind=values', labels)]
    .map((one) => [plain, labels].map((meaning) => beside(one, meaning).kind).join());
  assert.deepEqual(kinds, ['values,labels', 'values,labels', 'labels,labels', 'values,values']);
  const [seen, image] = [view('', labels), beside(view('', labels), plain)];
  assert.match(whyNoDifference(seen, image), /Labels and values/);
  assert.equal(whyNoDifference(seen, beside(seen, labels)), '');
  const sides = [seen, image].map((one) => ({ view: one, cells: cellsOf(Uint8Array.of(1), 1, { dtype: 'uint8' }) }));
  assert.equal(valuesText(...sides, 0, 0, laidUnder(seen, { shape: [10, 20, 30], meaning: plain })), '1 | 1');
});

Deno.test('dimensions of the same names are laid on each other in any order', () => {
  const named = (...names) => ({ ...NO_MEANING, axes: names.map((name) => ({ name, unit: '', coordinates: null })) });
  const view = viewOf('?axis=0&index=4', [10, 20, 30], '/d', 'uint16', named('z', 'y', 'x'));
  const like = viewLike(view, foundOf([30, 20, 10], '/e', 'uint16', named('x', 'y', 'z')));
  assert.deepEqual([like.axis, like.rows, like.cols, like.position[2]], [2, 1, 0, 4]);
});

const ofValues = (unit) => ({ ...NO_MEANING, axes: [{}, {}, {}], value: { ...NO_MEANING.value, unit } });
const inUnit = (unit, dataset = '/d') => viewOf('?axis=0&index=4', [10, 20, 30], dataset, 'float64', ofValues(unit));

Deno.test('values are compared in one unit, and dates as dates', () => {
  const [mm, m, K] = ['mm', 'm', 'K'].map((unit) => inUnit(unit));
  assert.deepEqual(conversionTo(mm, m), { scale: 1000, offset: 0 });
  assert.equal(conversionTo(mm, K), null);
  assert.deepEqual([differenceUnit(mm, m), differenceUnit(mm, K), differenceUnit(mm, inUnit(''))], [
    'mm',
    'mm − K',
    '',
  ]);
  const laid = laidUnder(mm, { shape: [10, 20, 30], meaning: null });
  const sides = [{ view: mm, cells: cellsOf(Float64Array.of(3000), 1) }, {
    view: m,
    cells: cellsOf(Float64Array.of(1), 1),
  }];
  assert.equal(valuesText(...sides, 0, 0, laid), '3000 mm | 1 m (+2000 mm)');
  assert.deepEqual(
    Array.from(converted(cellsOf(Float64Array.of(1, -7), 2, { fill: -7 }), { scale: 2, offset: 1 }).z[0]),
    [3, NaN],
  );
  const [days, hours] = ['days since 2001-01-01', 'hours since 2001-01-02'].map((unit) => inUnit(unit));
  const times = [{ view: days, cells: cellsOf(Float64Array.of(5), 1) }, {
    view: hours,
    cells: cellsOf(Float64Array.of(24), 1),
  }];
  assert.match(valuesText(...times, 0, 0, laid), /^2001-01-06.* \| 2001-01-03.* \(\+3 days\)$/);
});

Deno.test('the list names file and dataset, and not the picture itself', () => {
  const view = viewOf('?axis=0');
  const list = ['/d', '/e', '/f'].map((dataset, i) => ({ dataset, browsable: true, shape: [10, 20, 30 + (i > 1)] }));
  const known = (file) => file === 'a.h5' ? { list } : undefined;
  const choices = choicesFor(view, [{ file: 'a.h5' }, { file: 'b.h5' }], known);
  assert.deepEqual(choices.map(choiceText), ['a.h5 · /e', 'b.h5 · its datasets …']);
  const other = viewLike(view, foundOf([10, 20, 30], '/e'));
  assert.deepEqual(titlesOf(view, other), ['/d · slice 5', '/e · slice 5']);
});

Deno.test('the window of a difference is chosen, stands in the link, and is that of one pair', () => {
  const view = reduce(viewOf('?axis=0&compare=b.h5|/e&comparing=difference'), { type: 'difference', half: 7 });
  assert.match(formatLink(view), /&difference=7/);
  assert.deepEqual(viewOf(formatLink(view)), view);
  assert.deepEqual([parseLink('?difference=-1').difference, parseLink('?difference=-1').unknown.length], [null, 1]);
  const scale = differenceMapping(cellsOf(Float64Array.of(1, 2), 2), view);
  assert.deepEqual([scale.lo, scale.hi, scale.colorscale, scale.marked], [-7, 7, 'rdbu', null]);
  assert.ok(differenceMapping(cellsOf(Float64Array.of(1, 2), 2), { ...view, clip: true }).marked.hi > 7);
  assert.deepEqual([[-7, 5], [-4, 7]].map(([lo, hi]) => halfOf(scale, { lo, hi })), [5, 4]);
  assert.equal(reduce(view, { type: 'compare', compare: 'b.h5|/f', mode: 'difference' }).difference, null);
});

Deno.test('what is refused is no entry of the history', () => {
  const history = createViewHistory();
  const view = viewOf('?axis=0');
  history.note(view, 0);
  history.amend(reduce(view, { type: 'compare', compare: 'b.h5|/e', mode: 'side' }));
  assert.ok(!history.canUndo());
});
