/* One view, three, or a comparison, as the header's buttons choose. What is beside the main picture is loaded when it is first shown;
   here is what has to be known before: the crosshair on the main picture, and the keys. */

import { placeOf, voxelAt } from '../model/linked.mjs';
import { element } from '../render/dom.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { Bandwidth } from '../data/bandwidth.mjs' */
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Datasets } from '../data/datasets.mjs' */
/** @import { Versions } from '../data/versions.mjs' */
/** @import { Display } from '../render/display.mjs' */
/** @import { PictureMachine } from '../render/state-machine.mjs' */
/** @import { Telemetry } from '../data/telemetry.mjs' */
/** @import { PlotArea } from '../model/pinch.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { ColorMappings } from '../render/color-mapping.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { Bar } from '../render/values-request.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { Status } from './status.mjs' */
/** @import { Tools } from './tools.mjs' */
/** @import { Viewer } from './viewer.mjs' */
/** @import { Compare } from './views/compare.mjs' */
/** @import { Linked } from './views/linked.mjs' */

/**
 * @typedef {ReturnType<typeof createViews>} Views
 *
 * @typedef {object} ViewsParts What the views work with.
 * @property {Clock} clock
 * @property {Api} api
 * @property {Pick<ViewStore, 'current'>} store
 * @property {Viewer} viewer
 * @property {string} viewerId
 * @property {ColorMappings} colors
 * @property {Telemetry} telemetry
 * @property {Player} player
 * @property {Plot} plot
 * @property {Pick<Tools, 'takesTouch' | 'attach' | 'sketchOf' | 'onBeside'>} tools
 * @property {Pick<Status, 'note' | 'clearNote'>} status
 * @property {Display} display
 * @property {PictureMachine} machine
 * @property {Datasets} datasets
 * @property {Versions} versions
 * @property {Bandwidth} bandwidth
 * @property {(bar: Bar | null) => void} showBar What the colour bar and the histogram are of; null for the picture.
 * @property {() => boolean} fetchesAhead Whether slices are fetched before they are requested.
 * @property {(isDragged: boolean) => void} onDragged What is dragged follows the pointer, so that nothing may take long meanwhile.
 * @property {() => void} onAnswered Called when no plane beside the main one is awaited any more.
 */

/** Right and down on the screen. @type {Record<string, readonly [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** @type {Record<string, number>} */
const STEPS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };
// A click that has moved farther (px) is a drag.
const CLICK_PX = 4;

