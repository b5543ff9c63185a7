/* The histogram beside the colour bar, or in the sheet of a phone: where its values come from, and what its handles do. It is
   loaded after the first slice. */

import { isAborted } from '../../data/api.mjs';
import { toRows } from '../../data/typed-arrays.mjs';
import { halfOf } from '../../model/difference.mjs';
import { datesOf } from '../../model/dates.mjs';
import {
  centredHalf,
  histogramOf,
  outsideOf,
  outsideOfHistogram,
  percentileWindow,
  valueAxis,
  valuesIn,
  windowOfHistogram,
} from '../../model/histogram.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { projectionQuery } from '../../model/projection.mjs';
import { colorLut } from '../../model/quantize.mjs';
import { selectionOf, voxelsIn } from '../../model/viewport.mjs';
import { drawChart } from '../../render/histogram/chart.mjs';
import { element } from '../../render/dom.mjs';
import { createControls } from './controls.mjs';
import { createHandles } from './handles.mjs';
import { histogramNodes } from './nodes.mjs';
/** @import { Api } from '../../data/api.mjs' */
/** @import { Clock } from '../../data/clock.mjs' */
/** @import { SliceLoader } from '../../data/slice-loader.mjs' */
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { ColorMapping, Ends } from '../../model/colormap.mjs' */
/** @import { Histogram, ValueAxis } from '../../model/histogram.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ViewStore } from '../../model/view-store.mjs' */
/** @import { Span } from '../../model/viewport.mjs' */
/** @import { ColorMappings } from '../../render/color-mapping.mjs' */
/** @import { Picture } from '../../render/picture.mjs' */
/** @import { Plot } from '../../render/plot.mjs' */
/** @import { Drawn, PictureMachine } from '../../render/state-machine.mjs' */
/** @import { Viewer } from '../viewer.mjs' */
/** @import { HandleValues } from './handles.mjs' */

/**
 * @typedef {object} HistogramParts
 * @property {Pick<Api, 'url' | 'fetchOk'>} api
 * @property {Clock} clock
 * @property {Pick<ColorMappings, 'current'>} colors
 * @property {Pick<SliceLoader, 'load'>} loader
 * @property {PictureMachine} machine
 * @property {Pick<Picture, 'hold'>} picture
 * @property {Pick<Plot, 'area' | 'bar' | 'setBar'>} plot
 * @property {Pick<ViewStore, 'current'>} store
 * @property {() => Pick<Viewer, 'setColors' | 'previewColors' | 'setDifference'>} viewer
 */

/**
 * @typedef {'slice' | 'volume'} Scope
 * @typedef {{histogram: Histogram, cells: Cells | null, key: string, isRough?: boolean}} Shown `cells` are those it was
 *   counted from, all voxels of the slice; null where the server has counted. `isRough`: of what is drawn alone.
 * @typedef {ReturnType<typeof createHistogram>} HistogramPanel
 */

// Low values have more of the axis of a norm.
const BINS = { linear: 512, others: 4096 };
const VOLUME_BINS = 2048;

// The server is asked when the picture has been at rest for this long (ms).
const REST_MS = 150;

// A volume that was not seen whole is counted again after this long (ms), and later each time that nothing is new.
const AGAIN_MS = 500;
const LONGEST_MS = 60000;
// Of missing values, which are in no histogram.
const NO_COLOR = '#000000';
// Dates at the handles are as exact as so many steps of the axis.
const AXIS_STEPS = 200;
const NARROW = '(max-width: 767px)';

