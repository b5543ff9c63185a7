import assert from 'node:assert/strict';

import { readColumn } from '../../assets/data/column.mjs';

function answer(pieces) {
  const encoder = new TextEncoder();
  return new Response(
    new ReadableStream({
      start: (stream) => {
        pieces.forEach((piece) => stream.enqueue(encoder.encode(piece)));
        stream.close();
      },
    }),
  );
}

async function read(pieces) {
  const found = [];
  for await (const lines of readColumn(answer(pieces))) found.push(...lines);
  return found;
}

Deno.test('lines are read though they come in pieces', async () => {
  const found = await read(['{"index":3,"value":1.5}\n{"ind', 'ex":4,"val', 'ue":null}\n', '{"index":2,"value":7}']);
  assert.deepEqual(found, [{ index: 3, value: 1.5 }, { index: 4, value: null }, { index: 2, value: 7 }]);
  assert.deepEqual(await read([]), []);
});

Deno.test('what ends early says why, after the lines before it', async () => {
  const found = [];
  const lines = ['{"index":0,"value":1}\n', '{"error":{"code":"conflict","message":"The file has changed."}}\n'];
  await assert.rejects(async () => {
    for await (const some of readColumn(answer(lines))) found.push(...some);
  }, /The file has changed\./);
  assert.deepEqual(found, [{ index: 0, value: 1 }]);
});
