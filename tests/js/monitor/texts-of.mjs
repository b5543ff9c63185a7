/* What the monitor writes for figures that a server gave, for tests that have counted the same themselves. */

import { groupRows, machineFacts, prefetchFacts } from '../../../assets/model/monitor/facts.mjs';
import { sizesSentence } from '../../../assets/model/monitor/sizes.mjs';
import { tilesOf } from '../../../assets/model/monitor/tiles.mjs';

const { stats, series, groups } = JSON.parse(await new Response(Deno.stdin.readable).text());
const tiles = tilesOf(stats, series).map(({ id, value, note }) => [id, `${value} | ${note}`]);
const facts = [...machineFacts(stats, series), ...prefetchFacts(stats)].map(([name, text]) => [name, text]);
const rows = Object.entries(groups).map(([by, found]) => [
  by,
  groupRows(found, by).map(({ cells: [name, count, share, decoded] }) => [name.title, count, share, decoded]),
]);
console.log(JSON.stringify({
  ...Object.fromEntries([...tiles, ...facts, ...rows]),
  sizes: sizesSentence(stats, series, Date.now() / 1000),
}));
