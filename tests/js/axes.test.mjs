import assert from 'node:assert/strict';

import {
  aspectOf,
  axisOf,
  axisTicks,
  axisTitle,
  coordinateText,
  formatVoxelSize,
  nameOf,
  parseVoxelSize,
  scaleBar,
  voxelLength,
} from '../../assets/model/axes.mjs';

const SHAPE = [10, 200, 300];
const axis = (change) => Object.assign({ name: '', unit: '', coordinates: null, edges: false, dates: false }, change);

function viewOf(axes, more) {
  const meaning = axes && { axes, spatial: [0, 1, 2], rows: 1, columns: 2, aspect: null };
  return Object.assign({ shape: SHAPE, meaning, voxel: '', rows: 1, cols: 2, aspect: 'voxel' }, more);
}

const METRES = viewOf([
  axis({ name: 'z', unit: 'm', coordinates: { start: 0, step: 2e-6 } }),
  axis({ name: 'y', unit: 'm', coordinates: { start: 1e-4, step: 1e-6 } }),
  axis({ name: 'x', unit: 'um', coordinates: { start: 0, step: 0.5 } }),
]);

Deno.test('without a meaning axes count voxels', () => {
  const found = axisOf(viewOf(null), 1);
  assert.equal(nameOf(viewOf(null), 1), 'axis 1');
  assert.deepEqual([axisTitle(found), coordinateText(found, 3), axisTicks(found, [0, 10], 5)], ['axis 1', '', null]);
});

Deno.test('regular coordinates have round ticks in a unit that reads well', () => {
  const rows = axisOf(METRES, 1);
  assert.equal(axisTitle(rows), 'y (µm)');
  assert.equal(coordinateText(rows, 7), '107 µm');
  const { positions, texts } = axisTicks(rows, [-0.5, 199.5], 4);
  assert.deepEqual(texts, ['100', '150', '200', '250']);
  positions.forEach((position, i) => assert.ok(Math.abs(position - 50 * i) < 1e-9));
  const falling = axisOf(
    viewOf([axis({}), axis({ unit: 'deg', coordinates: { start: 50, step: -0.25 } }), axis({})]),
    1,
  );
  assert.deepEqual(axisTicks(falling, [0, 40], 3), { positions: [40, 20, 0], texts: ['40', '45', '50'] });
});

Deno.test('a narrow range has a round tick, too', () => {
  const rows = axisOf(METRES, 1);
  for (const range of [[3.3, 11.7], [12.4, 13.1], [51.2, 148.8]]) {
    for (const count of [1, 2]) {
      const { texts, positions } = axisTicks(rows, range, count);
      assert.ok(texts.length >= 1 && texts.every((text) => text.length <= 5), texts.join());
      assert.ok(positions.every((at) => at >= range[0] && at <= range[1]));
    }
  }
});

Deno.test('a listed coordinate stands at its voxel, those of edges in the middle of the bin', () => {
  const values = Array.from({ length: 10 }, (_, i) => i * i);
  const listed = axisOf(viewOf([axis({ unit: 'keV', coordinates: { values } }), axis({}), axis({})]), 0);
  assert.equal(coordinateText(listed, 3), '9 keV');
  assert.deepEqual(axisTicks(listed, [-0.5, 9.5], 5), {
    positions: [0, 2, 4, 6, 8],
    texts: ['0', '4', '16', '36', '64'],
  });
  const edges = axisOf(viewOf([axis({ edges: true, coordinates: { values: [0, 1, 3, 7] } }), axis({}), axis({})]), 0);
  assert.deepEqual([0, 1, 2].map((i) => coordinateText(edges, i)), ['0.5', '2', '5']);
});

Deno.test('dates and names are texts', () => {
  const text = ['2020-01-01T00:00:00', '2020-01-02T06:30:00'];
  const found = axisOf(
    viewOf([axis({ dates: true, coordinates: { text } }), axis({}), axis({})], { shape: [2, 4, 4] }),
    0,
  );
  assert.deepEqual([0, 1].map((i) => coordinateText(found, i)), ['2020-01-01', '2020-01-02 06:30:00']);
  assert.equal(coordinateText(found, 5), '');
  assert.deepEqual(axisTicks(found, [-0.5, 1.5], 4).positions, [0, 1]);
});

