import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import { carryOver } from '../../assets/model/carry-over.mjs';
import { formatFrozen, frozenAt, MAX_FROZEN, parseFrozen, sliceOf, withFrozen } from '../../assets/model/frozen.mjs';
import { projectionQuery } from '../../assets/model/projection.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce, withColorsOf } from '../../assets/model/view.mjs';
import { createViewHistory } from '../../assets/model/view-history.mjs';
import { selectionOf } from '../../assets/model/viewport.mjs';
import { createFrozenProfiles } from '../../assets/ui/tools/frozen.mjs';
import { settled } from './fake-clock.mjs';

const SHAPE = [10, 20, 30];

function foundOf(shape = SHAPE) {
  return { file: 'a.h5', listed: 'v', generation: 1, record: { dataset: '/d', shape, dtype: 'uint16' } };
}

const made = (link, shape) => createView(foundOf(shape), parseLink(link), null, false);
const line = (text) => parseFrozen(text, SHAPE).frozen[0].line;

Deno.test('frozen profiles are read from the text that is written of them', () => {
  const text = '4,:,:/1,2.5,3,4,w3,sum;:,7,:/5,5,9,9/mean:9';
  const { frozen, wrong } = parseFrozen(text, SHAPE);
  assert.deepEqual(wrong, []);
  assert.equal(formatFrozen(frozen), text);
  assert.deepEqual(frozen[0].line, { kind: 'line', plane: [1, 2], points: [1, 2.5, 3, 4], width: 3, sum: true });
  assert.deepEqual([frozen[1].line.plane, frozen[1].position, frozen[1].axis], [[0, 2], [0, 7, 0], 1]);
  const four = '3,1,:,:/1,1,2,2/max:3,1;:,:,4,4/1,1,2,2';
  assert.equal(formatFrozen(parseFrozen(four, [4, 5, 6, 7]).frozen), four);
  assert.equal(formatFrozen(parseFrozen(':,:/1,1,2,2', [20, 30]).frozen), ':,:/1,1,2,2');
});

Deno.test('what is not understood or outside is left out, and the rest stays', () => {
  const wrong = [
    '4,:,:',
    '4,:,:/',
    '4,:,:/1,2,3',
    '4,:/1,2,3,4',
    '4,5,:/1,2,3,4',
    ':,:,:/1,2,3,4',
    '10,:,:/1,2,3,4',
    '-1,:,:/1,2,3,4',
    '4,:,1:9/1,2,3,4',
    '4,:,:/1,2,3,4/mode:3',
    '4,:,:/1,2,3,4/mean:3,1',
    '4,:,:/1,2,3,4/mean:3/x',
    '4,:,:/1,2,3,4,w0',
    '1,2/1,2,3,4',
  ];
  const found = parseFrozen(['4,:,:/1,2,3,4', ...wrong].join(';'), SHAPE);
  assert.deepEqual(found.wrong, wrong);
  assert.equal(formatFrozen(found.frozen), '4,:,:/1,2,3,4');
  assert.deepEqual(parseFrozen(':,:/1,1,2,2/mean:3', [20, 30]).wrong, [':,:/1,1,2,2/mean:3']);
  const many = parseFrozen(Array(MAX_FROZEN + 2).fill('4,:,:/1,2,3,4').join(';'), SHAPE);
  assert.deepEqual([many.frozen.length, many.wrong.length], [MAX_FROZEN, 2]);
});

Deno.test('a profile is that of its slice, whichever one is shown', () => {
  const { view } = made('?axis=0&index=4&project=mean:3');
  const frozen = frozenAt(view, line('4,:,:/1,2,3,4'));
  assert.equal(formatFrozen([frozen]), '4,:,:/1,2,3,4/mean:3');
  const turned = reduce(reduce(view, { type: 'axis', axis: 1 }), { type: 'project', project: '' });
  const again = sliceOf(turned, parseFrozen(formatFrozen([frozen]), SHAPE).frozen[0]);
  assert.equal(selectionOf(again), '4,:,:');
  assert.deepEqual(projectionQuery(again), { project: 'mean:3' });
  // The one that comes again is the last one, and the first ones make room.
  let text = '';
  for (const index of [0, 1, 2, 3, 4, 5, 3]) {
    text = withFrozen(text, { ...frozen, position: [index, 0, 0], project: '' });
  }
  assert.equal(text, [1, 2, 4, 5, 3].map((index) => index + ',:,:/1,2,3,4').join(';'));
});

