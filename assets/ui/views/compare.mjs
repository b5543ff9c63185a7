/* A second dataset at the same place, in the same window: beside the picture, or over it by swipe, as difference, or blended. */

import { compared, MODES } from '../../model/compare.mjs';
import { conversionTo, converted, differenceUnit, titlesOf, valuesText } from '../../model/compared-values.mjs';
import {
  differenceMapping,
  differenceOf,
  indexLike,
  isOutside,
  laidUnder,
  onGrid,
  pointIn,
  viewLike,
  whyNoDifference,
  whyUnlike,
} from '../../model/comparison.mjs';
import { mappingBeside } from '../../render/color-mapping.mjs';
import { element } from '../../render/dom.mjs';
import { createCompareBar } from './compare-bar.mjs';
import { createOver, moved } from './compare-over.mjs';
import { createPane, made } from './pane.mjs';
import { createPlaneValues } from './plane-values.mjs';
import { marksAt } from './ticks.mjs';
/** @import { Failure } from '../../data/api.mjs' */
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { Compared, Mode } from '../../model/compare.mjs' */
/** @import { Laid } from '../../model/comparison.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Found, View } from '../../model/view.mjs' */
/** @import { ViewsParts } from '../views.mjs' */

// Refusals that stay.
const GONE = [400, 403, 404, 410, 422];
// Between a picture and what is beside it (px): ticks and title of rows, and at the right end half of a tick's text.
const LEFT = 60;
const LEAST_LEFT = 34;
const LEAST_TITLE = 44;
const RIGHT = 14;
/** @type {Compared} */
const NOTHING = { compare: '', mode: MODES[0] };

/** @typedef {ReturnType<typeof createCompare>} Compare */

/** `onShown()` is called when something is compared. `onClose()` ends the comparison.
 * @param {ViewsParts & {onShown: () => void, onClose: () => void}} parts */
