import assert from 'node:assert/strict';

import { createRememberedColors } from '../../assets/data/remembered-colors.mjs';
import { parseLink } from '../../assets/model/address.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce } from '../../assets/model/view.mjs';

function setUp(text = null) {
  const kept = { text };
  const storage = {
    getItem: () => kept.text,
    setItem: (_key, value) => {
      kept.text = value;
    },
  };
  return { remembered: createRememberedColors(() => storage), kept };
}

const record = (more = {}) => ({ dataset: '/d', shape: [9, 20, 30], dtype: 'uint16', ...more });

/** The view of a link, in the colours that are remembered. */
function open(remembered, link = '', more = {}) {
  const found = { file: 'a.h5', listed: 'v', generation: 1, record: record(more) };
  const colors = remembered.of(found.file, found.record, parseLink(link));
  return createView({ ...found, remembered: colors }, parseLink(link), null, false).view;
}

const CHANGE = { window: [3, 9], norm: 'asinh', colorscale: 'vik', reverse: true, centre: 5, clip: true };

const shown = ({ window, norm, colorscale, reverse, centre, clip }) => ({
  window,
  norm,
  colorscale,
  reverse,
  centre,
  clip,
});

Deno.test('a dataset opens in the colours that it was left with', () => {
  const { remembered } = setUp();
  remembered.keep(reduce(open(remembered), { type: 'colors', change: CHANGE }));
  assert.deepEqual(shown(open(remembered)), CHANGE);
  assert.deepEqual(shown(open(remembered, '', { dataset: '/other' })).window, 'volume');
});

Deno.test('what a link says outranks that', () => {
  const { remembered } = setUp();
  remembered.keep(reduce(open(remembered), { type: 'colors', change: CHANGE }));
  const view = open(remembered, '?window=1,2&norm=log&colorscale=gray&centre=7&clip=0');
  const expected = { window: [1, 2], norm: 'log', colorscale: 'gray', reverse: false, centre: 7, clip: false };
  assert.deepEqual(shown(view), expected);
  assert.equal(open(remembered, '?reverse=0').reverse, false);
});

Deno.test('numbers of another type, part or meaning are left out', () => {
  const { remembered } = setUp();
  remembered.keep(reduce(open(remembered), { type: 'colors', change: CHANGE }));
  const other = open(remembered, '', { dtype: 'float32' });
  assert.deepEqual([other.window, other.centre, other.norm], ['volume', null, 'asinh']);
  assert.equal(open(remembered, '?decode=0').window, 'volume');
  assert.deepEqual(open(remembered, '?project=mean:9').window, [3, 9]);
  assert.equal(open(remembered, '?project=sum:9').window, 'volume');
  const { remembered: complex } = setUp();
  const phase = open(complex, '?part=phase', { dtype: 'complex64' });
  complex.keep(reduce(phase, { type: 'colors', change: CHANGE }));
  assert.deepEqual([open(complex, '', { dtype: 'complex64' })].map((v) => [v.window, v.norm]), [['volume', 'asinh']]);
});

Deno.test('a hundred datasets are remembered, those that were changed last', () => {
  const { remembered, kept } = setUp();
  for (let n = 0; n < 120; n += 1) {
    const view = open(remembered, '', { dataset: '/' + n });
    remembered.keep(reduce(view, { type: 'colors', change: CHANGE }));
  }
  assert.equal(JSON.parse(kept.text).length, 100);
  assert.equal(open(remembered, '', { dataset: '/19' }).norm, 'linear');
  assert.equal(open(remembered, '', { dataset: '/20' }).norm, 'asinh');
});

Deno.test('what the storage has is checked, and a page without one remembers nothing', () => {
  const odd = {
    file: 'a.h5',
    dataset: '/d',
    dtype: 'uint16',
    window: [9, 3],
    norm: 'cube',
    colorscale: 7,
    centre: '5',
  };
  for (const text of ['{', '3', 'null', JSON.stringify([null, odd])]) {
    assert.deepEqual(open(setUp(text).remembered).window, 'volume', text);
  }
  const none = createRememberedColors(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  none.keep(open(none));
  assert.equal(open(none).norm, 'linear');
});