/** @param {HistogramParts} parts */
export function createHistogram({ api, clock, colors, loader, machine, picture, plot, store, viewer }) {
  const narrow = matchMedia(NARROW);
  /** @type {Scope} */
  let scope = 'slice';
  let isLog = true;
  /** @type {Shown | null} */
  let shown = null;
  /** @type {ValueAxis | null} */
  let axis = null;
  /** Names the values that are counted. */
  let of = '';
  /** Percent of the values that are left out at either end, as it was chosen last. */
  let percent = 1;
  let autoIsDue = false;
  let timer = 0;
  let waitMs = AGAIN_MS;
  let asking = new AbortController();

  const { node, track, chart, above, below, caption } = histogramNodes();
  caption.addEventListener('click', () => plot.bar() || setScope(scope === 'slice' ? 'volume' : 'slice'));

  const handles = createHandles(track, {
    begin: () => hold(true),
    move: (values) => {
      const bar = plot.bar();
      if (bar) viewer().setDifference(halfOf(bar.mapping, values), true);
      else viewer().previewColors(changeTo(values));
    },
    end: () => {
      hold(false);
      const view = store.current();
      if (view && plot.bar()) {
        plot.setBar(plot.bar());
        viewer().setDifference(view.difference);
      } else if (view) viewer().setColors({ window: view.window, centre: view.centre });
    },
  });
  const controls = createControls(element('histogram-controls'), {
    percent: applyPercent,
    auto,
    scope: setScope,
    counts: (log) => {
      isLog = log;
      draw();
    },
    clip: (clip) => viewer().setColors({ clip }),
    centre: (centre) => viewer().setColors({ centre }),
  });
  track.addEventListener('dblclick', () => {
    if (plot.bar()) viewer().setDifference(null);
    else viewer().setColors({ window: 'volume' });
  });

  /** @param {boolean} on */
  function hold(on) {
    picture.hold(on);
    element('plot-frame').classList.toggle('windowing', on);
  }

  /** What a move of the handles changes of the view. @param {HandleValues} values */
  function changeTo({ lo, hi, centre }) {
    const mapping = colors.current();
    const isMoved = !mapping || lo !== mapping.lo || hi !== mapping.hi;
    return isMoved ? { window: /** @type {[number, number]} */ ([lo, hi]) } : { centre };
  }

  /* Values */

  /** Whether the page has all voxels of the slice that is drawn. @param {Drawn} drawn */
  const hasWhole = ({ cells, request: { viewport } }) => cells.step === 1 && !viewport.rows && !viewport.cols;

  /** @param {View} view */
  const valuesOf = (view) => JSON.stringify([view.generation, view.part, view.decode, projectionQuery(view)]);

  /** @param {View} view */
  const keyOf = (view) =>
    JSON.stringify([scope, valuesOf(view), scope === 'slice' && [selectionOf(view), binsFor(view)]]);

  /** @param {View} view */
  const binsFor = ({ norm }) => (norm === 'linear' ? BINS.linear : BINS.others);

  /* The picture has come to rest. */
  function refresh() {
    const view = store.current();
    const { drawn } = machine.state();
    if (!view || !drawn || (view.kind !== 'values' && !plot.bar())) return;
    lay();
    if (autoIsDue) auto();
    if (showBar()) return;
    const key = keyOf(view);
    // Values of another dataset, or of another part of these, are none of this one.
    if (valuesOf(view) !== of) shown = axis = null;
    of = valuesOf(view);
    node.classList.toggle('stale', shown !== null && shown.key !== key);
    if (scope === 'slice' && hasWhole(drawn)) {
      if (!shown || shown.cells !== drawn.cells || shown.key !== key) {
        show({ histogram: histogramOf(drawn.cells, binsFor(view)), cells: drawn.cells, key });
      }
    } else if (!shown || shown.key !== key || shown.histogram.seen < 1) askLater(REST_MS);
    draw();
  }

  /* What lies over the picture has the histogram; whether there is such. */
  function showBar() {
    const bar = plot.bar();
    if (!bar) return false;
    leave();
    of = '';
    node.classList.remove('stale');
    const { cells, mapping } = bar;
    const isNew = shown?.cells !== cells;
    if (isNew) shown = { histogram: histogramOf(cells, BINS.linear), cells, key: bar.name, isRough: cells.step > 1 };
    if (!handles.isDragging()) axis = valueAxis(shown && shown.histogram, mapping.norm, mapping);
    draw();
    return true;
  }

  /* Something moves. */
  function leave() {
    clock.cancel(timer);
    asking.abort();
    if (scope === 'slice') node.classList.add('stale');
  }

  /** @param {number} ms */
  function askLater(ms) {
    clock.cancel(timer);
    timer = clock.later(ask, ms);
  }

  async function ask() {
    const view = store.current();
    const { drawn, phase } = machine.state();
    if (!view || !drawn || phase !== 'rest') return;
    if (document.hidden) {
      askLater(AGAIN_MS);
      return;
    }
    asking.abort();
    const mine = new AbortController();
    asking = mine;
    const key = keyOf(view);
    const isVolume = scope === 'volume';
    const address = api.url('/api/v1/histogram', {
      file: view.file,
      dataset: view.dataset,
      ...(isVolume ? { scope } : { selection: selectionOf(view), ...projectionQuery(view) }),
      bins: isVolume ? VOLUME_BINS : binsFor(view),
      part: view.part,
      decode: view.decode ? 1 : null,
    });
    try {
      const response = await api.fetchOk(address, { signal: mine.signal, priority: 'low' }, view.generation);
      const histogram = /** @type {Histogram} */ (await response.json());
      if (mine !== asking) return;
      const isNew = !shown || shown.key !== key || shown.histogram.seen !== histogram.seen;
      show({ histogram, cells: null, key });
      waitMs = isNew ? AGAIN_MS : Math.min(2 * waitMs, LONGEST_MS);
      if (histogram.seen < 1) askLater(waitMs);
    } catch (error) {
      if (isAborted(error) || mine !== asking) return;
      // What is on the screen is better than nothing.
      if (!isVolume) show({ histogram: histogramOf(drawn.cells, binsFor(view)), cells: null, key, isRough: true });
      else controls.say(/** @type {Error} */ (error).message);
    }
  }

  /** @param {Shown} next */
  function show(next) {
    shown = next;
    node.classList.remove('stale');
    controls.say('');
    const mapping = colors.current();
    if (mapping && !handles.isDragging()) axis = valueAxis(next.histogram, mapping.norm, mapping);
    draw();
  }

  /** The colours have changed, as by a handle, whose axis stays while it is held. @param {ColorMapping} mapping */
  function follow(mapping) {
    if (!handles.isDragging() || !axis) axis = valueAxis(shown && shown.histogram, mapping.norm, mapping);
    draw();
  }

  function draw() {
    const view = store.current();
    const bar = plot.bar();
    const mapping = bar ? bar.mapping : colors.current();
    if (!view || !mapping || mapping.kind || !node.isConnected) return;
    axis = axis || valueAxis(shown && shown.histogram, mapping.norm, mapping);
    const histogram = shown && shown.histogram;
    const isVertical = !narrow.matches;
    drawChart(chart, { histogram, axis, mapping, isLog, isVertical, lut: colorLut(mapping, NO_COLOR) });
    const dates = bar ? null : datesOf(view);
    const step = (axis.hi - axis.lo) / AXIS_STEPS;
    const textOf = (/** @type {number} */ value) => dates?.text(value, step) || formatNumber(value, 4);
    handles.place(axis, { lo: mapping.lo, hi: mapping.hi, centre: bar ? null : view.centre }, isVertical, textOf);
    const clipped = histogram &&
      (shown?.cells ? outsideOf(shown.cells, mapping) : outsideOfHistogram(histogram, mapping));
    const ends = [mapping.lo, mapping.hi].map(textOf);
    controls.show({ view, over: bar?.name || '', scope, isLog, percent, histogram, clipped, ends });
    const { texts, counted } = controls.wordsOf({ scope, histogram, clipped, isRough: Boolean(shown?.isRough) });
    below.textContent = texts.below;
    above.textContent = texts.above;
    caption.textContent = bar ? bar.name : counted;
    caption.title = bar
      ? 'Of the ' + bar.name + ' on the screen'
      : scope === 'slice'
      ? 'Of this slice: press for the volume'
      : 'Of the volume: press for this slice';
    chart.setAttribute(
      'aria-label',
      'Histogram of the ' + (bar ? bar.name : scope) + ' from ' + [axis.lo, axis.hi].map(textOf).join(' to ') + ': ' +
        texts.below +
        ' below the window, ' + texts.above + ' above',
    );
  }

  /* Place */

  function lay() {
    const host = element(narrow.matches ? 'histogram-docked' : 'histogram-beside');
    if (node.parentElement !== host) host.append(node);
    node.classList.toggle('docked', narrow.matches);
    const area = plot.area();
    if (!area) return;
    // A note may be above the plot.
    const [frame, outer] = [element('plot-frame'), host].map((one) => one.getBoundingClientRect().top);
    node.style.setProperty('--plot-top', frame - outer + area.top + 'px');
    node.style.setProperty('--plot-height', area.height + 'px');
  }

  function relay() {
    lay();
    draw();
  }

  narrow.addEventListener('change', relay);
  new ResizeObserver(relay).observe(track);
  new ResizeObserver(relay).observe(element('plot-frame'));
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ['data-mantine-color-scheme'] });

  /* What buttons do */

  /** @param {Scope} next */
  function setScope(next) {
    scope = next;
    waitMs = AGAIN_MS;
    refresh();
  }

  /** @param {Ends | null} ends @param {View} view Whose values they are. */
  function setWindow(ends, view) {
    const now = store.current();
    if (ends && now && now.generation === view.generation && now.part === view.part && now.decode === view.decode) {
      viewer().setColors({ window: [ends.lo, ends.hi] });
    }
  }

  /** The window leaves out `share` percent at either end, of the slice or of the volume. @param {number} share */
  async function applyPercent(share) {
    const view = store.current();
    percent = share;
    const bar = plot.bar();
    if (bar) viewer().setDifference(centredHalf(valuesIn(bar.cells, 'linear'), share));
    if (!view || bar) return;
    if (scope === 'volume') {
      setWindow(shown && windowOfHistogram(shown.histogram, share), view);
      return;
    }
    try {
      setWindow(percentileWindow(valuesIn(await wholeSlice(view), view.norm), share), view);
    } catch (error) {
      if (!isAborted(error)) controls.say(/** @type {Error} */ (error).message);
    }
  }

  /** All voxels of the slice. @param {View} view */
  async function wholeSlice(view) {
    const { drawn } = machine.state();
    const selection = selectionOf(view);
    if (drawn && hasWhole(drawn) && keyOf(drawn.request.view) === keyOf(view)) return drawn.cells;
    const { file, dataset, part, generation } = view;
    const decode = view.decode ? /** @type {const} */ (1) : null;
    const query = { .../** @type {const} */ ({ format: 'raw', pool: 'nearest' }), ...projectionQuery(view) };
    const { signal } = new AbortController();
    return toRows(await loader.load({ file, dataset, selection, part, decode, ...query }, { signal }, generation));
  }

  /* The window of what is in view, which leaves out as many percent as were chosen last. */
  function auto() {
    const view = store.current();
    const { drawn, phase } = machine.state();
    autoIsDue = phase !== 'rest';
    if (plot.bar() && !autoIsDue) {
      applyPercent(percent);
      return;
    }
    if (autoIsDue || !view || !drawn || view.kind !== 'values') return;
    const { cells } = drawn;
    /** @param {[from: number, step: number, count: number]} cells_ @param {Span} span @returns {Span} */
    const within = ([from, step, count], [start, stop]) => [
      Math.max(Math.floor((start - from) / step), 0),
      Math.min(Math.ceil((stop - from) / step), count),
    ];
    const rows = within([cells.row0, cells.rowStep, cells.rows], voxelsIn(view.y, view.shape[view.rows]));
    const cols = within([cells.col0, cells.colStep, cells.cols], voxelsIn(view.x, view.shape[view.cols]));
    setWindow(percentileWindow(valuesIn(cells, view.norm, { rows, cols }), percent), view);
  }

  return { refresh, leave, follow, auto, isDragging: handles.isDragging };
}
