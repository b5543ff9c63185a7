import assert from 'node:assert/strict';

import { createNewest } from '../../assets/ui/newest.mjs';

function setUp() {
  const pressed = [];
  globalThis.document = { getElementById: () => ({ setAttribute: (_, value) => pressed.push(value) }) };
  const state = { view: { axis: 0, shape: [10, 4, 4], position: [3, 0, 0] } };
  const goToEnd = () => {
    state.view.position[0] = state.view.shape[0] - 1;
    newest.onMoved();
  };
  const newest = createNewest({ store: { current: () => state.view }, goToEnd });
  return { newest, state, pressed, goToEnd };
}

Deno.test('who follows a growing dataset stays at its end until the view moves elsewhere', () => {
  const { newest, state, pressed, goToEnd } = setUp();
  newest.toggle();
  assert.equal(state.view.position[0], 9);
  state.view.shape[0] = 12;
  goToEnd();
  assert.ok(newest.isOn());
  state.view.position[0] = 5;
  newest.onMoved();
  assert.ok(!newest.isOn());
  assert.deepEqual(pressed, ['true', 'false']);
});

Deno.test('the toggle ends what it began, and needs a dataset', () => {
  const { newest, state } = setUp();
  newest.toggle();
  newest.toggle();
  assert.ok(!newest.isOn());
  state.view = null;
  newest.toggle();
  assert.ok(!newest.isOn());
});
