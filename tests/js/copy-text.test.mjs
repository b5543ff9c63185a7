import assert from 'node:assert/strict';

import { copyText } from '../../assets/data/copy-text.mjs';

Deno.test('what is copied keeps its blanks', () => {
  const area = { style: {}, select: () => undefined, remove: () => undefined };
  let copied = '';
  globalThis.HTMLElement ||= class {};
  globalThis.document = {
    activeElement: null,
    body: { append: () => undefined },
    createElement: () => area,
    // As a browser: of a field that collapses blanks, collapsed ones are copied.
    execCommand: () => {
      copied = area.style.whiteSpace === 'pre' ? area.value : area.value.replace(/\n +/g, '\n');
      return true;
    },
  };
  try {
    assert.ok(copyText('with a:\n    b'));
    assert.equal(copied, 'with a:\n    b');
  } finally {
    delete globalThis.document;
  }
});
