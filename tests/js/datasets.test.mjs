import assert from 'node:assert/strict';

import { createDatasets } from '../../assets/data/datasets.mjs';
import { createFakeClock } from './fake-clock.mjs';

const record = (dataset, browsable, shape) => ({ dataset, browsable, shape, dtype: 'uint16' });

const LISTS = {
  'a.h5': [
    record('/large', true, [9, 9, 9]),
    record('/entry/notes', false, []),
    record('/entry/table', true, [9, 2]),
    record('/entry/deep/volume', true, [5, 6, 7]),
    record('/entry2/volume', true, [5, 6, 7]),
    record('/texts/title', false, []),
  ],
};

function setUp() {
  const api = {
    json: () => Promise.resolve({ files: [{ file: 'a.h5' }] }),
    listing: (file, dataset) => {
      const all = LISTS[file];
      const datasets = dataset === undefined ? all : all.filter((one) => one.dataset === dataset);
      return Promise.resolve({ datasets, complete: true, version: 'v' });
    },
  };
  return createDatasets(api, () => undefined, () => undefined, createFakeClock());
}

const messageOf = (promise) => promise.then(() => '', ({ message }) => message);

Deno.test('a link to a group says so, and a dataset in it is offered', async () => {
  const datasets = setUp();
  for (const dataset of ['/entry', 'entry', '/entry/']) {
    const message = await messageOf(datasets.findTarget({ file: 'a.h5', dataset }));
    assert.match(message, /^\/entry\/? of a\.h5 is a group; choose a dataset in it\.$/);
    assert.deepEqual(await datasets.alternative('a.h5', dataset), { file: 'a.h5', dataset: '/entry/deep/volume' });
  }
  assert.match(await messageOf(datasets.findTarget({ file: 'a.h5', dataset: '/' })), /^\/ of a\.h5 is a group/);
});

Deno.test('where nothing in the group can be shown, another dataset of the file is offered', async () => {
  const datasets = setUp();
  assert.match(await messageOf(datasets.findTarget({ file: 'a.h5', dataset: '/texts' })), /is a group/);
  assert.deepEqual(await datasets.alternative('a.h5', '/texts'), { file: 'a.h5', dataset: '/large' });
});

Deno.test('a file opens with its main dataset, whatever is shown of that', async () => {
  const datasets = createDatasets(
    {
      json: () => Promise.resolve({ files: [{ file: 'a.h5' }] }),
      listing: () =>
        Promise.resolve({
          datasets: ['/readme', '/plot/counts'].map((name) => ({ ...record(name, false, [7]), view: 'curve' })),
          complete: true,
          version: 'v',
          main: '/plot/counts',
        }),
    },
    () => undefined,
    () => undefined,
    createFakeClock(),
  );
  assert.deepEqual(await datasets.alternative(null, null), { file: 'a.h5', dataset: '/plot/counts' });
});

Deno.test('a link to nothing says that there is none', async () => {
  const datasets = setUp();
  for (const dataset of ['/ent', '/large/x']) {
    const message = await messageOf(datasets.findTarget({ file: 'a.h5', dataset }));
    assert.equal(message, 'a.h5 has no dataset ' + dataset + '.');
  }
});

Deno.test('while a file is read again its list of before is shown, and is not what is opened', async () => {
  const lists = [[record('/x', true, [1, 2, 3])], [record('/x', true, [4, 5, 6])]];
  let answers = [];
  const datasets = createDatasets(
    {
      json: () => Promise.resolve({ files: [{ file: 'a.h5' }] }),
      listing: () => new Promise((resolve) => answers.push(resolve)),
    },
    () => undefined,
    () => undefined,
    createFakeClock(),
  );
  const answer = (list) => {
    answers.forEach((resolve) => resolve({ datasets: list, complete: true, version: 'v' }));
    answers = [];
  };
  const first = datasets.loadFile('a.h5');
  answer(lists[0]);
  await first;
  datasets.invalidate('a.h5');
  assert.equal(datasets.version('a.h5'), null);
  const again = datasets.findTarget({ file: 'a.h5', dataset: '/x' });
  assert.deepEqual(datasets.known('a.h5').list, lists[0]);
  assert.equal(answers.length, 2, 'the list, and the dataset');
  answer(lists[1]);
  assert.deepEqual((await again).record.shape, [4, 5, 6]);
  assert.deepEqual(datasets.known('a.h5').list, lists[1]);
});

Deno.test('where there are no pictures, what has rows is opened', async () => {
  const table = { ...record('/table', false, [9]), view: 'table' };
  const lists = { 'a.h5': [record('/note', false, []), table], 'b.h5': [record('/plane', true, [3, 4])] };
  const make = (files) =>
    createDatasets(
      {
        json: () => Promise.resolve({ files: files.map((file) => ({ file })) }),
        listing: (file) => Promise.resolve({ datasets: lists[file], complete: true, version: 'v' }),
      },
      () => undefined,
      () => undefined,
      createFakeClock(),
    );
  const target = (files, file = null) => make(files).findTarget({ file, dataset: null });
  assert.equal((await target(['a.h5'])).record.dataset, '/table');
  assert.equal((await target(['a.h5', 'b.h5'])).record.dataset, '/plane');
  assert.equal((await target(['a.h5', 'b.h5'], 'a.h5')).record.dataset, '/table');
});

Deno.test('lists of more files are read one after another, as long as they are wanted', async () => {
  const asked = [];
  const listing = (file) => {
    asked.push(file);
    return file === 'b.h5'
      ? Promise.reject(new Error('damaged'))
      : Promise.resolve({ datasets: [], complete: true, version: 'v' });
  };
  const datasets = createDatasets(
    { json: () => Promise.resolve({ files: [] }), listing },
    () => undefined,
    () => undefined,
  );
  await datasets.loadAll(['a.h5', 'b.h5', 'c.h5', 'd.h5'], () => asked.length < 3);
  assert.deepEqual(asked, ['a.h5', 'b.h5', 'c.h5']);
  assert.equal(datasets.known('b.h5').error, 'damaged');
});

Deno.test('an object is asked for once, until its file is read again or the question failed', async () => {
  let asked = 0;
  let fails = false;
  const api = {
    json: () => {
      asked += 1;
      return fails ? Promise.reject(new Error('away')) : Promise.resolve({ path: '/x', meaning: { kind: 'mask' } });
    },
    listing: () => Promise.resolve({ datasets: [], complete: true, version: 'v' }),
  };
  const datasets = createDatasets(api, () => undefined, () => undefined, createFakeClock());
  await datasets.node('a.h5', '/x');
  assert.equal((await datasets.node('a.h5', '/x')).meaning.kind, 'mask');
  assert.equal(asked, 1);
  datasets.invalidate('b.h5');
  await datasets.node('a.h5', '/x');
  assert.equal(asked, 1);
  datasets.invalidate('a.h5');
  await datasets.node('a.h5', '/x');
  assert.equal(asked, 2);
  fails = true;
  assert.equal(await messageOf(datasets.node('a.h5', '/y')), 'away');
  fails = false;
  assert.equal((await datasets.node('a.h5', '/y')).path, '/x');
  assert.equal(asked, 4);
});
