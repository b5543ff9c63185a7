import assert from 'node:assert/strict';

import { createEchoFilter } from '../../assets/ui/echo-filter.mjs';
import { createFakeClock } from './fake-clock.mjs';

Deno.test("an echo of Dash is never taken for the user's doing, however late", async () => {
  const clock = createFakeClock();
  const filter = createEchoFilter({ isBeingEdited: () => false, clock });
  assert.ok(filter.write('dial', 'value', 20));
  assert.ok(filter.write('dial', 'value', 129));
  assert.ok(!filter.write('dial', 'value', 129));
  await clock.pass(5000);
  const areUsers = (values) => values.map((value) => filter.isUserChange('dial', value));
  assert.deepEqual(areUsers([20, 129]), [false, false]);
  assert.deepEqual(areUsers([20, 20, 129]), [true, false, true]);
});

Deno.test('what is typed into a control is the user’s, though the page wrote the same', () => {
  const filter = createEchoFilter({ isBeingEdited: (id) => id === 'field', clock: createFakeClock() });
  filter.write('field', 'value', 5);
  assert.ok(filter.isUserChange('field', 5));
});

Deno.test('what was typed is the user’s once, though the field has been left and the page wrote the same before', () => {
  const typed = new Set(['field']);
  const filter = createEchoFilter({
    isBeingEdited: () => false,
    wasTyped: (id) => typed.delete(id),
    clock: createFakeClock(),
  });
  filter.write('field', 'value', 4);
  assert.ok(filter.isUserChange('field', 4));
  assert.ok(!filter.isUserChange('field', 4));
});

Deno.test('what a control had before the page wrote another value is not the user’s, unless the user was there', async () => {
  const clock = createFakeClock();
  let touched = 0;
  const filter = createEchoFilter({ isBeingEdited: () => false, touchedAt: () => touched, clock });
  await clock.pass(10);
  // Another dataset is shown, and left again at once.
  filter.write('axis', 'value', '2');
  assert.ok(!filter.isUserChange('axis', '2'));
  filter.write('axis', 'value', '0');
  assert.deepEqual(['2', '0', '2'].map((value) => filter.isUserChange('axis', value)), [false, false, false]);
  assert.ok(filter.isUserChange('axis', '1'));
  await clock.pass(10);
  touched = clock.now();
  assert.ok(filter.isUserChange('axis', '2'));
});
