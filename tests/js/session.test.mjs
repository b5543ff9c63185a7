import assert from 'node:assert/strict';

import { createApi } from '../../assets/data/api.mjs';

const REFUSED = { error: { code: 'unauthorized', message: 'You are not signed in.' } };

/* The interface over a server with these statuses, what was requested, and what was said of the session. */
async function withServer(statuses, act) {
  const { fetch } = globalThis;
  const asked = [];
  const said = [];
  globalThis.fetch = (address) => {
    asked.push(address);
    const status = statuses.shift();
    return Promise.resolve(new Response(JSON.stringify(status === 401 ? REFUSED : {}), { status }));
  };
  try {
    await act(createApi('/x', { check: () => true }, (ended) => said.push(ended)), asked, said);
  } finally {
    globalThis.fetch = fetch;
  }
}

const statusOf = (promise) => promise.then(() => 200, ({ status }) => status);

Deno.test('when the session has ended, nothing more is requested, and that is said once', async () => {
  await withServer([200, 401], async (api, asked, said) => {
    assert.equal(await statusOf(api.json('/a')), 200);
    assert.equal(api.isSignedOut(), false);
    for (let i = 0; i < 20; i += 1) assert.equal(await statusOf(api.json('/b')), 401);
    assert.deepEqual(asked, ['/x/a', '/x/b']);
    assert.deepEqual(said, [true]);
    assert.equal(api.isSignedOut(), true);
  });
});

Deno.test('requests that are on their way when the session ends say it once', async () => {
  await withServer([401, 401, 401], async (api, _asked, said) => {
    await Promise.all([1, 2, 3].map(() => statusOf(api.json('/b'))));
    assert.deepEqual(said, [true]);
  });
});

Deno.test('after a sign-in elsewhere the server is asked again', async () => {
  await withServer([401, 200, 401], async (api, asked, said) => {
    api.askAgain();
    assert.deepEqual(said, []);
    await statusOf(api.json('/a'));
    api.askAgain();
    assert.equal(await statusOf(api.json('/b')), 200);
    assert.equal(await statusOf(api.json('/c')), 401);
    assert.deepEqual(asked, ['/x/a', '/x/b', '/x/c']);
    assert.deepEqual(said, [true, false, true]);
  });
});

Deno.test('other refusals end no session', async () => {
  await withServer([403, 404, 429, 503, 200], async (api, asked, said) => {
    for (const status of [403, 404, 429, 503, 200]) assert.equal(await statusOf(api.json('/a')), status);
    assert.equal(asked.length, 5);
    assert.deepEqual(said, []);
  });
});

Deno.test('an error tells when the server wants to be asked again', async () => {
  const { fetch } = globalThis;
  const waits = [];
  try {
    for (const header of ['12', 'soon', '-1', '100000']) {
      globalThis.fetch = () => Promise.resolve(new Response('{}', { status: 429, headers: { 'Retry-After': header } }));
      await createApi('', { check: () => true }).json('/a').catch((error) => waits.push(error.retryAfterMs));
    }
  } finally {
    globalThis.fetch = fetch;
  }
  assert.deepEqual(waits, [12_000, 0, 0, 0]);
});
