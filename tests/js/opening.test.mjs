import assert from 'node:assert/strict';

import { createVersions } from '../../assets/data/versions.mjs';
import { createViewStore } from '../../assets/model/view-store.mjs';
import { createOpening } from '../../assets/ui/opening.mjs';
import { createFakeClock, settled } from './fake-clock.mjs';

/* Opening, with lookups that a test answers: `answer(shape)`, `refuse(error)`. */
function setUp() {
  const clock = createFakeClock();
  const store = createViewStore();
  const log = [];
  const lookups = [];
  const cleared = [];
  const versions = createVersions(() => undefined);
  const none = () => undefined;
  const opening = createOpening({
    clock,
    store,
    versions,
    remembered: { of: () => ({}) },
    bridge: { clear: none },
    datasets: {
      version: () => null,
      sizeOf: () => null,
      invalidate: none,
      alternative: (file) => Promise.resolve(file && { file, dataset: '/other' }),
      findTarget: ({ dataset }) =>
        new Promise((resolve, reject) => {
          log.push('? ' + dataset);
          lookups.push({ dataset, resolve, reject });
        }),
    },
    picture: { halt: none, fail: () => log.push('fail'), dropFrames: none, scheduleHeatmap: none },
    newest: { isOn: () => false, stop: none },
    player: { stop: none },
    status: {
      clear: none,
      clearNote: (kind = 'any') => void cleared.push(kind),
      busy: none,
      isFailing: () => true,
      note: (text) => log.push('note ' + text),
      failed: ({ message }, { retry }) => log.push('! ' + message + (retry ? ' (again)' : '')),
      offer: ({ dataset }) => log.push('offer ' + dataset),
    },
    tree: { reload: () => Promise.resolve(), reveal: none },
    seen: () => store.current(),
    on: {
      found: ({ view }, history) => {
        store.replace(view);
        log.push('= ' + view.dataset + ' ' + view.shape + ' ' + history);
        opening.onRequest();
      },
      rows: ({ record }, history) => log.push('rows ' + record.dataset + ' ' + history),
      failed: none,
      refresh: none,
    },
  });
  const answer = async (shape, nth = -1, more = {}, meaning = null) => {
    const { dataset, resolve } = lookups.at(nth);
    resolve({ file: 'a.h5', record: { dataset, browsable: true, shape, dtype: 'uint8', ...more }, meaning });
    await settled();
  };
  const refuse = async (error) => {
    lookups.at(-1).reject(error);
    await settled();
  };
  const open = async () => {
    opening.open({ file: 'a.h5', dataset: '/d' });
    await answer([9, 9, 9]);
    versions.check(store.current().generation, 'v1');
    log.length = 0;
  };
  return { clock, store, log, cleared, opening, answer, refuse, open };
}

Deno.test('the newest lookup wins', async () => {
  const { log, opening, answer } = setUp();
  opening.open({ file: 'a.h5', dataset: '/d' });
  opening.open({ file: 'a.h5', dataset: '/e' });
  assert.ok(opening.isLookingUp());
  await answer([5, 5, 5], 0);
  await answer([6, 6, 6], 1);
  assert.deepEqual(log, ['? /d', '? /e', '= /e 6,6,6 push']);
  assert.ok(!opening.isLookingUp());
});

Deno.test('a file that has changed is read again, at most once a second', async () => {
  const { clock, store, log, opening, answer, open } = setUp();
  await open();
  const change = async (version) => {
    opening.onVersionChange(store.current().generation, version);
    await settled();
  };
  await change('v2');
  await answer([8, 9, 9]);
  assert.equal(log[2], '= /d 8,9,9 undefined');
  log.length = 0;
  await change('v3');
  assert.deepEqual(log, ['note This file changed on disk.']);
  await clock.pass(999);
  assert.equal(log.length, 1);
  await clock.pass(1);
  assert.equal(log[1], '? /d');
});

Deno.test('a user who cancels that stays with the old picture until another one is requested', async () => {
  const { store, log, opening, open } = setUp();
  await open();
  const { generation } = store.current();
  opening.onVersionChange(generation, 'v2');
  assert.ok(opening.cancel());
  log.length = 0;
  opening.onVersionChange(generation, 'v2');
  assert.deepEqual(log, []);
  opening.onRequest();
  opening.onVersionChange(generation, 'v2');
  assert.deepEqual(log, ['note This file changed on disk.']);
});

Deno.test('a failure says what is wrong and offers another dataset of the file', async () => {
  const { log, opening, refuse } = setUp();
  opening.open({ file: 'a.h5', dataset: '/d' });
  await refuse(Object.assign(new Error('a.h5 is gone.'), { status: 404 }));
  assert.deepEqual(log, ['? /d', 'fail', '! a.h5 is gone. (again)', 'offer /other']);
  opening.open({ file: 'a.h5', dataset: '/d' });
  await refuse(new Error('a.h5 has no dataset /d.'));
  assert.deepEqual(log.slice(4), ['? /d', 'fail', '! a.h5 has no dataset /d.', 'offer /other']);
});

Deno.test('what is missing is opened again when it answers', async () => {
  const { clock, store, log, opening, answer, refuse, open } = setUp();
  await open();
  opening.onRefused(Object.assign(new Error('gone'), { status: 404 }), store.current());
  await settled();
  await refuse(Object.assign(new Error('gone'), { status: 404 }));
  log.length = 0;
  opening.onHeartbeat(null);
  await clock.pass(1000);
  await answer([9, 9, 9]);
  assert.deepEqual(log, ['? /d', '= /d 9,9,9 undefined']);
});

Deno.test('a table opens as rows, and replaces a picture whose file has changed', async () => {
  const { opening, answer, log, open, clock } = setUp();
  opening.open({ file: 'a.h5', dataset: '/table' });
  await answer([9], -1, { browsable: false, view: 'table' });
  assert.deepEqual(log, ['? /table', 'rows /table push']);
  await open();
  const reading = opening.readAgain();
  clock.pass?.(1000);
  await settled();
  await answer([9], -1, { browsable: false, view: 'curve' });
  await reading;
  assert.equal(log.at(-1), 'rows /d none');
});

Deno.test('what a dataset means is of the view, also when the file is read again', async () => {
  const { store, opening, answer } = setUp();
  const axis = { name: '', unit: '', coordinates: null };
  const meaning = {
    kind: 'labels',
    axes: [axis, axis, axis],
    index: [4, null, null],
    rows: 1,
    columns: 2,
    channels: null,
    suggested: {},
    value: { unit: '', decoded_dtype: null },
  };
  opening.open({ file: 'a.h5', dataset: '/d' });
  await answer([9, 9, 9], -1, {}, meaning);
  assert.equal(store.current().meaning.kind, 'labels');
  opening.readAgain();
  await settled();
  await answer([12, 9, 9], -1, {}, { ...meaning, kind: 'mask' });
  assert.equal(store.current().meaning.kind, 'mask');
});

Deno.test('what was said of a picture is not said of rows in its place', async () => {
  const { store, cleared, opening, answer, open } = setUp();
  await open();
  cleared.length = 0;
  opening.onRefused({ status: 422, message: 'one dimension' }, { generation: store.current().generation });
  await settled();
  await answer([9], -1, { browsable: false });
  assert.deepEqual(cleared, ['away']);
  opening.open({ file: 'a.h5', dataset: '/table' });
  await answer([9], -1, { browsable: false });
  assert.deepEqual(cleared, ['away', 'any']);
});