/** @param {ViewsParts} parts */
export function createViews(parts) {
  const { store, viewer, player, plot, tools, status } = parts;
  /** @type {Linked | null} */
  let linked = null;
  /** @type {Compare | null} */
  let compare = null;
  let isShown = false;
  // What to compare with is being chosen.
  let isChoosing = false;
  /** What is loaded or on its way. @type {Set<'linked' | 'compare'>} */
  const loading = new Set();

  /** @param {'linked' | 'compare'} name @param {() => Promise<void>} made */
  function load(name, made) {
    if (loading.has(name)) return;
    loading.add(name);
    made().then(() => {
      apply();
      if (isChoosing && name === 'compare') compare?.focus();
    }, () => {
      loading.delete(name);
      if (name === 'linked') viewer.setViews(1);
      else viewer.setCompare('');
      status.note('The views could not be loaded. They are tried again when they are chosen.', 'views');
    });
  }

  const loadLinked = () =>
    import('./views/linked.mjs').then(({ createLinked }) => {
      linked = createLinked(parts);
    });
  const loadCompare = () =>
    import('./views/compare.mjs').then(({ createCompare }) => {
      compare = createCompare(Object.assign({}, parts, {
        onShown: () => {
          isChoosing = false;
        },
        onClose: leave,
      }));
    });

  const isThree = () => store.current()?.views === 3;
  const isCompared = () => Boolean(store.current()?.compare) || (isChoosing && Boolean(store.current()));

  /* What is requested has changed in whichever way: the frame of the page follows. */
  function apply() {
    const three = isThree();
    const stage = element('stage');
    const compared = isCompared();
    stage.classList.toggle('three', three);
    stage.classList.toggle('compared', compared);
    element('views-one').setAttribute('aria-pressed', String(!three && !compared));
    element('views-three').setAttribute('aria-pressed', String(three));
    element('views-compare').setAttribute('aria-pressed', String(compared));
    isShown = three || compared;
    if (three) isChoosing = false;
    if (three && !linked) load('linked', loadLinked);
    if (compared && !compare) load('compare', loadCompare);
    linked?.setOpen(three);
    compare?.setOpen(compared);
    if (three) linked?.schedule();
    if (compared) compare?.schedule();
    drawCross(plot.area());
  }

  /** @param {View | null} view */
  function onView(view) {
    if (isShown || view?.views === 3 || isCompared()) apply();
  }

  /** The crosshair on the main picture. @param {PlotArea | null} area */
  function drawCross(area) {
    const view = store.current();
    const node = element('crosshair');
    const on = Boolean(area && view && view.views === 3);
    if (node.hidden === on) node.hidden = !on;
    if (!area || !view || !on) return;
    const { left, top } = placeOf(area, view.position[view.rows], view.position[view.cols]);
    const { style } = node;
    Object.assign(style, {
      left: area.left + 'px',
      top: area.top + 'px',
      width: area.width + 'px',
      height: area.height + 'px',
    });
    const [across, down] = /** @type {HTMLElement[]} */ (Array.from(node.children));
    across.style.transform = 'translateY(' + top + 'px)';
    down.style.transform = 'translateX(' + left + 'px)';
  }

  /** @param {1 | 3} count */
  function choose(count) {
    const view = store.current();
    if (!view) return;
    if (count === 3 && view.axis === null) {
      status.note('Three views need a dataset of three dimensions or more; this one has one picture.', 'views');
      return;
    }
    status.clearNote('views');
    leave();
    viewer.setViews(count);
  }

  /* The bar in which a dataset is chosen to compare with; pressed again it is closed. */
  function chooseCompare() {
    if (!store.current() || leave()) return;
    isChoosing = true;
    viewer.setViews(1);
    apply();
    compare?.focus();
  }

  /* End the comparison; whether there was one. */
  function leave() {
    const was = isCompared();
    isChoosing = false;
    status.clearNote('compare');
    if (store.current()?.compare) viewer.setCompare('');
    else if (was) apply();
    return was;
  }

  /** What keys do to the point, and to the picture that has the focus; whether it is a key of these.
   * @param {KeyboardEvent} event @returns {boolean} */
  function onKey(event) {
    const view = store.current();
    if (view?.compare && compare?.onKey(event)) return true;
    if (!view || view.views !== 3 || event.altKey || event.ctrlKey || event.metaKey) return false;
    const pane = linked?.focused();
    const plane = pane?.view() || view;
    const area = pane ? pane.area() : plot.area();
    const position = view.position.slice();
    if (event.shiftKey && ARROWS[event.key] && area) {
      const [right, down] = ARROWS[event.key];
      position[plane.cols] += right * Math.sign(area.x[1] - area.x[0]);
      position[plane.rows] += down * Math.sign(area.y[1] - area.y[0]);
    } else if (pane && !event.shiftKey && STEPS[event.key] && plane.axis !== null) {
      position[plane.axis] = Math.max(0, Math.min(position[plane.axis] + STEPS[event.key], view.shape[plane.axis] - 1));
    } else return false;
    if (view.axis !== null && position[view.axis] !== view.position[view.axis]) player.stop();
    viewer.setPoint(position);
    return true;
  }

  /* A click or tap on the main picture, which Plotly and the fingers' gestures get as well. */
  function listen() {
    const frame = element('plot-frame');
    /** @type {{x: number, y: number} | null} */
    let begun = null;
    frame.addEventListener('pointerdown', (event) => {
      const isOne = event.isPrimary && event.button === 0 && !event.shiftKey && isThree() && !tools.takesTouch();
      begun = isOne ? { x: event.clientX, y: event.clientY } : null;
    }, true);
    // Plotly covers the page while a button is pressed.
    document.addEventListener('pointerup', (event) => {
      const area = plot.area();
      const view = store.current();
      const from = begun;
      begun = null;
      if (!from || !event.isPrimary || !area || !view) return;
      if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > CLICK_PX) return;
      const box = frame.getBoundingClientRect();
      const [left, top] = [event.clientX - box.left, event.clientY - box.top];
      const inside = left >= area.left && left <= area.left + area.width && top >= area.top &&
        top <= area.top + area.height;
      if (!inside) return;
      const { row, col } = voxelAt(area, left, top, { rows: view.shape[view.rows], cols: view.shape[view.cols] });
      viewer.setPoint(view.position.map((at, d) => (d === view.rows ? row : d === view.cols ? col : at)));
    }, true);
  }

  function start() {
    element('views-one').addEventListener('click', () => choose(1));
    element('views-three').addEventListener('click', () => choose(3));
    element('views-compare').addEventListener('click', chooseCompare);
    listen();
  }

  return {
    start,
    /* What Escape does while it is chosen what to compare with. */
    leave: () => isChoosing && leave(),
    onKey,
    onView,
    /** The most px that a column of the main picture has. @param {View} view With the ranges that it shows. */
    mostOf: (view) => (isThree() && linked ? linked.mostOf(view) : Infinity),
    /* Whether planes beside the main one are awaited. */
    isAwaited: () => isThree() && linked !== null && linked.isBusy(),
    /** The axes of the main picture have moved. @param {PlotArea | null} area */
    onPlaced: (area) => {
      if (!isShown) return;
      drawCross(area);
      compare?.onPlaced(area);
    },
    /** The pointer is over a cell of the main picture. @param {number} row @param {number} col */
    onHover: (row, col) => isShown && compare?.onHover(row, col),
    onUnhover: () => isShown && compare?.onUnhover(),
    /** Another dataset than the main picture's may have changed on disk. @param {number} generation @param {string} version */
    onVersion: (generation, version) => compare?.onVersion(generation, version),
    /* The picture has come to rest or has other colours. */
    onColors: () => {
      if (!isShown) return;
      if (isThree()) linked?.schedule();
      else compare?.schedule();
    },
    // For tests.
    panes: () => (isThree() ? linked?.panes() : compare?.panes()) || [],
    painted: () => compare?.painted(),
  };
}
