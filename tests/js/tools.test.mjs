import assert from 'node:assert/strict';

import { parseLink } from '../../assets/model/address.mjs';
import { formatLink } from '../../assets/model/link-text.mjs';
import {
  handlesOf,
  hitOf,
  isEmpty,
  movedBy,
  pixelOf,
  placeAt,
  placed,
  snapped,
  withHandle,
  withVertex,
} from '../../assets/model/tool-geometry.mjs';
import { formatTools, MAX_TOOLS, parseTools } from '../../assets/model/tools.mjs';
import { carryOver } from '../../assets/model/carry-over.mjs';
import { createView } from '../../assets/model/link-view.mjs';
import { reduce, withColorsOf } from '../../assets/model/view.mjs';

const PLANE = [1, 2];
const parse = (text, rank = 3) => parseTools(text, PLANE, rank);
const one = (text) => parse(text).tools[0];

Deno.test('tools are read from the text that is written of them', () => {
  const text = 'line:120,30,400.5,80,w3,sum;rect:9.5,19.5,50.5,60.5;ellipse:0,0,4,4;poly:0,0,0,5,5,5;point:7,8;' +
    'ruler:-1,2,3,4;0,2/point:1,1';
  const { tools, wrong } = parse(text);
  assert.deepEqual(wrong, []);
  assert.equal(formatTools(tools, PLANE), text);
  assert.deepEqual(tools[0], { kind: 'line', plane: PLANE, points: [120, 30, 400.5, 80], width: 3, sum: true });
  assert.deepEqual(tools[6].plane, [0, 2]);
  assert.deepEqual(parseTools(formatTools(tools), [0, 1], 3).tools, tools);
});

Deno.test('what is not understood is left out, and the rest stays', () => {
  const wrong = [
    'line:1,2,3',
    'line:1,2,3,x',
    'circle:1,2,3,4',
    'poly:1,1,2,2',
    'point:1,2,3,4',
    'rect:1,2,3,',
    'line:',
    '2,1/point:1,1',
    '1,3/point:1,1',
    '1/point:1,1',
    'point:1e99,1',
    'line:1,2,3,4,w0',
    'line:1,2,3,4,w9999',
    'rect:1,2,3,4,w3',
    'toString:1,2',
    'point',
    'line:1,2,3,4,sum,w3',
    'point: 1,2',
  ];
  const found = parse(['point:1,2', ...wrong].join(';'));
  assert.deepEqual(found.wrong, wrong);
  assert.equal(formatTools(found.tools, PLANE), 'point:1,2');
  const many = parse(Array(MAX_TOOLS + 5).fill('point:1,2').join(';'));
  assert.deepEqual([many.tools.length, many.wrong.length], [MAX_TOOLS, 5]);
  const long = 'poly:' + Array(402).fill(1).join(',');
  assert.deepEqual(parse(long).wrong, [long]);
});

function viewOf(link, shape = [10, 20, 30]) {
  const record = { dataset: '/d', shape, dtype: 'uint16' };
  return createView({ file: 'a.h5', listed: 'v', generation: 1, record }, parseLink(link), null, false);
}

Deno.test('tools are kept for each plane, and stand in the link', () => {
  const link = '?file=a.h5&dataset=/d&axis=0&index=4&window=volume&norm=linear&colorscale=gray&tools=line:1,2,3,4,w3';
  const { view, notes } = viewOf(link);
  assert.deepEqual(notes, []);
  assert.equal(view.tools, '1,2/line:1,2,3,4,w3');
  assert.equal(formatLink(view), link);
  const turned = reduce(view, { type: 'axis', axis: 1 });
  assert.match(formatLink(turned), /axis=1.*&tools=1,2\/line:1,2,3,4,w3$/);
  const added = reduce(turned, { type: 'tools', tools: turned.tools + ';0,2/point:5,6' });
  assert.match(formatLink(added), /&tools=1,2\/line:1,2,3,4,w3;point:5,6$/);
  assert.equal(viewOf(formatLink(added)).view.tools, added.tools);
  assert.equal(reduce(added, { type: 'tools', tools: added.tools }), added);
  // Rows and columns in the other order are the same plane.
  assert.match(formatLink(reduce(added, { type: 'transpose' })), /rows=2&cols=0&.*;point:5,6$/);
  assert.match(viewOf(link.replace('w3', 'wide') + ';point:1,1').notes[0], /“line:1,2,3,4,wide” for tools/);
  assert.equal(viewOf(link.replace('w3', 'wide') + ';point:1,1').view.tools, '1,2/point:1,1');
});

Deno.test('tools stay when a slice is given up, and while the file is another one of the same dimensions', () => {
  const { view } = viewOf('?axis=0&index=4&tools=point:1,1');
  const later = reduce(reduce(view, { type: 'step', by: 1 }), { type: 'tools', tools: '1,2/point:2,2' });
  assert.equal(withColorsOf(view, later).tools, '1,2/point:2,2');
  const found = (shape) => ({
    file: 'a.h5',
    listed: 'w',
    generation: 2,
    record: { dataset: '/d', shape, dtype: 'uint16' },
  });
  assert.equal(carryOver(found([10, 20, 31]), later).view.tools, '1,2/point:2,2');
  assert.equal(carryOver(found([10, 20]), later).view.tools, '');
});

