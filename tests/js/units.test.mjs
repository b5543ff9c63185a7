import assert from 'node:assert/strict';

import { displayUnit, metres, parseUnit, quantityText, symbolOf } from '../../assets/model/units.mjs';

Deno.test('units are known by symbol and by word', () => {
  for (const name of ['um', 'µm', 'μm', 'micron', 'Microns', 'micrometer', 'Micrometres']) {
    assert.equal(metres(name), 1e-6, name);
  }
  assert.equal(metres('Å'), 1e-10);
  assert.equal(metres('angstrom'), 1e-10);
  assert.equal(metres('s'), null);
  assert.deepEqual(parseUnit('keV'), { base: 'eV', factor: 1e3 });
  // Symbols mind their case: milli is not mega.
  assert.equal(parseUnit('mHz').factor, 1e-3);
  assert.equal(parseUnit('MHz').factor, 1e6);
  for (const name of ['', 'counts', 'mm/s', 'K', 'degrees_north']) assert.equal(parseUnit(name), null, name);
});

Deno.test('numbers that are hard to read get another prefix', () => {
  assert.deepEqual(displayUnit('m', 6.8e-6), { unit: 'µm', factor: 1e6 });
  assert.deepEqual(displayUnit('m', 0.0073), { unit: 'mm', factor: 1e3 });
  assert.deepEqual(displayUnit('eV', 12000), { unit: 'keV', factor: 1e-3 });
  assert.deepEqual(displayUnit('millimeter', 7.3), { unit: 'mm', factor: 1 });
  assert.deepEqual(displayUnit('counts', 1e9), { unit: 'counts', factor: 1 });
  assert.deepEqual(displayUnit('m', 0), { unit: 'm', factor: 1 });
  assert.equal(symbolOf('angstroms'), 'Å');
  assert.equal(symbolOf('degrees_north'), '°N');
  assert.equal(symbolOf('mm/s'), 'mm/s');
  assert.equal(quantityText(5e-9, 'm', 3), '5 nm');
});
