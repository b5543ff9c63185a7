/* The one writer of the slice graph: a heatmap and its colour bar. */

import { axisTitle } from '../model/axes.mjs';
import { element, readyGraph } from './dom.mjs';
import { layoutOf, ticksOf, tracesOf } from './plot-layout.mjs';
import { whenDecoded } from './plotly-patch.mjs';
import { showScaleBar } from './scale-bar.mjs';
import { axesOf } from './values-request.mjs';
/** @import { Axis } from '../model/axes.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { PlotArea } from '../model/pinch.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Range } from '../model/viewport.mjs' */
/** @import { Canvas } from './canvas.mjs' */
/** @import { HeatmapImage, PlotlyPatch } from './plotly-patch.mjs' */
/** @import { Bar, PlotScene } from './values-request.mjs' */

/**
 * @typedef {object} PlotEvents
 * @property {(x: Range, y: Range) => void} zoom
 * @property {() => void} reset
 * @property {(row: number, column: number) => void} hover
 * @property {() => void} unhover
 * @property {(area: PlotArea | null) => void} placed The axes lie here now.
 * @property {(row: number, column: number, hide: boolean) => void} pick
 */

/**
 * @typedef {ReturnType<typeof createPlot>} Plot
 * @typedef {{title: string, ticks: {at: number, text: string}[]}} AxisMarks
 */

const DOUBLE_MS = 700;

/* Dash loads it after these modules. */
const Plotly = () => globalThis.Plotly;
const frame = () => element('plot-frame');

/** `isCovered()` is true while the canvas hides the heatmap, `most(view)` the most px that a column of a view has.
 * @param {{canvas: Pick<Canvas, 'draw'>, patch: PlotlyPatch, isCovered: () => boolean, most: (view: View) => number,
 *   on: PlotEvents}} parts */