Deno.test('places snap to voxels, and regions to their edges', () => {
  const points = (text) => snapped(one(text), [20, 30]).points;
  assert.deepEqual(points('point:3.4,40'), [3, 29]);
  assert.deepEqual(points('line:1.23,2.26,3,4'), [1.2, 2.3, 3, 4]);
  assert.deepEqual(points('rect:8.2,9.7,2.6,3.4'), [2.5, 3.5, 8.5, 9.5]);
  assert.deepEqual(points('rect:8.2,9.7,8.3,9.6'), [7.5, 9.5, 8.5, 10.5]);
  assert.deepEqual(points('ellipse:19.5,29.5,19.5,29.5'), [18.5, 28.5, 19.5, 29.5]);
  assert.ok(isEmpty(one('line:1,2,1,2')) && isEmpty(one('poly:1,1,1,1,2,2')) && !isEmpty(one('rect:1,1,1,1')));
});

Deno.test('tools move as far as the plane goes, by handles one at a time', () => {
  const size = [20, 30];
  assert.deepEqual(movedBy(one('rect:2.5,3.5,8.5,9.5'), [3, 100], size).points, [5.5, 23.5, 11.5, 29.5]);
  assert.deepEqual(movedBy(one('point:5,5'), [-9, 1], size).points, [0, 6]);
  // What a link has outside comes back, and goes no further.
  assert.deepEqual(movedBy(one('point:50,5'), [-3, 0], size).points, [47, 5]);
  assert.deepEqual(movedBy(one('point:50,5'), [3, 0], size).points, [50, 5]);
  const rect = one('rect:2.5,3.5,8.5,9.5');
  assert.deepEqual(handlesOf(rect), [[2.5, 3.5], [2.5, 9.5], [8.5, 9.5], [8.5, 3.5]]);
  assert.deepEqual([0, 1, 2, 3].map((i) => withHandle(rect, i, [0, 1]).points), [
    [0, 1, 8.5, 9.5],
    [0, 3.5, 8.5, 1],
    [2.5, 3.5, 0, 1],
    [2.5, 1, 0, 9.5],
  ]);
  assert.deepEqual(withHandle(one('line:1,2,3,4'), 1, [7, 8]).points, [1, 2, 7, 8]);
  const poly = one('poly:0,0,0,6,6,6');
  assert.deepEqual(withVertex(poly, 2, 200).points, [0, 0, 0, 6, 6, 6, 3, 3]);
  assert.equal(withVertex(poly, 2, 3), poly);
  for (const kind of ['point', 'line', 'ruler', 'rect', 'ellipse', 'poly']) {
    const tool = placed(kind, PLANE, [[0, 0], [19, 29]], size);
    assert.ok(!isEmpty(tool) && parse(formatTools([tool])).wrong.length === 0, kind);
    assert.ok(tool.points.every((value, i) => value >= 0 && value < size[i % 2]), kind);
  }
});

Deno.test('tools are taken hold of where they are on the screen, turned and flipped too', () => {
  const area = { left: 10, top: 20, width: 300, height: 200, x: [29.5, -0.5], y: [-0.5, 19.5] };
  for (const transposed of [false, true]) {
    const at = pixelOf(area, transposed, [4, 6]);
    const back = placeAt(area, transposed, at);
    assert.ok(Math.hypot(back[0] - 4, back[1] - 6) < 1e-9);
  }
  assert.deepEqual(pixelOf(area, false, [-0.5, 29.5]), { x: 10, y: 20 });
  const project = (place) => pixelOf(area, false, place);
  const hit = (text, place, off = 0) => {
    const { x, y } = project(place);
    return hitOf(one(text), project, { x: x + off, y }, 6);
  };
  assert.deepEqual(hit('rect:2.5,3.5,8.5,9.5', [8.5, 3.5], 5), { part: 'handle', handle: 3 });
  assert.deepEqual(hit('rect:2.5,3.5,8.5,9.5', [5, 3.5], 4), { part: 'edge' });
  assert.deepEqual(hit('rect:2.5,3.5,8.5,9.5', [5, 6]), { part: 'inside' });
  assert.equal(hit('rect:2.5,3.5,8.5,9.5', [5, 12]), null);
  assert.deepEqual(hit('ellipse:2.5,3.5,12.5,19.5', [7.5, 3.5], 3), { part: 'edge' });
  assert.equal(hit('ellipse:2.5,3.5,12.5,19.5', [3.3, 4.5]), null);
  assert.deepEqual(hit('poly:1,1,1,15,12,15', [3, 12]), { part: 'inside' });
  assert.equal(hit('poly:1,1,1,15,12,15', [10, 4]), null);
  assert.deepEqual(hit('line:1,1,1,15', [1, 8], 0), { part: 'edge' });
  assert.equal(hit('line:1,1,1,15', [3, 8], 0), null);
  assert.deepEqual(hit('point:4,4', [4, 4], 5), { part: 'edge' });
});
