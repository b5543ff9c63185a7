import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { createViewHistory, shownAgain } from '../../assets/model/view-history.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce } from '../../assets/model/view.mjs';

function viewOf(link = '', record = {}, generation = 1) {
  const found = {
    file: 'a.h5',
    listed: 'v1',
    generation,
    record: Object.assign({ dataset: '/d', shape: [10, 20, 30], dtype: 'uint16' }, record),
  };
  return createView(found, parseLink(link), null, false).view;
}

/** A history of views that actions made, one every `ms`. */
function historyOf(actions, ms = 5000, options = {}) {
  const history = createViewHistory(options);
  const views = actions.reduce((all, action) => [...all, reduce(all.at(-1), action)], [viewOf('?index=2')]);
  views.forEach((view, i) => history.note(view, i * ms));
  return { history, views };
}

const step = { type: 'step', by: 1 };
const flip = { type: 'flip', side: 'rows' };
const colors = (colorscale) => ({ type: 'colors', change: { colorscale } });

Deno.test('changes are undone one by one, and done again', () => {
  const { history, views } = historyOf([flip, colors('magma')]);
  assert.equal(history.undo(), views[1]);
  assert.equal(history.undo(), views[0]);
  assert.equal(history.undo(), null);
  assert.equal(history.redo(), views[1]);
  assert.equal(history.redo(), views[2]);
  assert.equal(history.redo(), null);
});

Deno.test('a run of slices is one entry, and a pause or another change ends it', () => {
  const { history, views } = historyOf([step, step, step, flip, step, step], 100);
  assert.equal(history.undo(), views[4]);
  assert.equal(history.undo(), views[3]);
  assert.equal(history.undo(), views[0]);
  const slow = historyOf([step, step], 5000);
  assert.equal(slow.history.undo(), slow.views[1]);
});

Deno.test('each shape that is drawn or removed is undone by itself, and a run of moves at once', () => {
  const tools = (...points) => ({ type: 'tools', tools: points.map((at) => '1,2/point:' + at).join(';') });
  const drawn = [tools('1,1'), tools('1,1', '2,2'), tools('1,1', '2,3'), tools('1,1', '2,4'), tools('1,1')];
  const { history, views } = historyOf(drawn, 100);
  for (const index of [4, 2, 1, 0]) assert.equal(history.undo(), views[index]);
});

Deno.test('what a link shows is no part of a run of slices before or after it', () => {
  const history = createViewHistory();
  const [first, stepped, linked] = [viewOf('?index=1'), viewOf('?index=2'), viewOf('?index=7')];
  history.note(first, 0);
  history.note(stepped, 100);
  history.note(linked, null);
  history.note(reduce(linked, step), 300);
  history.note(reduce(reduce(linked, step), step), 400);
  assert.equal(history.undo(), linked);
  assert.equal(history.undo(), stepped);
  assert.equal(history.undo(), first);
});

Deno.test('what is chosen after an undo ends what could be done again', () => {
  const { history, views } = historyOf([flip, colors('magma')]);
  history.undo();
  history.note(views[1], 20_000);
  history.note(reduce(views[1], step), 21_000);
  assert.equal(history.canRedo(), false);
  assert.equal(history.undo(), views[1]);
});

Deno.test('no more is kept than the limit', () => {
  const { history, views } = historyOf([step, step, step, step], 5000, { limit: 2 });
  assert.equal(history.undo(), views[3]);
  assert.equal(history.undo(), views[2]);
  assert.equal(history.undo(), null);
});

Deno.test('what the file says is no change of the view', () => {
  const history = createViewHistory();
  const view = viewOf('', { growable: true });
  history.note(view, 0);
  history.note(reduce(view, { type: 'shape', shape: [12, 20, 30] }), 9000);
  history.note(viewOf('', {}, 2), 18_000);
  assert.equal(history.canUndo(), false);
});

Deno.test('another dataset comes as its link says, which is no change either', () => {
  const history = createViewHistory();
  const [first, second] = [viewOf('?x=1.111111,5&y=2,9'), viewOf('', { dataset: '/e' })];
  history.note(first, 0);
  history.note(second, 10);
  assert.equal(history.undo(), first);
  history.note(viewOf('?x=1.11,5&y=2,9'), 500);
  assert.equal(history.redo(), second);
});

Deno.test('a view is shown again in the shape that the dataset has now', () => {
  const view = viewOf('', { growable: true });
  const grown = reduce(reduce(view, { type: 'shape', shape: [12, 20, 30] }), flip);
  const again = shownAgain(view, grown);
  assert.deepEqual([again.shape, again.flip], [[12, 20, 30], []]);
  assert.ok(Object.isFrozen(again));
  assert.equal(shownAgain(view, viewOf('', {}, 2)), null);
});