Deno.test('frozen profiles are part of the view and of the link', () => {
  const link = '?file=a.h5&dataset=/d&axis=0&index=4&window=volume&norm=linear&colorscale=gray' +
    '&tools=line:1,2,3,4&frozen=6,:,:/1,2,3,4;:,2,:/5,5,9,9';
  const { view, notes } = made(link);
  assert.deepEqual(notes, []);
  assert.equal(formatLink(view), link);
  assert.equal(made(formatLink(reduce(view, { type: 'axis', axis: 2 }))).view.frozen, view.frozen);
  const bad = made(link + ';99,:,:/1,2,3,4');
  assert.match(bad.notes[0], /“99,:,:\/1,2,3,4” for frozen, which is not understood/);
  assert.equal(bad.view.frozen, view.frozen);
  assert.doesNotMatch(formatLink(reduce(view, { type: 'frozen', frozen: '' })), /frozen/);
  assert.equal(withColorsOf(made('?axis=0').view, view).frozen, view.frozen);
  assert.equal(carryOver(foundOf([10, 20, 40]), view).view.frozen, view.frozen);
  assert.equal(carryOver(foundOf([20, 30]), view).view.frozen, '');
  const history = createViewHistory();
  history.note(view, 0);
  history.note(reduce(view, { type: 'frozen', frozen: '' }), 1);
  assert.equal(history.undo().frozen, view.frozen);
});

Deno.test('values are asked for once, at rest, and those that are there are not', async () => {
  const [asked, answers] = [[], []];
  let changes = 0;
  const api = {
    url: (path, query) => path + '?' + query.selection + ' ' + query.from + ' ' + query.to,
    fetchOk: (url, { signal }) => {
      asked.push(url);
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
        answers.push({ resolve: (values) => resolve({ json: () => Promise.resolve({ values }) }), reject });
      });
    },
  };
  const frozen = createFrozenProfiles(api, () => changes += 1);
  const { view } = made('?axis=0&index=4&tools=line:1,2,1,5&frozen=6,:,:/1,2,1,5;7,:,:/0,0,3,4');
  frozen.follow(view, false);
  assert.deepEqual([asked, changes], [[], 1]);
  frozen.put(frozenAt({ ...view, position: [6, 0, 0] }, line('6,:,:/1,2,1,5')), view, { values: [1], positions: [0] });
  frozen.follow(view, true);
  frozen.follow(view, true);
  assert.deepEqual(asked, ['/api/v1/profile?7,:,: 0,0 3,4']);
  answers[0].resolve([1, null, 3, 4, 5, 6]);
  await settled();
  assert.equal(changes, 2);
  assert.deepEqual(frozen.of(view).map(({ name }) => name), ['Line 1, axis 0 6', 'Line 0, 0 to 3, 4, axis 0 7']);
  const [, { profile }] = frozen.of(view);
  assert.deepEqual(Array.from(profile.positions), [0, 1, 2, 3, 4, 5]);
  // On another slice they are the same; without decoding, or of another state of the file, they are others.
  frozen.follow(reduce(view, { type: 'index', index: 9 }), true);
  assert.equal(asked.length, 1);
  const later = reduce(view, { type: 'generation', generation: 2 });
  frozen.follow(later, true);
  assert.deepEqual([asked.length, frozen.of(later).length, frozen.failure()], [3, 0, '']);
  answers[1].reject(new Error('It is gone.'));
  await settled();
  assert.equal(frozen.failure(), 'It is gone.');
  frozen.follow(later, true);
  assert.equal(asked.length, 3);
  frozen.follow(reduce(later, { type: 'index', index: 9 }), true);
  assert.equal(asked.length, 4);
  frozen.follow(reduce(later, { type: 'frozen', frozen: '' }), true);
  assert.deepEqual([frozen.failure(), frozen.of(later).length], ['', 0]);
});
