import assert from 'node:assert/strict';

import { createMonitorStore } from '../../../assets/ui/monitor/store.mjs';
import { createWall } from '../../../assets/ui/monitor/wall.mjs';
import { createFakeClock } from '../fake-clock.mjs';

function parts(search) {
  const location = { pathname: '/monitor', search };
  const entries = [search];
  const put = (address, isNew) => {
    const [, found] = address.split('/monitor');
    if (isNew) entries.push(found);
    else entries[entries.length - 1] = found;
    location.search = found;
  };
  const history = {
    pushState: (_state, _title, address) => put(address, true),
    replaceState: (_state, _title, address) => put(address, false),
  };
  const shown = [];
  const store = createMonitorStore({ onChange: (state) => shown.push(state.row), location, history });
  return { store, location, entries, shown };
}

Deno.test('each change makes an entry in the history, and Back undoes it', () => {
  const { store, location, entries, shown } = parts('?range=1h');
  assert.equal(store.current().range, '1h');
  store.change({ row: 'caches' });
  assert.deepEqual(entries, ['?range=1h', '?range=1h&row=caches']);
  location.search = '?range=1h';
  store.onPopState();
  assert.equal(store.current().row, 'latency');
  assert.deepEqual(shown, ['caches', 'latency']);
});

Deno.test('the wall shows one row after the other, in one entry of the history', async () => {
  globalThis.MutationObserver = class {
    observe() {}
  };
  globalThis.addEventListener ??= () => undefined;
  const { store, entries, shown } = parts('?wall=1');
  const clock = createFakeClock();
  const attributes = { 'data-mantine-color-scheme': 'light' };
  const classes = new Set();
  const root = {
    getAttribute: (name) => attributes[name],
    setAttribute: (name, value) => (attributes[name] = value),
    classList: { toggle: (name, on) => (on ? classes.add(name) : classes.delete(name)) },
  };
  const wall = createWall({ store, clock, root });
  wall.start();
  wall.show(store.current());
  assert.equal(attributes['data-mantine-color-scheme'], 'dark');
  assert.ok(classes.has('wall'));
  await clock.pass(19_000);
  assert.deepEqual(shown, []);
  await clock.pass(82_000);
  assert.deepEqual(shown, ['requests', 'caches', 'prefetch', 'machine', 'latency']);
  assert.equal(entries.length, 1);
});

Deno.test('without a wall no row is changed', async () => {
  const { store, shown } = parts('');
  const clock = createFakeClock();
  const root = { getAttribute: () => 'light', classList: { toggle: () => undefined } };
  const wall = createWall({ store, clock, root });
  wall.start();
  wall.show(store.current());
  await clock.pass(60_000);
  assert.deepEqual(shown, []);
});
