import assert from 'node:assert/strict';

import { createBandwidthEstimator } from '../../assets/data/bandwidth.mjs';
import { viewportOf } from '../../assets/model/viewport.mjs';
import { createDisplay } from '../../assets/render/display.mjs';
import { covers, describeValues, isFine, isSamePart } from '../../assets/render/values-request.mjs';
import { createFakeClock } from './fake-clock.mjs';

const VIEW = {
  shape: [9, 1360, 1360],
  rows: 1,
  cols: 2,
  axis: 0,
  position: [0, 0, 0],
  x: null,
  y: null,
  dtype: 'uint16',
  kind: 'values',
  decode: false,
  pool: 'mean',
  part: null,
  window: 'volume',
  norm: 'linear',
  overlay: '',
  meaning: null,
  voxel: '',
  aspect: 'equal',
};

function setUp(bandwidth = createBandwidthEstimator()) {
  const screen = { width: 760, height: 650, density: 1 };
  const display = createDisplay({
    config: { restCells: 8e6 },
    clock: createFakeClock(),
    bandwidth,
    onChange: () => undefined,
    screen: () => screen,
  });
  const steps = () => viewportOf(VIEW, display.cellsAtRest(VIEW)).step;
  return { display, screen, steps };
}

/* 2 Mbit/s. */
function slowLink() {
  const bandwidth = createBandwidthEstimator();
  bandwidth.addHint({ bytes: 25_000, wait: 150, begin: 0, end: 100 });
  return bandwidth;
}

Deno.test('a picture at rest has the pixels of its screen once the machine has shown that it draws them', () => {
  const { display, screen, steps } = setUp();
  assert.equal(steps(), 2);
  screen.density = 2;
  // What is requested keeps its name until it is drawn.
  assert.equal(steps(), 2);
  display.update();
  assert.equal(steps(), 2);
  display.addDrawing(680 * 680, 20);
  display.update();
  assert.equal(steps(), 1);
  Object.assign(screen, { width: 400, height: 400, density: 1 });
  display.update();
  assert.equal(steps(), 5);
});

Deno.test('in motion the pixels of the screen are followed at once, as far as the link carries them', () => {
  const { display, screen } = setUp();
  const step = (speed) => viewportOf(VIEW, display.cellsInMotion(VIEW, speed)).step;
  assert.equal(step(30), 2);
  screen.density = 2;
  assert.deepEqual([step(0), step(10), step(30)], [1, 1, 2]);
  const { display: slow } = setUp(slowLink());
  assert.ok(slow.cellsInMotion(VIEW, 0) <= 40_000);
  assert.ok(slow.cellsInMotion(VIEW, 30) < 10_000);
});

Deno.test('a picture that would take long has a preview of at most 40 kB', () => {
  const first = ({ display }, view = VIEW) => display.firstRequest(view, 'viewer').query.selection;
  assert.equal(first(setUp()), '0,::2,::2');
  const slow = setUp(slowLink());
  const side = Math.ceil(1360 / 14);
  assert.ok(side * side * 4 < 40_000);
  assert.equal(first(slow), '0,::14,::14');
  // What is small is here soon anyway.
  assert.equal(first(slow, { ...VIEW, shape: [9, 150, 150] }), '0,:,:');
});

Deno.test('no picture at rest is on its way for longer than 20 s', () => {
  const { display } = setUp(slowLink());
  display.addDrawing(680 * 680, 1);
  display.update();
  assert.ok(4 * display.cellsAtRest(VIEW) <= 20_000 * 250);
});

Deno.test('a preview is of the part of the slice that is requested, and not fine', () => {
  const { display } = setUp(slowLink());
  const preview = display.firstRequest(VIEW, 'viewer');
  const rest = describeValues(VIEW, display.cellsAtRest(VIEW), null);
  assert.ok(isSamePart(preview, rest) && !isFine(preview, rest) && isFine(rest, preview));
  assert.ok(covers(rest, preview) && !covers(preview, rest));
  const zoomed = describeValues({ ...VIEW, x: [100.5, 300.5], y: [100.5, 300.5] }, 9000, null);
  assert.ok(!isSamePart(rest, zoomed) && covers(rest, describeValues({ ...VIEW, ...zoomed.view }, 900, null)));
  assert.ok(!isSamePart(rest, describeValues({ ...VIEW, pool: 'max' }, 9000, null)));
});
