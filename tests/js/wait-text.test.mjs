import assert from 'node:assert/strict';

import { inShort } from '../../assets/model/wait-text.mjs';

Deno.test('of long names the start and the end are shown', () => {
  const deep = '/group'.repeat(200) + '/x of deep.h5';
  assert.equal(inShort('/x of a.h5'), '/x of a.h5');
  assert.equal([...inShort(deep)].length, 160);
  assert.ok(inShort(deep).startsWith('/group/group'));
  assert.ok(inShort(deep).endsWith('/group/x of deep.h5'));
  assert.equal(inShort('🙂'.repeat(200)), '🙂'.repeat(60) + ' … ' + '🙂'.repeat(97));
});