export function createPlot({ canvas, patch, isCovered, most, on }) {
  /** @type {Plotly} */
  let gd = null;
  /** @type {PlotScene | null} */
  let scene = null;
  let writing = 0;
  /** @type {string | false} */
  let dragMode = 'zoom';
  /** @type {Promise<undefined> | null} */
  let ready = null;

  /** Where a mouse or pen is over the picture (px of the window), null where none is.
   * @type {{clientX: number, clientY: number} | null} */
  let pointer = null;

  /** Times of the last two presses (ms). @type {[number, number]} */
  let presses = [-Infinity, -Infinity];

  /** Shapes over a scene. @type {(scene: PlotScene) => Plotly[]} */
  let overlay = () => [];

  /** @type {Bar | null} */
  let bar = null;

  /** All that decided the last drawing but values and picture; null when the axes have changed since.
   * @type {string | null} */
  let drawn = null;

  /* Wait for Dash to draw the empty graph. */
  function start() {
    ready = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      const probe = () => {
        gd = readyGraph(element('slice-graph'));
        if (gd) {
          patch.install(gd);
          listen();
          resolve();
        } else requestAnimationFrame(probe);
      };
      probe();
    });
  }

  function listen() {
    // Dash answers these by writing the figure as it knows it, an empty one, over what is drawn here.
    gd.removeAllListeners('plotly_relayout');
    gd.removeAllListeners('plotly_restyle');
    gd.on('plotly_relayout', (/** @type {Plotly} */ change) => {
      drawn = null;
      if (Object.keys(change).every((key) => key === 'shapes')) return;
      place(area());
      refreshHover();
      if (writing || !scene || !Object.keys(change).some((key) => /^[xy]axis/.test(key))) return;
      const x = ascending(gd.layout.xaxis.range);
      const y = ascending(gd.layout.yaxis.range);
      retick(x, y);
      on.zoom(x, y);
    });
    // A drag has not changed the axes yet; the event has their ranges.
    gd.on('plotly_relayouting', (/** @type {Plotly} */ change) => place(area(change)));
    // A single tap is a click of a finger and one of a mouse to Plotly, which makes two.
    gd.on('plotly_doubleclick', () => performance.now() - presses[0] < DOUBLE_MS && on.reset());
    frame().addEventListener('pointerdown', () => {
      presses = [presses[1], performance.now()];
    }, { capture: true, passive: true });
    gd.on('plotly_hover', (/** @type {Plotly} */ event) => {
      // The heatmap is another slice than the one that is seen.
      if (isCovered()) return;
      const point = event.points.find((/** @type {Plotly} */ p) => p.curveNumber === 0);
      if (point) on.hover(point.pointNumber[0], point.pointNumber[1]);
    });
    gd.on('plotly_click', (/** @type {Plotly} */ event) => {
      const point = event.points.find((/** @type {Plotly} */ p) => p.curveNumber === 0);
      if (point && !isCovered()) on.pick(point.pointNumber[0], point.pointNumber[1], Boolean(event.event?.shiftKey));
    });
    gd.on('plotly_unhover', () => on.unhover());
    // A pointer may have been there before the picture, and then does not move.
    for (const type of /** @type {const} */ (['pointermove', 'pointerover', 'wheel'])) {
      frame().addEventListener(type, (event) => {
        const isFinger = 'pointerType' in event && event.pointerType === 'touch';
        pointer = isFinger ? null : { clientX: event.clientX, clientY: event.clientY };
      }, { capture: true, passive: true });
    }
    frame().addEventListener('pointerleave', () => {
      pointer = null;
    });
    new ResizeObserver(() => {
      if (scene && !writing) fit();
    }).observe(frame());
  }

  /** Ticks that fit the range that the user has zoomed to. @param {Range} x @param {Range} y */
  function retick(x, y) {
    const { xaxis, yaxis } = gd._fullLayout;
    const { axes } = /** @type {PlotScene} */ (scene);
    const marks = ticksOf(axes, x, y, xaxis._length, yaxis._length);
    /** @type {Plotly} */
    const change = {};
    Object.entries(marks).forEach(([name, attributes]) =>
      Object.entries(attributes).forEach(([key, value]) => {
        const now = gd.layout[name + 'axis'][key];
        if (JSON.stringify(now || null) !== JSON.stringify(value || null)) change[name + 'axis.' + key] = value;
      })
    );
    if (Object.keys(change).length) write(() => Plotly().relayout(gd, change));
  }

  /** The hover label of each cell, made when Plotly asks for it: half a million texts would cost more than
   * drawing the slice. Plotly wants an array of arrays, and these read as such. @type {Plotly} */
  const hoverTexts = new Proxy(/** @type {Plotly} */ ([]), {
    get(target, row) {
      if (!isIndex(row)) return target[row];
      return new Proxy(/** @type {Plotly} */ ([]), {
        get: (inner, col) => (isIndex(col) && scene ? scene.label(Number(row), Number(col)) : inner[col]),
      });
    },
  });

  /** Of the frame, and what a scene may have of it. @param {PlotScene} of */
  function sizeFor({ request: { view }, x, y }) {
    const { clientWidth: width, clientHeight: height } = frame();
    return { width, height, most: most({ ...view, x, y }) };
  }

  /** @param {PlotScene} of @returns {Plotly} */
  function layoutNow(of) {
    return Object.assign(layoutOf(of, sizeFor(of), dragMode), { shapes: overlay(of) });
  }

  /** @param {() => Promise<unknown>} job */
  async function write(job) {
    writing += 1;
    try {
      await job();
    } finally {
      writing -= 1;
    }
  }

  /** Draw a scene, once `ready` has resolved, with the picture of its cells (plotly-patch.mjs). Resolves when the
   * browser has that ready to be shown. @param {PlotScene} next @param {HeatmapImage | null} picture */
  async function draw(next, picture) {
    scene = Object.assign(next, { bar });
    frame().classList.add('painted');
    const [heat, scale] = tracesOf(scene, sizeFor(scene), hoverTexts);
    const layout = layoutNow(scene);
    const rest = JSON.stringify([
      Object.assign({}, heat, { z: null, meta: null }),
      scale,
      layout,
      scene.cells.rows,
      scene.cells.cols,
    ]);
    if (rest !== drawn || !patch.replaceImage(picture, heat.meta)) {
      patch.setImage(picture);
      await write(() => Plotly().react(gd, [heat, scale], layout));
      drawn = rest;
      const box = area();
      if (box) showScaleBar(box, scene.axes[1]);
      on.placed(box);
    }
    refreshHover();
    const image = gd.querySelector('.heatmaplayer image');
    if (image) await whenDecoded(image);
  }

  /** New colours for the same values. @param {ColorMapping} mapping @param {HeatmapImage | null} picture */
  function recolor(mapping, picture) {
    return draw(Object.assign(/** @type {PlotScene} */ (scene), { mapping }), picture);
  }

  /** Move the axes to a range of voxels, null for the whole slice. @param {Range | null} x @param {Range | null} y */
  async function zoom(x, y) {
    if (!scene) return;
    scene.x = x;
    scene.y = y;
    drawn = null;
    // The whole layout: whether voxels are square, and the ticks, depend on the range.
    await write(() => Plotly().relayout(gd, layoutNow(/** @type {PlotScene} */ (scene))));
  }

  /** What the colour bar is of; null for the heatmap. Its ticks wait while a handle of its window is held.
   * @param {Bar | null} next */
  async function setBar(next) {
    bar = next;
    const shown = scene;
    if (!shown || frame().classList.contains('windowing')) return;
    shown.bar = bar;
    drawn = null;
    await write(() => Plotly().react(gd, tracesOf(shown, sizeFor(shown), hoverTexts), layoutNow(shown)));
  }

  /** The ticks and titles of both axes as they are on the screen, positions in px of the plot area. */
  function marks() {
    const { xaxis, yaxis } = gd._fullLayout;
    const { axes } = /** @type {PlotScene} */ (scene);
    /** @param {Plotly} axis @param {Axis} measured @returns {AxisMarks} */
    const of = (axis, measured) => ({
      title: axisTitle(measured),
      ticks: (axis._vals || []).map((/** @type {Plotly} */ { x, text }) => ({ at: axis.c2p(x), text }))
        .filter((/** @type {{at: number}} */ { at }) => at >= -0.5 && at <= axis._length + 0.5),
    });
    return { x: of(xaxis, axes[1]), y: of(yaxis, axes[0]) };
  }

  /** Axes in the directions and units of a view of the same plane; the voxels in view stay the same.
   * @param {View} view */
  async function measure(view) {
    if (!scene) return;
    Object.assign(scene, axesOf(view));
    scene.request.view = view;
    await zoom(scene.x, scene.y);
  }

  /* The frame has another size, or the scene may have more or less of it. */
  async function fit() {
    if (!scene) return;
    drawn = null;
    const shown = scene;
    await write(() => Plotly().react(gd, tracesOf(shown, sizeFor(shown), hoverTexts), layoutNow(shown)));
    place(area());
    refreshHover();
  }

  /** Lay canvas and scale bar where the axes are. @param {PlotArea | null} box */
  function place(box) {
    canvas.draw(box);
    on.placed(box);
    if (box && scene) showScaleBar(box, scene.axes[1]);
  }

  /** Show what is painted under the plot instead of the heatmap, whose hover label is of another slice then.
   * @param {boolean} covered */
  function cover(covered) {
    // Plotly sends no event for this call. Without it, uncovering would leave the readout empty: Plotly hovers by itself
    // while the heatmap is covered, which is ignored, and sends no second event for the same cell.
    Plotly().Fx.unhover(gd, {});
    if (covered) on.unhover();
    frame().classList.toggle('moving', covered);
    refreshHover();
  }

  /* The hover label of what is under the pointer, which has not moved: the picture has. */
  function refreshHover() {
    const target = gd.querySelector('.nsewdrag');
    if (!pointer || isCovered() || !scene || !target) return;
    Plotly().Fx.hover(gd, Object.assign({ target }, pointer), 'xy');
  }

  /** The plot area in px of the frame, and the voxels at its edges; null before there is one. `change` has the ranges
   * of a drag. @param {Plotly} [change] @returns {PlotArea | null} */
  function area(change) {
    const full = gd && gd._fullLayout;
    if (!scene || !full || !full.xaxis || !full.yaxis) return null;
    const { xaxis, yaxis } = full;
    /** @param {string} name @param {0 | 1} i @param {Range} range @returns {number} */
    const end = (name, i, range) => {
      const dragged = change && change[name + '.range[' + i + ']'];
      return dragged === undefined ? range[i] : dragged;
    };
    return {
      left: xaxis._offset,
      top: yaxis._offset,
      width: xaxis._length,
      height: yaxis._length,
      x: [end('xaxis', 0, xaxis.range), end('xaxis', 1, xaxis.range)],
      y: [end('yaxis', 1, yaxis.range), end('yaxis', 0, yaxis.range)],
    };
  }

  /** @param {string | false} mode */
  function setDragMode(mode) {
    dragMode = mode;
    if (scene) Plotly().relayout(gd, { dragmode: mode });
  }

  /** What gives the shapes over a scene. @param {(scene: PlotScene) => Plotly[]} shapes */
  function setOverlay(shapes) {
    overlay = shapes;
  }

  /* The shapes have changed, and nothing else. */
  async function drawOverlay() {
    const shown = scene;
    if (shown) await write(() => Plotly().relayout(gd, { shapes: overlay(shown) }));
  }

  return {
    start,
    ready: () => ready,
    draw,
    recolor,
    setBar,
    bar: () => bar,
    marks,
    zoom,
    measure,
    fit,
    setDragMode,
    setOverlay,
    drawOverlay,
    cover,
    refreshHover,
    area,
    scene: () => scene,
  };
}

/** @param {Range} range @returns {Range} */
function ascending([a, b]) {
  return a < b ? [a, b] : [b, a];
}

/** Copying an array asks it for symbols too. @param {string | symbol} key @returns {key is string} */
function isIndex(key) {
  return typeof key === 'string' && Number.isInteger(Number(key));
}
