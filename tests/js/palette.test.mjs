import assert from 'node:assert/strict';

import { KEYS } from '../../assets/model/keys.mjs';
import { found, rankedActions } from '../../assets/model/palette.mjs';
import { createActions } from '../../assets/ui/actions.mjs';

const run = () => undefined;
const ACTIONS = [
  ['Slice', 'Next slice'],
  ['Colours', 'Colour scale: magma'],
  ['Export', 'Values in view: TIFF'],
  ['Tools', 'Line profile'],
].map(([group, title]) => ({ group, title, run }));

const FILES = ['run/scan.h5', 'run/other.h5'].map((file) => ({ file, size: 1, modified: 0 }));
const LISTS = {
  'run/scan.h5': {
    list: [{ dataset: '/entry/magma', shape: [3, 4, 5], dtype: 'uint8', browsable: true, stored_bytes: 9, reason: '' }],
    error: null,
  },
};
const search = (text) => found(text, ACTIONS, FILES, (file) => LISTS[file]);
const named = (entry) =>
  entry.kind === 'action'
    ? entry.action.title
    : entry.kind === 'unread'
    ? 'unread ' + entry.files
    : entry.file + ' ' + entry.dataset;

Deno.test('actions are found by words, groups and letters, the best first', () => {
  const titles = (text) => rankedActions(text, ACTIONS).map(({ action }) => action.title);
  assert.equal(titles('next')[0], 'Next slice');
  assert.equal(titles('tools line')[0], 'Line profile');
  assert.equal(titles('nxtsl')[0], 'Next slice');
  assert.deepEqual(titles('next magma'), []);
  assert.equal(titles('').length, 4);
});

Deno.test('without a text there are actions alone', () => {
  assert.deepEqual(search('').map(named), ACTIONS.map(({ title }) => title));
});

Deno.test('files and datasets are found as well', () => {
  const unread = 'unread run/other.h5';
  assert.deepEqual(search('magma').map(named), ['run/scan.h5 /entry/magma', 'Colour scale: magma', unread]);
  assert.deepEqual(search('other').map(named), ['run/other.h5 null', unread]);
  assert.deepEqual(search('nothing of this').map(named), [unread]);
});

Deno.test('modules add sources of actions, which are asked each time', () => {
  const actions = createActions();
  let on = false;
  actions.add(() => [{ group: 'A', title: on ? 'Off' : 'On', run }]);
  actions.add(() => (on ? [{ group: 'B', title: 'More', run }] : []));
  assert.deepEqual(actions.all().map(({ title }) => title), ['On']);
  on = true;
  assert.deepEqual(actions.all().map(({ title }) => title), ['Off', 'More']);
});

Deno.test('each key is described once in its group', () => {
  for (const { title, keys } of KEYS) {
    assert.equal(new Set(keys.map(([key]) => key)).size, keys.length, title);
    assert.ok(keys.every(([key, text]) => key && text), title);
  }
});
