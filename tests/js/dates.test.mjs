import assert from 'node:assert/strict';

import { colorbarTicks } from '../../assets/model/colorbar.mjs';
import { boundText, createDates, datesOf, parseBound } from '../../assets/model/dates.mjs';
import { valueUnit } from '../../assets/model/meaning.mjs';

const DAYS = createDates('days since 2001-01-01', '');

Deno.test('dates have what tells them apart, and no more', () => {
  assert.deepEqual([0, 0.25, 0.5 + 5 / 86400, 59].map((value) => DAYS.text(value)), [
    '2001-01-01',
    '2001-01-01 06:00',
    '2001-01-01 12:00:05',
    '2001-03-01',
  ]);
  assert.deepEqual([400, 40, 2, 0.1, 1e-4, 1e-7].map((step) => DAYS.text(31.61, step)), [
    '2001',
    '2001-02',
    '2001-02-01',
    '2001-02-01 14:38',
    '2001-02-01 14:38:24',
    '2001-02-01 14:38:24.000',
  ]);
  // Rounded, not cut.
  assert.equal(DAYS.text(1 - 1e-9, 0.01), '2001-01-02 00:00');
  assert.deepEqual([NaN, Infinity, 1e12].map((value) => DAYS.text(value)), ['', '', '']);
});

Deno.test('integers that no double holds are exact', () => {
  const dates = createDates('nanoseconds since 1970-01-01', 'proleptic_gregorian');
  assert.equal(dates.text(1700000000123456789n), '2023-11-14 22:13:20.123456789');
  assert.equal(dates.text(-1n), '1969-12-31 23:59:59.999999999');
});

Deno.test('what is no time since a date in a known calendar has no dates', () => {
  const units = [
    'K',
    'days',
    'parsecs since 2001-01-01',
    'days since then',
    'days since 2001-02-29',
    'days since 2001',
  ];
  for (const unit of units) assert.equal(createDates(unit, ''), null, unit);
  assert.equal(createDates('days since 2001-01-01', 'none'), null);
  assert.equal(createDates('months since 2001-01-01', ''), null);
  assert.equal(createDates('months since 2001-01-01', '360_day').text(1.5), '2001-02-16');
});

Deno.test('ticks are round dates, whose texts leave out what all have', () => {
  const cases = [
    [0, 3653, ['2002', '2004', '2006', '2008', '2010'], ''],
    [0, 365, ['2001-01', '2001-04', '2001-07', '2001-10', '2002-01'], ''],
    [0, 40, ['01-01', '01-11', '01-21', '02-01'], '2001'],
    [-4, 3, ['12-29\n2000', '01-01\n2001', '01-03\n2001'], ''],
    [0.1, 0.9, ['04:00', '08:00', '12:00', '16:00', '20:00'], '2001-01-01'],
    [0.75, 1.5, [
      '18:00\n01-01',
      '21:00\n01-01',
      '00:00\n01-02',
      '03:00\n01-02',
      '06:00\n01-02',
      '09:00\n01-02',
      '12:00\n01-02',
    ], '2001'],
    [0, 12 / 86400, ['00:00:00', '00:00:02', '00:00:04', '00:00:06', '00:00:08', '00:00:10', '00:00:12'], '2001-01-01'],
    [0, 1.2 / 86400, ['00.0 s', '00.2 s', '00.4 s', '00.6 s', '00.8 s', '01.0 s', '01.2 s'], '2001-01-01 00:00'],
    [59, 59, ['03-01'], '2001'],
  ];
  for (const [lo, hi, texts, note] of cases) {
    const found = DAYS.ticks(lo, hi, 6);
    assert.deepEqual([found.texts, found.note], [texts, note], lo + ' to ' + hi);
    for (const value of found.values) assert.ok(value >= lo - 1e-9 && value <= hi + 1e-9);
    const back = found.values.map((value) => DAYS.text(value));
    assert.deepEqual(back.map((text) => DAYS.text(DAYS.value(text))), back);
  }
  assert.deepEqual(DAYS.ticks(NaN, 1, 6), { values: [], texts: [], note: '' });
});

Deno.test('any range has some ticks in it, and not many', () => {
  for (const calendar of ['standard', 'noleap', '360_day', 'julian']) {
    const dates = createDates('seconds since 1582-09-01', calendar);
    for (let power = -5; power < 13; power += 0.2) {
      const [lo, hi] = [-0.3, 1].map((share) => share * Math.pow(10, power));
      const { values, texts } = dates.ticks(lo, hi, 6);
      assert.ok(values.length >= 1 && values.length <= 13, calendar + ' ' + power + ': ' + texts);
      assert.equal(new Set(texts).size, texts.length, texts.join());
    }
  }
});

Deno.test('the ticks of the colour bar are dates where its values are', () => {
  const mapping = { lo: 0, hi: 40, norm: 'linear', empty: false, single: '' };
  assert.deepEqual(colorbarTicks(mapping, DAYS), {
    positions: [0, 0.25, 0.5, 0.775],
    texts: ['01-01', '01-11', '01-21', '02-01'],
    offset: '',
    note: '2001',
  });
  assert.deepEqual(colorbarTicks({ ...mapping, single: '0' }, DAYS).texts, ['01-01']);
  assert.deepEqual(colorbarTicks({ ...mapping, empty: true }, DAYS).texts, []);
});

/** @param {string} project @param {object} [value] */
function viewOf(project, value = {}) {
  const own = { unit: 'days since 2001-01-01', calendar: 'noleap', scale: 1, offset: 0, ...value };
  return { meaning: { value: own }, decode: false, project, kind: 'values', axis: 0, shape: [5, 6, 7] };
}

Deno.test('means and extremes of dates are dates; a deviation is a time, and a sum has no unit', () => {
  const found = ['', 'mean:3', 'max:3', 'sd:3', 'sum:3'].map((project) => {
    const view = viewOf(project);
    return [datesOf(view)?.text(59) ?? null, valueUnit(view)];
  });
  const since = 'days since 2001-01-01';
  assert.deepEqual(found, [['2001-03-01', since], ['2001-03-01', since], ['2001-03-01', since], [null, 'days'], [
    null,
    '',
  ]]);
  assert.equal(datesOf(viewOf('', { scale: 2 })), null);
  assert.equal(datesOf({ ...viewOf('', { scale: 2 }), decode: true }).text(0), '2001-01-01');
});

Deno.test('bounds of a window are typed as dates or numbers', () => {
  const view = viewOf('');
  assert.equal(boundText(view, 59.25, 0, 100), '2001-03-01 06:00');
  assert.deepEqual(
    ['2001-03-01 06:00', '2001-03-01T06:00', ' 2001-03 ', '59.25', '−3'].map((text) => parseBound(view, text)),
    [
      59.25,
      59.25,
      59,
      59.25,
      -3,
    ],
  );
  for (const text of ['', 'soon', '2001-02-30', '2001-13-01', '2001-01-01 25:00', '2001-01-01 and more']) {
    assert.ok(Number.isNaN(parseBound(view, text)), text);
  }
  const plain = viewOf('', { unit: 'K' });
  assert.deepEqual([boundText(plain, 59.25, 0, 100), parseBound(plain, '1e3')], ['59.25', 1000]);
  assert.ok(Number.isNaN(parseBound(plain, '2001-03-01')));
});
