import assert from 'node:assert/strict';

import { createRecent } from '../../assets/data/recent.mjs';

function setUp(text = null) {
  const kept = { text };
  const storage = {
    getItem: () => kept.text,
    setItem: (_key, value) => {
      kept.text = value;
    },
  };
  return { recent: createRecent(() => storage), kept };
}

const view = (n, more = '') => ({ file: 'a.h5', dataset: '/' + n, link: '?file=a.h5&dataset=/' + n + more });

Deno.test('a dataset is there once, with its last link, and the last one comes first', () => {
  const { recent } = setUp();
  for (let n = 0; n < 12; n += 1) recent.add(view(n));
  recent.add(view(9, '&index=5'));
  assert.deepEqual(recent.all().map(({ dataset }) => dataset), ['/9', '/11', '/10', '/8', '/7', '/6', '/5', '/4']);
  assert.equal(recent.all()[0].link, view(9, '&index=5').link);
});

Deno.test('what is opened and not changed is kept as it was left', () => {
  const { recent } = setUp();
  recent.add(view(1, '&index=5'));
  recent.add(view(2, '&index=6'));
  recent.opened(view(1).link);
  recent.add(view(1));
  assert.deepEqual(recent.all(), [view(1, '&index=5'), view(2, '&index=6')]);
  assert.deepEqual(recent.of('a.h5'), view(1, '&index=5'));
  assert.deepEqual(recent.of('a.h5', '/2'), view(2, '&index=6'));
  assert.equal(recent.of('b.h5'), null);
  recent.add(view(1, '&index=7'));
  assert.deepEqual(recent.of('a.h5'), view(1, '&index=7'));
});

Deno.test('what is no list of links of this page is left out', () => {
  for (const text of ['{', '3', '{"a": 1}', 'null']) assert.deepEqual(setUp(text).recent.all(), [], text);
  const foreign = { file: 'a.h5', dataset: '/d', link: 'https://example.org/' };
  assert.deepEqual(setUp(JSON.stringify([foreign, null, 7, view(1)])).recent.all(), [view(1)]);
});

Deno.test('a page that may not store anything has nothing recent', () => {
  const recent = createRecent(() => {
    throw new DOMException('denied', 'SecurityError');
  });
  recent.add({ file: 'a.h5', dataset: '/x', link: '?file=a.h5' });
  assert.deepEqual(recent.all(), []);
});
