import assert from 'node:assert/strict';

import { chosenLabels, formatLabels, labelCodes, labelColors, parseLabels } from '../../assets/model/labels.mjs';

const ALL = { ids: [], hides: false };

Deno.test('labels have codes by their numbers, and 0 is the background', () => {
  const codes = labelCodes(Uint16Array.of(0, 1, 2, 251, 252, 9), 9, ALL);
  assert.deepEqual(Array.from(codes), [0, 2, 3, 1, 2, 255]);
  // Wide numbers have the codes that narrow ones have.
  assert.deepEqual(labelCodes(BigUint64Array.of(0n, 1n, 2n, 251n, 252n), NaN, ALL), codes.subarray(0, 5));
  const huge = 2n ** 53n + 1n;
  assert.equal(labelCodes(BigUint64Array.of(huge), NaN, ALL)[0], 1 + Number(huge % 251n));
  assert.equal(labelCodes(Float32Array.of(NaN), NaN, ALL)[0], 255);
});

Deno.test('labels are shown alone or hidden', () => {
  const codes = (text) => Array.from(labelCodes(Uint8Array.of(0, 1, 2, 3), NaN, parseLabels(text)), Boolean);
  assert.deepEqual(codes('2'), [false, false, true, false]);
  assert.deepEqual(codes('-1, -3'), [false, false, true, false]);
  const huge = 2n ** 60n;
  assert.deepEqual(
    Array.from(labelCodes(BigInt64Array.of(huge, huge + 1n), NaN, parseLabels(String(huge))), Boolean),
    [true, false],
  );
  for (const text of ['a', '1,-2', '1.5']) assert.equal(parseLabels(text), null, text);
  assert.equal(formatLabels(parseLabels(' −3 -5')), '-3,-5');
});

Deno.test('a click shows one label and then all again, and another one hides it', () => {
  const after = (text, id, hide) => formatLabels(chosenLabels(parseLabels(text), id, hide));
  assert.equal(after('', '7', false), '7');
  assert.equal(after('7', '7', false), '');
  assert.equal(after('', '0', false), '');
  assert.equal(after('', '7', true), '-7');
  assert.equal(after('-7', '8', true), '-7,-8');
  assert.equal(after('-7', '8', false), '8');
});

Deno.test('labels next to each other differ', () => {
  const colors = labelColors([1, 2, 3]);
  assert.deepEqual([colors[0], colors[255]], [[0, 0, 0], [1, 2, 3]]);
  for (let code = 1; code < 252; code += 1) {
    for (let near = code + 1; near <= Math.min(code + 4, 252); near += 1) {
      const apart = Math.hypot(...colors[code].map((v, k) => v - colors[near][k]));
      assert.ok(apart > 45, code + ' and ' + near + ' are ' + apart + ' apart');
    }
  }
});
