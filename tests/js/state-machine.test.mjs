import assert from 'node:assert/strict';

import { createStateMachine, INITIAL, transition } from '../../assets/render/state-machine.mjs';

const after = (...events) => events.reduce((state, event) => transition(state, event), INITIAL);
const move = { type: 'move', at: 5 };
const load = { type: 'load', at: 5 };
const painted = { type: 'painted', painted: { frameSetKey: 's', index: 3, step: 2 } };
const drawn = { type: 'drawn', drawn: { key: 'k', request: {}, cells: {}, mapping: { lo: 0 } } };

Deno.test('each phase leads where the table says', () => {
  const cases = [
    [[], 'rest'],
    [[load], 'settling'],
    [[load, drawn], 'settling'],
    [[load, drawn, { type: 'rest' }], 'rest'],
    [[load, drawn, { type: 'rest' }, move], 'moving'],
    [[move, painted, { type: 'recolor' }], 'moving'],
    [[move, painted, { type: 'settle' }], 'settling'],
    [[move, painted, { type: 'settle' }, move], 'moving'],
    [[move, painted, { type: 'settle' }, drawn, { type: 'rest' }], 'rest'],
    [[load, drawn, { type: 'rest' }, { type: 'recolor' }], 'settling'],
    [[load, { type: 'halt' }], 'rest'],
    [[load, { type: 'halt' }, { type: 'fail' }], 'failed'],
    [[load, { type: 'fail' }, load], 'settling'],
    [[load, { type: 'fail' }, { type: 'rest' }], 'rest'],
  ];
  for (const [events, phase] of cases) assert.equal(after(...events).phase, phase, JSON.stringify(events));
});

Deno.test('work of an earlier revision is stale after a request, other colours and a halt', () => {
  const state = after(load);
  for (const event of [move, load, { type: 'recolor' }, { type: 'halt' }]) {
    assert.notEqual(transition(state, event).revision, state.revision, event.type);
  }
  for (const event of [painted, drawn, { type: 'settle' }, { type: 'rest' }, { type: 'fail' }]) {
    assert.equal(transition(state, event).revision, state.revision, event.type);
  }
});

Deno.test('a movement begins its rest anew with each request, and other colours do not', () => {
  const state = after(move);
  assert.equal(transition(state, { type: 'move', at: 90 }).requestedAt, 90);
  assert.equal(transition(state, { type: 'recolor' }).requestedAt, 5);
});

Deno.test('the canvas covers the heatmap from the first painted slice until it is uncovered', () => {
  const moving = after(load, drawn, { type: 'rest' }, move);
  assert.deepEqual([moving.covered, moving.painted], [false, null]);
  const shown = transition(moving, painted);
  assert.deepEqual([shown.covered, shown.painted], [true, painted.painted]);
  const outdated = transition(shown, { type: 'outdated' });
  assert.deepEqual([outdated.covered, outdated.painted], [true, null]);
  const uncovered = transition(shown, { type: 'uncovered' });
  assert.deepEqual([uncovered.covered, uncovered.painted], [false, null]);
});

Deno.test('a heatmap that could not be drawn is broken until the next one is', () => {
  const broken = after(load, drawn, { type: 'broken' });
  assert.equal(broken.drawn.broken, true);
  assert.equal(transition(broken, drawn).drawn.broken, false);
  assert.equal(after({ type: 'broken' }).drawn, null);
});

Deno.test('other colours keep the values that are drawn', () => {
  const before = after(load, drawn);
  const state = transition(before, { type: 'recolored', mapping: { lo: 7 } });
  assert.deepEqual([state.drawn.cells === before.drawn.cells, state.drawn.mapping.lo], [true, 7]);
});

Deno.test('states are frozen, and an unknown event is an error', () => {
  const state = after(load, drawn);
  assert.throws(() => {
    state.phase = 'rest';
  }, TypeError);
  assert.throws(() => {
    state.drawn.mapping = null;
  }, TypeError);
  assert.throws(() => transition(state, { type: 'nothing' }), /no such event: nothing/);
});

Deno.test('another phase is reported once', () => {
  const phases = [];
  const { send, state } = createStateMachine((phase) => phases.push(phase));
  send('move', { at: 1 });
  send('move', { at: 2 });
  send('settle');
  send('rest');
  assert.deepEqual(phases, ['moving', 'settling', 'rest']);
  assert.equal(state().revision, 2);
});
