import assert from 'node:assert/strict';

import { csvOf, lengthText, scalesOf, voxelAlong } from '../../assets/model/measures.mjs';

function viewOf(...axes) {
  const shape = [10, 2000, 3000];
  const list = shape.map((_, d) => ({ name: 'zyx'[d], unit: '', coordinates: null, ...axes[d] }));
  return { shape, meaning: { axes: list }, voxel: '' };
}

const even = (step, unit) => ({ unit, coordinates: { start: 0, step } });
const tool = (points) => ({ kind: 'ruler', plane: [1, 2], points });

Deno.test('lengths are in units where both axes have the same, or the line goes along one', () => {
  const both = viewOf({}, even(0.5, 'um'), even(0.25, 'um'));
  assert.equal(lengthText(both, tool([0, 0, 30, 80])), '25 µm');
  const [long, short, other] = [tool([0, 0, 0, 8]), tool([0, 0, 0, 2]), { ...tool([0, 0, 0, 9]), plane: [0, 1] }];
  assert.deepEqual(scalesOf(both, [long]), { factors: [0.25], unit: 'µm' });
  assert.deepEqual(scalesOf(both, [short, long, other]), { factors: [0.25, 0.25, 0.5], unit: 'µm' });
  // All are in the unit of the first one, and none is where one of them has no length.
  const mixed = viewOf(even(3, 'mm'), even(0.5, 'um'), even(0.5, 'um'));
  const across = { ...tool([0, 0, 4, 0]), plane: [0, 2] };
  const { factors, unit } = scalesOf(mixed, [long, across]);
  assert.deepEqual([factors.map(Math.round), unit], [[1, 3000], 'µm']);
  assert.deepEqual(scalesOf(viewOf({}, even(0.5, 'um')), [other, across]), { factors: [1, 1], unit: 'voxels' });
  const unlike = viewOf({}, even(2, 's'), even(0.25, 'm'));
  assert.equal(lengthText(unlike, tool([0, 0, 3, 4])), '5 voxels');
  assert.equal(lengthText(unlike, tool([0, 0, 3, 0])), '6 s');
  assert.equal(voxelAlong(unlike, tool([1, 1, 1, 1])), null);
  assert.equal(lengthText(viewOf(), tool([0, 0, 1, 1])), '1.4142 voxels');
});

Deno.test('a table is CSV with empty cells where there is no value', () => {
  const text = csvOf(['index', 'a, "b"'], [[0, 1.5], [1, NaN], [2, null]]);
  assert.equal(text, 'index,"a, ""b"""\r\n0,1.5\r\n1,\r\n2,\r\n');
});
