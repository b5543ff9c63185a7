import assert from 'node:assert/strict';

import { createPanelScheduler } from '../../assets/ui/panel-scheduler.mjs';

function setUp(text = (props) => props.x) {
  const state = { now: 10000, moving: false, thrown: 0 };
  const hidden = new Set();
  const shown = [];
  const jobs = [];
  const scheduler = createPanelScheduler({
    show: (id, props) => shown.push([id + text(props), state.now]),
    isIdle: () => !state.moving,
    isVisible: (id) => !hidden.has(id),
    clock: { now: () => state.now, later: (job, ms) => jobs.push({ job, at: state.now + ms }) },
  });
  // One task: the first timer that is due by `end`. Says whether there was one.
  const task = (end) => {
    jobs.sort((a, b) => a.at - b.at);
    if (!jobs.length || jobs[0].at > end) return false;
    const { job, at } = jobs.shift();
    state.now = Math.max(state.now, at);
    const before = shown.length;
    try {
      job();
    } catch {
      state.thrown += 1;
    }
    assert.ok(shown.length <= before + 1, 'two parts in one task');
    return true;
  };
  const pass = (ms) => {
    const end = state.now + ms;
    while (task(end));
    state.now = end;
  };
  return { state, hidden, shown, jobs, scheduler, pass, names: () => shown.map(([name]) => name) };
}

const parts = (x, ids = 'abc') => Object.fromEntries([...ids].map((id) => [id, { x }]));

Deno.test('parts are shown one in each task and apart', () => {
  const { scheduler, shown, jobs, pass } = setUp();
  scheduler.enqueue(parts(1));
  assert.equal(shown.length, 0);
  pass(1000);
  assert.deepEqual(shown, [['a1', 10000], ['b1', 10050], ['c1', 10100]]);
  assert.equal(jobs.length, 0);
});

Deno.test('what is shown already is not shown again', () => {
  const { scheduler, pass, names } = setUp();
  scheduler.enqueue(parts(1, 'ab'));
  pass(1000);
  scheduler.enqueue({ a: { x: 1 }, b: { x: 2 } });
  pass(1000);
  assert.deepEqual(names(), ['a1', 'b1', 'b2']);
});

Deno.test('a part that is back as it was is not shown', () => {
  const { state, scheduler, pass, names } = setUp();
  scheduler.enqueue(parts(1, 'a'));
  pass(1000);
  state.moving = true;
  scheduler.enqueue(parts(2, 'a'));
  scheduler.enqueue(parts(1, 'a'));
  state.moving = false;
  pass(1000);
  assert.deepEqual(names(), ['a1']);
});

Deno.test('in a movement parts are put off and then come right after slices', () => {
  // Figures come every 2 s and slices every 33 ms; each part is shown within 2.5 s of the last time.
  const { state, scheduler, shown, pass } = setUp();
  scheduler.enqueue(parts(0));
  pass(500);
  state.moving = true;
  const slices = new Set();
  for (let i = 0; i < 300; i += 1) {
    if (i % 60 === 0) scheduler.enqueue(parts(1 + i / 60));
    scheduler.onPainted();
    slices.add(state.now);
    pass(33);
  }
  const gaps = (times) => times.slice(1).map((at, i) => at - times[i]);
  assert.ok(Math.min(...gaps(shown.map(([, at]) => at))) >= 50);
  for (const part of 'abc') {
    const times = shown.filter(([name]) => name[0] === part).map(([, at]) => at);
    assert.ok(times.length >= 4);
    assert.ok(gaps(times).every((ms) => ms >= 2500 && ms <= 2800));
    assert.ok(times.slice(1).every((at) => slices.has(at)));
  }
  // The newest figures, not those that had to wait.
  const named = shown.map(([name]) => name).filter((name) => name[0] === 'a');
  assert.deepEqual(named, ['a0', 'a2', 'a3', 'a4', 'a5']);
});

Deno.test('where no slice is painted parts come all the same', () => {
  const { state, scheduler, pass, names } = setUp();
  scheduler.enqueue(parts(1, 'a'));
  pass(0);
  state.moving = true;
  scheduler.enqueue(parts(2, 'a'));
  pass(2590);
  assert.deepEqual(names(), ['a1']);
  pass(110);
  assert.deepEqual(names(), ['a1', 'a2']);
});

Deno.test('after a movement all parts are shown at once', () => {
  const { state, scheduler, pass, names } = setUp();
  scheduler.enqueue(parts(1, 'ab'));
  pass(500);
  state.moving = true;
  scheduler.enqueue(parts(2, 'ab'));
  pass(900);
  assert.deepEqual(names(), ['a1', 'b1']);
  state.moving = false;
  pass(200);
  assert.deepEqual(names(), ['a1', 'b1', 'a2', 'b2']);
});

Deno.test('a part that is not visible waits until it is', () => {
  const { hidden, scheduler, jobs, pass, names } = setUp();
  hidden.add('a');
  scheduler.enqueue(parts(1, 'ab'));
  pass(5000);
  scheduler.enqueue(parts(2, 'a'));
  pass(5000);
  assert.deepEqual([names(), jobs.length], [['b1'], 0]);
  hidden.clear();
  scheduler.schedule();
  pass(0);
  assert.deepEqual(names(), ['b1', 'a2']);
});

Deno.test('a part that throws does not hold up the others', () => {
  const { state, scheduler, pass, names } = setUp((props) => props.x.y);
  scheduler.enqueue({ a: {}, b: { x: { y: 1 } }, c: { x: { y: 2 } } });
  pass(1000);
  assert.deepEqual([names(), state.thrown], [['b1', 'c2'], 1]);
});
