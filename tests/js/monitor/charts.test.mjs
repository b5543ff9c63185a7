import assert from 'node:assert/strict';

import {
  answersFigure,
  contentsFigure,
  outcomesFigure,
  outcomesOf,
  plansFigure,
  reasonsOf,
  sizesFigure,
} from '../../../assets/model/monitor/charts.mjs';
import { scaled } from '../../../assets/model/monitor/figures.mjs';
import { fromLocalTime, localTime } from '../../../assets/model/monitor/format.mjs';
import { cellAt, cellsOf, heatmapFigure } from '../../../assets/model/monitor/heatmap.mjs';
import { seriesOf, statsOf } from './figures-of.mjs';

const THEME = {
  ink: '#1d2429',
  dim: '#56626b',
  line: '#dfe4e7',
  accent: '#147680',
  soft: '#e8f3f4',
  bad: '#b3362b',
  card: '#ffffff',
  font: 11,
};
const OUTCOMES = ['ring', 'hit', 'prefetched', 'coalesced', 'miss'].map((name) => ({
  name,
  label: name,
  color: '#123456',
}));
const BOUNDS = ['0.001', '0.01', '0.1', '1.0', '+Inf'];

function histogram() {
  const perceived = { hit: { '0.01': [3, 2, 0] }, miss: { '1.0': [1, 0, 0], '+Inf': [0, 1, 0] } };
  return seriesOf({ histogram: { bounds: BOUNDS, perceived, server: {} } });
}

Deno.test('cells reach from the fastest to the slowest bucket, with empty ones between them', () => {
  const { lows, highs, counts } = cellsOf(histogram(), 'perceived', '');
  assert.deepEqual(highs, [10, 100, 1000, 2000]);
  assert.deepEqual(lows, [1, 10, 100, 1000]);
  assert.deepEqual(counts, [[3, 2, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]);
  assert.deepEqual(cellsOf(histogram(), 'perceived', 'miss').counts, [[1, 0, 0], [0, 1, 0]]);
  assert.deepEqual(cellsOf(histogram(), 'server', '').counts, []);
});

Deno.test('the heatmap has the roots of the counts, percentiles and the desktop’s times', () => {
  const options = { times: 'perceived', outcome: '', references: [825, 1] };
  const { data, layout } = heatmapFigure(histogram(), THEME, options);
  assert.equal(data[0].z[0][0], Math.sqrt(3));
  assert.equal(data[0].x.length, 4);
  assert.equal(data[0].y.length, 5);
  assert.deepEqual(data.slice(1).map(({ name }) => name), ['half', 'p95', 'p99']);
  assert.equal(data[2].y[0], Math.log10(80));
  assert.equal(data[2].y[2], null);
  assert.deepEqual(layout.shapes.map(({ y0 }) => y0), [Math.log10(825), 0]);
  // Both reference lines are in sight.
  assert.ok(layout.yaxis.range[0] < 0 && layout.yaxis.range[1] > Math.log10(2000));
  assert.equal(heatmapFigure(histogram(), THEME, { ...options, times: 'server' }), null);
});

Deno.test('a place of the heatmap is a cell', () => {
  const options = { times: 'perceived', outcome: '' };
  assert.deepEqual(cellAt(histogram(), options, 1005, Math.log10(500)), {
    from: 1000,
    to: 1010,
    lowMs: 100,
    highMs: 1000,
    count: 1,
  });
  assert.equal(cellAt(histogram(), options, 1005, 9), null);
  assert.equal(cellAt(histogram(), options, 900, 1), null);
});

Deno.test('outcomes are shown by slices, bytes and time waited', () => {
  const options = { outcomes: OUTCOMES, show: 'requests', groups: null, group: null, outcome: '' };
  const of = (more) => outcomesOf(seriesOf(), { ...options, ...more });
  const values = (layers) => Object.fromEntries(layers.map(({ name, values }) => [name, values]));
  assert.deepEqual(values(of({})).hit, [3, 2, 0]);
  assert.deepEqual(values(of({ show: 'bytes' })).hit, [3e6, 2e6, 0]);
  const groups = { miss: { server_s: [0.9, 0.8, 0] } };
  assert.deepEqual(values(of({ show: 'time', groups })).miss, [0.9, 0.8, 0]);
  assert.deepEqual(values(of({ outcome: 'miss' })), { miss: [1, 1, 0] });
  assert.deepEqual(values(of({ group: { demand: { miss: [1, 0, 0] } } })).hit, [0, 0, 0]);
  const figure = outcomesFigure(seriesOf(), THEME, of({}), 'requests');
  assert.deepEqual(figure.data.map(({ name }) => name), OUTCOMES.map(({ label }) => label));
  assert.equal(outcomesFigure(seriesOf(), THEME, of({ group: { demand: {} } }), 'requests'), null);
});

Deno.test('reasons that do not occur are left out', () => {
  const labels = { first: 'for the first time', evicted: 'evicted', late: 'late' };
  assert.deepEqual(reasonsOf(seriesOf(), labels, '').map(({ name }) => name), ['first', 'evicted']);
  assert.deepEqual(reasonsOf(seriesOf(), labels, 'first').map(({ name }) => name), ['first']);
});

Deno.test('errors are a layer of their own', () => {
  const { data } = answersFigure(seriesOf(), THEME, '');
  assert.deepEqual(data.map(({ name, y }) => [name, y]), [['seen', [4, 4, 0]], ['errors', [0, 1, 0]]]);
  assert.equal(answersFigure(seriesOf(), THEME, 'script'), null);
});

Deno.test('figures that an older server does not have are no error', () => {
  const bare = seriesOf({ counters: {}, gauges: {} });
  assert.equal(contentsFigure(bare, THEME), null);
  assert.equal(plansFigure(bare, THEME), null);
  assert.equal(sizesFigure(statsOf({ cache_sizes: { accesses: 0, simulated: [] } }), THEME), null);
});

Deno.test('dates of a chart are of this clock', () => {
  const seconds = 1_700_000_000;
  assert.equal(fromLocalTime(localTime(seconds)), seconds);
  assert.equal(fromLocalTime(localTime(seconds) + '.25'), seconds + 0.25);
  assert.ok(Number.isNaN(fromLocalTime('soon')));
});

Deno.test('lines and markers grow with the text', () => {
  const figure = scaled(sizesFigure(statsOf(), THEME), 22);
  assert.equal(figure.data[0].line.width, 4);
  assert.deepEqual(figure.data[0].marker.size, [12, 22, 12]);
  const marked = scaled(
    heatmapFigure(histogram(), THEME, { times: 'perceived', outcome: '', references: [1] }),
    22,
  );
  assert.equal(marked.layout.shapes[0].line.width, 2.4);
  assert.deepEqual(
    marked.data[0].z,
    heatmapFigure(histogram(), THEME, { times: 'perceived', outcome: '', references: [1] }).data[0].z,
  );
});
