import assert from 'node:assert/strict';

import { csvOf, lengthText, scaleOf, voxelAlong } from '../../assets/model/measures.mjs';

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
  assert.deepEqual(scaleOf(both, tool([0, 0, 0, 8])), { factor: 0.25, unit: 'µm' });
  assert.deepEqual(scaleOf(both, tool([0, 0, 0, 2])), { factor: 0.25, unit: 'µm' });
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