Deno.test('a voxel size that was typed is that of the dimensions without coordinates', () => {
  assert.deepEqual(parseVoxelSize('5 µm'), { sizes: [5], unit: 'µm' });
  assert.deepEqual(parseVoxelSize('2 × 0.65 x 0.65um'), { sizes: [2, 0.65, 0.65], unit: 'um' });
  assert.deepEqual(parseVoxelSize('2,1e-3,um'), { sizes: [2, 0.001], unit: 'um' });
  for (const text of ['', '5', 'um', '0 um', '-1 um', '1 2 3', 'a um']) assert.equal(parseVoxelSize(text), null, text);
  assert.equal(formatVoxelSize({ sizes: [2, 0.65], unit: 'um' }), '2,0.65,um');
  const typed = viewOf(METRES.meaning.axes.with(2, axis({})), { voxel: '3,7,nm' });
  assert.equal(coordinateText(axisOf(typed, 2), 2), '14 nm');
  assert.equal(coordinateText(axisOf(typed, 1), 7), '107 µm');
  assert.equal(coordinateText(axisOf(viewOf(null, { voxel: '3,7,nm' }), 0), 1), '');
  const channels = Array.from({ length: 5 }, () => axis({}));
  const five = { shape: [1, 20, 150, 180, 2], meaning: { axes: channels, spatial: [1, 2, 3], aspect: null } };
  const textsOf = (voxel) => channels.map((_, d) => coordinateText(axisOf({ ...five, voxel }, d), 1));
  assert.deepEqual(textsOf('3,7,9,nm'), ['', '3 nm', '7 nm', '9 nm', '']);
  assert.deepEqual(textsOf('3,nm'), ['', '3 nm', '3 nm', '3 nm', '']);
  assert.deepEqual(textsOf('1,2,3,4,5,nm'), ['1 nm', '2 nm', '3 nm', '4 nm', '5 nm']);
});

Deno.test('sizes of voxels without a unit are in one', () => {
  const steps = [3, 1, 0.5].map((step) => axis({ coordinates: { start: 0, step } }));
  const view = viewOf(steps);
  view.meaning.aspect = 2;
  assert.equal(aspectOf(view), 2);
  assert.equal(aspectOf({ ...view, rows: 0, cols: 2 }), 6);
  view.meaning.spatial = [1, 2];
  assert.equal(aspectOf({ ...view, rows: 0, cols: 2 }), 1);
  view.meaning.aspect = null;
  assert.equal(aspectOf(view), 1);
});

Deno.test('voxels have their own shape where both sides are lengths', () => {
  assert.equal(voxelLength(axisOf(METRES, 2)), 5e-7);
  assert.ok(Math.abs(aspectOf(METRES) - 2) < 1e-12);
  assert.ok(Math.abs(aspectOf(Object.assign({}, METRES, { rows: 2, cols: 1 })) - 0.5) < 1e-12);
  assert.equal(aspectOf(Object.assign({}, METRES, { aspect: 'square' })), 1);
  assert.equal(aspectOf(Object.assign({}, METRES, { aspect: 'fill' })), null);
  assert.equal(aspectOf(viewOf([axis({}), axis({ unit: 's', coordinates: { start: 0, step: 9 } }), axis({})])), 1);
});

Deno.test('a scale bar is round, and at most a quarter of the picture', () => {
  const bar = scaleBar(1e-6, 1000);
  assert.deepEqual([Math.round(bar.px), bar.text], [200, '200 µm']);
  assert.deepEqual(scaleBar(2e-9, 600).text, '200 nm');
  assert.deepEqual(scaleBar(10, 1000).text, '2 km');
  assert.deepEqual(scaleBar(1e-3, 1000).text, '200 mm');
  assert.equal(scaleBar(NaN, 1000), null);
});