export function createCompare(parts) {
  const { clock, store, viewer, colors, player, plot, machine, datasets, versions, display, tools, status } = parts;
  let due = false;
  let isOpen = false;
  let requestedAt = 0;
  /** The second dataset; null until it is known. @type {{name: string, found: Found} | null} */
  let other = null;
  let lookup = '';
  /** The view of it that is requested. @type {View | null} */
  let like = null;
  /** What is to be seen of it, in the unit of the first, and as it is. @type {Cells | null} */
  let cells = null;
  /** @type {Cells | null} */
  let stored = null;
  /** How it lies under the picture. @type {Laid | null} */
  let laid = null;
  /** The comparison that was shown last, and of which dataset. @type {Compared & {of: string} | null} */
  let good = null;
  /** The difference that is over the picture, and what it was made of. @type {{own: Cells, theirs: Cells, cells: Cells} | null} */
  let difference = null;

  const bar = createCompareBar(datasets, {
    choose: (compare) => viewer.setCompare(compare),
    setMode: (mode) => viewer.setCompare(store.current()?.compare || '', mode),
    setHalf: (half) => viewer.setDifference(half),
    moved: () => over.place(plot.area()),
    setShare: (share) => viewer.setShare(share),
    onDragged: parts.onDragged,
    close: parts.onClose,
  });
  const pane = createPane(
    'view-compare',
    tools,
    {
      point: () => undefined,
      step: (by) => {
        player.stop();
        viewer.step(by);
      },
      go: () => undefined,
      zoom: (x, y) => {
        const view = store.current();
        if (view) viewer.setRanges(new Map([[view.rows, y], [view.cols, x]]));
      },
      showAll: () => viewer.showAll(),
      resized: () => schedule(),
      drawn: () => {
        const view = store.current();
        return view && view.compare && view.mode === 'side' ? view : null;
      },
    },
    (theirs) => titlesOf(store.current() || theirs, theirs)[1],
    beside,
  );
  const title = made('div', { className: 'compare-name' });
  const over = createOver({ plot, store, tools, share: bar.share, onPlaced: bar.placeHandle });
  const nodes = [bar.node, title, pane.node, ...over.nodes, bar.handle];

  const values = createPlaneValues(parts, {
    paint: (next) => {
      const view = store.current();
      stored = next;
      cells = view && like ? converted(next, conversionTo(view, like)) : next;
      return draw();
    },
    same: draw,
    busy: (busy) => {
      pane.setBusy(busy);
      bar.setBusy(busy);
    },
    failed: (error) => GONE.includes(Number(error.status)) ? refuse(error.message) : say(error.message),
    took: () => undefined,
  }, { isOn: parts.fetchesAhead });

  /** @param {string} text */
  function say(text) {
    bar.say(text);
    if (text) hideOver();
  }

  /** What was chosen cannot be compared with: the page is as it was before. @param {string} sentence */
  function refuse(sentence) {
    const view = store.current();
    if (!view) return;
    const isBefore = good && good.compare !== view.compare && good.of === nameOf(view);
    viewer.takeBackCompare(isBefore && good ? good : NOTHING);
    status.note(sentence, 'compare');
  }

  /** The second picture is as large as the first, at the same height, with the same ticks. */
  function beside() {
    const main = plot.area();
    const [frame, own] = [pane.frame, element('plot-frame')].map((one) => one.getBoundingClientRect());
    if (!main || !laid || !frame.width) return null;
    const free = frame.width - main.width;
    const centred = free > LEFT + RIGHT ? LEFT + (free - LEFT - RIGHT) / 2 : Math.max(free - RIGHT, LEAST_LEFT);
    // At one height beside each other, or below each other at one left end.
    const place = frame.left >= own.right
      ? { left: Math.round(centred), top: main.top + own.top - frame.top }
      : { left: main.left + own.left - frame.left };
    const box = { ...main, ...place };
    return {
      area: { ...box, x: moved(main.x, laid.cols), y: moved(main.y, laid.rows) },
      pointed: { x: main.x, y: main.y },
      // The title of rows is that of the first one where there is no space for another.
      marks: marksAt(plot.marks(), box).filter((mark) => box.left >= LEAST_TITLE || mark.className !== 'title-y'),
    };
  }

  /* Paint what there is; null where that is nothing yet. */
  function draw() {
    const view = store.current();
    const mapping = colors.current();
    if (!view || !mapping || !cells || !laid || !like || !view.compare) return null;
    if (view.mode !== 'difference') showDifference(null);
    const theirs = mappingBeside(view, like, mapping, cells);
    if (view.mode === 'side') return pane.paint(cells, theirs);
    if (view.mode !== 'difference') return over.paint(cells, theirs, laid.exact ? null : laid);
    const { drawn, covered } = machine.state();
    const own = drawn && !covered && isOfView(drawn.request.view, view) ? drawn.cells : null;
    const isOfGrid = own && (!laid.exact || isSameGrid(own, cells));
    const isAlike = own && isOfGrid && (own.step === 1 || own.meta.pool === cells.meta.pool);
    if (own && isOfGrid && !isAlike) bar.say('They are pooled in different ways: zoom in to see the difference.');
    // The picture's own values come when it rests.
    over.setStale(!isAlike);
    if (!isAlike) {
      if (!difference) hideOver();
      return null;
    }
    const isNew = !difference || difference.own !== own || difference.theirs !== cells;
    const found = isNew ? differenceOf(own, laid.exact ? cells : onGrid(cells, own, laid)) : difference?.cells || own;
    difference = { own, theirs: cells, cells: found };
    const scale = differenceMapping(found, view);
    const unit = differenceUnit(view, like);
    bar.showHalf(view.difference, scale.hi, unit);
    showDifference({ mapping: scale, cells: found, name: 'difference', unit });
    return over.paint(found, scale);
  }

  /** What the colour bar is of: the difference, or null for the picture. @param {ReturnType<typeof plot.bar>} next */
  function showDifference(next) {
    if (!next) difference = null;
    const now = plot.bar();
    if (now?.cells !== next?.cells || now?.mapping.key !== next?.mapping.key) parts.showBar(next);
  }

  function hideOver() {
    showDifference(null);
    over.hide();
  }

  /** Look the second dataset up; the one before stays meanwhile. @param {View} view */
  async function find(view) {
    const name = view.compare;
    if (lookup === name) return;
    lookup = name;
    bar.setBusy(true);
    try {
      const { file, record, meaning } = await datasets.findTarget(compared(name) || { file: null, dataset: null });
      if (lookup !== name) return;
      if (!record.browsable) throw new Error(record.dataset + ' has no slices to compare with.');
      const listed = datasets.version(file);
      const generation = versions.generationOf(file, record.dataset, listed);
      leave();
      other = { name, found: { file, record, meaning, listed, generation } };
      schedule();
    } catch (thrown) {
      if (lookup === name && store.current()?.compare === name) refuse(/** @type {Failure} */ (thrown).message);
    } finally {
      if (lookup === name) {
        lookup = '';
        bar.setBusy(false);
      }
    }
  }

  /** @param {View} view */
  function update(view) {
    bar.show(view);
    if (!view.compare) {
      leave();
      other = null;
      arrange(null);
      return;
    }
    if (!other || other.name !== view.compare) {
      find(view);
      return;
    }
    const { found } = other;
    const { dataset, shape, dtype } = found.record;
    const meaning = found.meaning || null;
    laid = laidUnder(view, { shape, meaning, dtype });
    like = viewLike(view, found);
    if (!laid || !like) {
      refuse(whyUnlike(view, dataset, { shape, meaning, dtype }));
      return;
    }
    if (good?.compare !== view.compare) status.clearNote('compare');
    const none = whyNoDifference(view, like);
    const mode = none && view.mode === 'difference' ? MODES[0] : view.mode;
    bar.allowDifference(!none);
    good = { compare: view.compare, mode, of: nameOf(view) };
    if (mode !== view.mode) {
      viewer.takeBackCompare(good);
      status.note(none + ' They are shown side by side.', 'compare');
      return;
    }
    parts.onShown();
    arrange(view.mode);
    const isAway = isOutside(like);
    say(isAway ? 'There is nothing of ' + dataset + ' at this place.' : '');
    const isSide = view.mode === 'side';
    title.textContent = titleOf(view, like);
    if (isSide) hideOver();
    else pane.clear();
    pane.place(like, null, { counted: view });
    if (isAway) {
      values.clear();
      pane.clear();
      cells = null;
      return;
    }
    const { axis } = like;
    if (axis !== null && view.axis !== null && like.position[axis] !== indexLike(view, like, view.axis, axis)) {
      const ends = like.position[axis] ? ' ends at slice ' : ' begins at slice ';
      bar.say(dataset + ends + like.position[axis] + ', which is shown.');
    }
    const pixels = pane.pixels();
    if (!isSide) values.update(like, cellsOf(view), requestedAt);
    else if (pixels) values.update(like, display.cellsBeside(like, pixels), requestedAt);
    over.place(plot.area());
  }

  /** How the page is laid out: one picture until there are two. @param {Mode | null} mode */
  function arrange(mode) {
    const { dataset } = element('stage');
    title.hidden = mode === null;
    if (dataset.compare !== (mode || 'none')) dataset.compare = mode || 'none';
  }

  /** As many as the picture has, which may be finer than its screen. @param {View} view */
  function cellsOf(view) {
    const own = machine.state().drawn?.cells;
    return Math.max(display.cellsAtRest(view), own ? own.rows * own.cols : 0);
  }

  function leave() {
    values.clear();
    pane.clear();
    hideOver();
    say('');
    bar.showValues('');
    bar.placeHandle(null);
    cells = null;
    stored = null;
    laid = null;
    like = null;
  }

  function schedule() {
    if (due) return;
    due = true;
    requestedAt = clock.inputTime();
    clock.nextFrame(() => {
      due = false;
      const view = store.current();
      if (isOpen && view) update(view);
    });
  }

  /** @param {boolean} open */
  function setOpen(open) {
    if (open === isOpen) return;
    isOpen = open;
    if (open) {
      arrange(null);
      element('views').append(...nodes);
      datasets.loadFiles().then(schedule, () => undefined);
    } else {
      leave();
      other = null;
      good = null;
      lookup = '';
      nodes.forEach((node) => node.remove());
      delete element('stage').dataset.compare;
    }
  }

  return {
    schedule,
    setOpen,
    /** @param {PlotArea | null} area */
    onPlaced: (area) => {
      if (!isOpen) return;
      if (store.current()?.mode === 'side') pane.layOut();
      over.place(area);
    },
    focus: () => bar.focus(),
    /** Both values under the pointer, whose place the second picture marks. @param {number} row @param {number} col */
    onHover: (row, col) => {
      if (!isOpen) return;
      const drawn = machine.state().drawn;
      const view = store.current();
      const own = drawn && drawn.cells;
      const sides = view && own && stored && like
        ? { own: { view, cells: own }, theirs: { view: like, cells: stored } }
        : null;
      bar.showValues(sides && laid ? valuesText(sides.own, sides.theirs, row, col, laid) : '');
      pane.mark(own && laid && pointIn(own, row, col, laid));
    },
    onUnhover: () => isOpen && pane.mark(null),
    /** The second dataset has changed on disk. @param {number} generation @param {string} version */
    onVersion: (generation, version) => {
      if (!other || other.found.generation !== generation) return;
      const { file, record, listed } = other.found;
      versions.renew({ file, dataset: record.dataset, listed }, version);
      datasets.invalidate(file);
      other = null;
      schedule();
    },
    onKey: bar.onKey,
    panes: () => [pane],
    painted: over.painted,
  };
}

/** @param {View} view */
const nameOf = ({ file, dataset }) => file + '|' + dataset;

/** Whether a picture is of the slice of a view. @param {View} drawn @param {View} view */
function isOfView(drawn, view) {
  return drawn.generation === view.generation && drawn.rows === view.rows && drawn.cols === view.cols &&
    view.position.every((at, d) => d === view.rows || d === view.cols || at === drawn.position[d]);
}

/** @param {Cells} a @param {Cells} b */
const isSameGrid = (a, b) =>
  (/** @type {const} */ (['rows', 'cols', 'row0', 'col0', 'rowStep', 'colStep'])).every((key) => a[key] === b[key]);

/** What stands over the first picture. @param {View} view @param {View} other */
function titleOf(view, other) {
  const [own, theirs] = titlesOf(view, other);
  if (view.mode === 'side') return own;
  if (view.mode === 'difference') return own + ' − ' + theirs;
  return view.mode === 'swipe' ? own + ' | ' + theirs : theirs + ' over ' + own;
}
