import assert from 'node:assert/strict';

import { createRecent } from '../../assets/data/recent.mjs';
import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { createActions } from '../../assets/ui/actions.mjs';
import { createLeftOff } from '../../assets/ui/left-off.mjs';

function viewOf(file, link = '') {
  const record = { dataset: '/d', shape: [10, 20, 30], dtype: 'uint16' };
  return createView({ file, listed: 'v1', generation: 1, record }, parseLink(link), null, false).view;
}

function setUp() {
  const kept = { text: null };
  const recent = createRecent(() => ({ getItem: () => kept.text, setItem: (_, text) => kept.text = text }));
  const [noted, shown] = [[], []];
  const actions = createActions();
  const leftOff = createLeftOff({
    recent,
    actions,
    status: { note: (text, _, __, act) => noted.push({ text, act }), clearNote: () => noted.push(null) },
    show: (link) => shown.push(link),
  });
  const left = viewOf('a.h5', '?index=7&tools=point:4,5&compare=a.h5|/e');
  recent.add({ file: 'a.h5', dataset: '/d', link: formatLink(left) });
  return { recent, noted, shown, actions, leftOff, left };
}

Deno.test('how a file was left is offered when it is opened, and shown on request alone', () => {
  const { noted, shown, actions, leftOff, left } = setUp();
  leftOff.opened(viewOf('a.h5'), null);
  assert.equal(noted[0].text, 'This file was left at slice 7 of /d.');
  assert.deepEqual(shown, []);
  const [action] = actions.all();
  leftOff.moved();
  action.run();
  assert.deepEqual(shown, [formatLink(left)]);
  assert.deepEqual(actions.all(), []);
});

Deno.test('nothing is offered for a link, for another dataset of the file, or where it is as it was left', () => {
  const { noted, actions, leftOff, left } = setUp();
  leftOff.opened(viewOf('a.h5', '?index=2'));
  leftOff.opened(viewOf('a.h5'), '/d');
  leftOff.opened(viewOf('b.h5'), null);
  leftOff.opened(left, null);
  assert.deepEqual([noted, actions.all()], [[], []]);
});

Deno.test('where something else is said the palette has it all the same', () => {
  const { noted, actions, leftOff } = setUp();
  leftOff.opened(viewOf('a.h5'), null, true);
  assert.deepEqual(noted, []);
  assert.equal(actions.all().length, 1);
});
