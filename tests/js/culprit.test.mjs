import assert from 'node:assert/strict';

import { activityOf, describeCulprit, mainCause } from '../../assets/model/culprit.mjs';

const VIEW = { axis: 0, shape: [2160, 1360, 1360], chunks: [68, 43, 20] };

Deno.test('the cause that takes longest is named, with its share', () => {
  const sentences = {
    read: 'The server’s disk: reading took 900 ms of 1.2 s.',
    cache: 'The disk of the server’s cache took 900 ms of 1.2 s.',
    decode: 'Decoding on the server took 900 ms of 1.2 s.',
    scale: 'Rendering on the server took 916 ms of 1.2 s.',
    transfer: 'Your network: the transfer took 900 ms of 1.2 s.',
    waited: 'This browser: drawing and other work took 900 ms of 1.2 s.',
  };
  Object.entries(sentences).forEach(([stage, sentence]) => {
    assert.equal(describeCulprit({ [stage]: 900, index: 16 }, 1200, null), sentence);
  });
});

Deno.test('stages of one cause are added up', () => {
  const stages = { decode: 300, convert: 100, draw: 150, display: 100 };
  assert.deepEqual(mainCause(stages), { name: 'browser', ms: 350 });
});

Deno.test('waiting is a queue for a thread, or for what another request decodes', () => {
  assert.match(describeCulprit({ wait: 800, queue: 700 }, 900, null), /^A queue: .* 700 ms of 900 ms/);
  assert.match(describeCulprit({ wait: 800, queue: 20 }, 900, null), /^Another request .* 780 ms of 900 ms/);
});

Deno.test('a quick slice has no culprit', () => {
  assert.match(describeCulprit({ decode: 80 }, 90, VIEW), /^Quick/);
});

Deno.test('decoding comes with what is known of the chunks along the axis', () => {
  const sentence = describeCulprit({ decode: 900 }, 1000, VIEW);
  assert.match(sentence, /68 slices thick/);
  assert.match(sentence, /Along axis 2 it is 20\.$/);
  assert.doesNotMatch(describeCulprit({ decode: 900 }, 1000, Object.assign({}, VIEW, { axis: 2 })), /Along/);
  const flat = Object.assign({}, VIEW, { chunks: [1, 64, 64] });
  assert.match(describeCulprit({ decode: 900 }, 1000, flat), /1\.0 s\.$/);
  assert.match(describeCulprit({ decode: 900 }, 1000, Object.assign({}, VIEW, { chunks: null })), /1\.0 s\.$/);
});

Deno.test('while a slice is awaited, what took longest the last time is going on', () => {
  assert.equal(activityOf('decode'), 'decoding');
  assert.equal(activityOf(undefined), 'loading');
});
