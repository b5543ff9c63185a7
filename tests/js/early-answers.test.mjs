import assert from 'node:assert/strict';

import { createEarlyAnswers } from '../../assets/data/early-answers.mjs';

/* Answers with a number each, or what is given for an address. */
function setUp(given = {}) {
  const sent = [];
  const answers = createEarlyAnswers((address) => {
    sent.push(address);
    return given[address]?.() ?? Promise.resolve(new Response('answer ' + sent.length));
  });
  return { answers, sent };
}

const textOf = async (answer) => (await answer).text();

Deno.test('an answer is read where it was asked for early, and taken once', async () => {
  const { answers, sent } = setUp();
  assert.equal(await textOf(answers.ask('/slice')), 'answer 1');
  assert.equal(await textOf(answers.take('/slice')), 'answer 1');
  assert.equal(await textOf(answers.take('/slice')), 'answer 2');
  assert.equal(await textOf(answers.take('/another')), 'answer 3');
  assert.deepEqual(sent, ['/slice', '/slice', '/another']);
});

Deno.test('one that is on its way is waited for', async () => {
  const { answers, sent } = setUp();
  const early = answers.ask('/slice');
  assert.equal(await textOf(answers.take('/slice')), 'answer 1');
  assert.equal(await textOf(early), 'answer 1');
  assert.deepEqual(sent, ['/slice']);
});

Deno.test('a refusal and a lost connection are left to the page, which asks again', async () => {
  const { answers, sent } = setUp({ '/lost': () => Promise.reject(new TypeError('no network')) });
  const refused = setUp({ '/slice': () => Promise.resolve(new Response('', { status: 404 })) });
  assert.equal((await refused.answers.ask('/slice')).status, 404);
  await refused.answers.take('/slice');
  assert.deepEqual(refused.sent, ['/slice', '/slice']);
  const lost = assert.rejects(answers.ask('/lost'), TypeError);
  await assert.rejects(answers.take('/lost'), TypeError);
  await lost;
  assert.deepEqual(sent, ['/lost', '/lost']);
});

Deno.test('who gives an answer up that is on its way ends its request', async () => {
  let sent = 0;
  const answers = createEarlyAnswers((_, { signal }) =>
    new Promise((_resolve, reject) => {
      sent += 1;
      signal.throwIfAborted();
      signal.addEventListener('abort', () => reject(signal.reason));
    })
  );
  const early = assert.rejects(answers.ask('/slice'), { name: 'AbortError' });
  const page = new AbortController();
  const taken = assert.rejects(answers.take('/slice', { signal: page.signal }), { name: 'AbortError' });
  page.abort();
  await Promise.all([early, taken]);
  assert.ok(page.signal.aborted);
  assert.equal(sent, 2);
});

Deno.test('what is forgotten is asked for again', async () => {
  const { answers, sent } = setUp();
  await answers.ask('/slice');
  answers.forget();
  assert.equal(await textOf(answers.take('/slice')), 'answer 2');
  assert.deepEqual(sent, ['/slice', '/slice']);
});

Deno.test('a link that is followed long after is answered anew', async () => {
  let clock = 0;
  let sent = 0;
  const answers = createEarlyAnswers(() => Promise.resolve(new Response('answer ' + ++sent)), () => clock);
  await answers.ask('/slice');
  await answers.ask('/another');
  clock = 59_000;
  assert.equal(await textOf(answers.take('/slice')), 'answer 1');
  clock = 61_000;
  assert.equal(await textOf(answers.take('/another')), 'answer 3');
});
