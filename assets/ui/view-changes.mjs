/* What the controls of the dock change: the plane and its axes, the kind of picture, and its colours. */

import { formatVoxelSize, parseVoxelSize } from '../model/axes.mjs';
import { cellText } from '../model/cells.mjs';
import { differenceColoring, halfOf } from '../model/difference.mjs';
import { isCategorical } from '../model/kinds.mjs';
import { projectionNote } from '../model/projection.mjs';
import { chosenLabels, formatLabels, parseLabels } from '../model/labels.mjs';
import { isSamePicture, isSamePlane } from '../model/view.mjs';
import { poolOf } from '../model/viewport.mjs';
/** @import { RememberedColors } from '../data/remembered-colors.mjs' */
/** @import { Coloring } from '../model/coloring.mjs' */
/** @import { Compared, Mode } from '../model/compare.mjs' */
/** @import { LabelChoice } from '../model/labels.mjs' */
/** @import { Kind } from '../model/meaning.mjs' */
/** @import { Side } from '../model/plane.mjs' */
/** @import { Action, Aspect, View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Part, Pool } from '../model/viewport.mjs' */
/** @import { ColorMappings } from '../render/color-mapping.mjs' */
/** @import { Picture } from '../render/picture.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { Readout } from '../render/readout.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { Status } from './status.mjs' */

/**
 * @typedef {object} ViewChangeParts
 * @property {ViewStore} store
 * @property {DashBridge} bridge
 * @property {ColorMappings} colors
 * @property {Picture} picture
 * @property {Player} player
 * @property {Plot} plot
 * @property {Readout} readout
 * @property {Pick<Status, 'note' | 'clearNote'>} status
 * @property {Pick<RememberedColors, 'keep'>} remembered
 * @property {(action: Action) => boolean} change
 * @property {() => boolean} isOnPlane Whether the picture on the screen is of the plane of the view.
 * @property {() => boolean} isSeen
 * @property {() => boolean} isLookingUp Whether another dataset, or this one again, is looked up.
 * @property {{leave: () => void, moved: () => void, refresh: () => void, later: () => void, amend: (view: View) => void}} on What is
 *   called: when the address is to have an entry of its own, to request the picture, for what can wait, and where the view is
 *   another one that nobody chose.
 */

// What other colours alone are drawn for.
/** @type {readonly (keyof View)[]} */
const COLORS = ['colorscale', 'reverse', 'norm', 'window', 'centre', 'clip', 'labels', 'opacity', 'difference'];

/** `change(action)` applies an action of model/view.mjs; whether the view is another one now.
 * @param {ViewChangeParts} parts */
export function createViewChanges({
  store,
  bridge,
  colors,
  picture,
  player,
  plot,
  readout,
  status,
  remembered,
  change,
  isOnPlane,
  isSeen,
  isLookingUp,
  on,
}) {
  /** Null while none is chosen, which is checked first. */
  const view = /** @type {() => View} */ (store.current);

  /** Another axis, or other rows and columns. @param {Extract<Action, {type: 'axis' | 'side' | 'transpose'}>} action */
  function setPlane(action) {
    if (!change(action)) return;
    player.stop();
    on.leave();
    bridge.sync(view());
    readout.clear();
    on.refresh();
  }

  /** @param {Side} side */
  function flip(side) {
    if (!change({ type: 'flip', side })) return;
    bridge.syncAxes(view());
    remeasure();
    on.refresh();
  }

  /** Show a view of this dataset again, as it was left. @param {View} next */
  function putBack(next) {
    const before = view();
    if (!before || isLookingUp()) return;
    store.replace(next);
    player.stop();
    if (!isSamePlane(before, next)) {
      on.leave();
      readout.clear();
    } else if (String([before.x, before.y]) !== String([next.x, next.y])) plot.zoom(next.x, next.y);
    on.moved();
    bridge.sync(next);
    remeasure();
    if (isSamePicture(before, next) && COLORS.some((key) => before[key] !== next[key])) {
      picture.recolor(next);
      on.later();
    } else on.refresh();
  }

  /* The axes of the picture on the screen, in the directions and units of the view. */
  function remeasure() {
    if (isOnPlane()) plot.measure(view());
  }

  /** @param {string} text The size of a voxel as it was typed; whether it is understood. */
  function setVoxelSize(text) {
    const size = parseVoxelSize(text);
    if (!size && text.trim()) return false;
    if (change({ type: 'voxel', size: size ? formatVoxelSize(size) : '' })) {
      bridge.sync(view());
      remeasure();
      on.refresh();
    }
    return true;
  }

  /** @param {Aspect} aspect */
  function setAspect(aspect) {
    if (!change({ type: 'aspect', aspect })) return;
    remeasure();
    on.refresh();
  }

  /** @param {Kind} kind */
  function setKind(kind) {
    if (!change({ type: 'kind', kind })) return;
    player.stop();
    bridge.sync(view());
    on.refresh();
  }

  /** Which labels are shown. @param {LabelChoice} choice */
  function setLabels(choice) {
    if (!change({ type: 'labels', labels: formatLabels(choice) })) return;
    bridge.syncColors(view());
    picture.recolor(view());
    on.later();
  }

  /** One view or three. @param {1 | 3} views */
  function setViews(views) {
    if (change({ type: 'views', views })) on.later();
  }

  /** Compare with a dataset, empty for none. @param {string} compare `FILE|DATASET`. @param {Mode} [mode] */
  function setCompare(compare, mode = view()?.mode) {
    if (change({ type: 'compare', compare, mode })) on.later();
  }

  /** What was compared with cannot be: the comparison before it, or none, which is no change of the user's.
   * @param {Compared} before */
  function takeBackCompare({ compare, mode }) {
    if (!view() || !store.dispatch({ type: 'compare', compare, mode })) return;
    on.amend(view());
    on.later();
  }

  /** Half the window of the difference, null for one by its values. Address and history have it when it is let go.
   * @param {number | null} half @param {boolean} [isDragged] */
  function setDifference(half, isDragged = false) {
    if (!view()) return;
    store.dispatch({ type: 'difference', half });
    if (isDragged) return;
    const bar = plot.bar();
    bridge.syncColors(view());
    // The fields waited while a handle was held.
    if (bar) bridge.syncBounds(view(), bar.mapping);
    on.later();
  }

  /** @param {number} share Where a swipe begins, or how much of the second picture a blend has. */
  function setShare(share) {
    if (change({ type: 'share', share })) on.later();
  }

  /** What is measured. @param {string} tools As model/tools.mjs has them. */
  function setTools(tools) {
    if (change({ type: 'tools', tools })) on.later();
  }

  /** Profiles for comparison. @param {string} frozen As model/frozen.mjs has them. */
  function setFrozen(frozen) {
    if (change({ type: 'frozen', frozen })) on.later();
  }

  /** A cell of the picture was clicked. @param {number} row @param {number} column @param {boolean} hide */
  function pickLabel(row, column, hide) {
    const scene = plot.scene();
    const choice = parseLabels(view() ? view().labels : '');
    const labels = scene && (isCategorical(view()) ? scene.cells : scene.cells.overlay);
    if (!labels || !choice || !isSeen()) return;
    setLabels(chosenLabels(choice, cellText(labels, row, column).replace('−', '-'), hide));
  }

  /** Labels of another dataset over the values, or none. @param {string} overlay */
  function setOverlay(overlay) {
    if (!change({ type: 'overlay', overlay })) return;
    bridge.syncColors(view());
    readout.clear();
    on.refresh();
  }

  /** @param {number} opacity Of these labels. */
  function setOpacity(opacity) {
    if (!change({ type: 'opacity', opacity })) return;
    picture.recolor(view());
    on.later();
  }

  /** Slices around the index reduced to one, as `mean:9`; empty for none. @param {string} project */
  function setProjection(project) {
    if (!change({ type: 'project', project })) return;
    const cut = projectionNote(view(), 'The field');
    if (cut) status.note(cut, 'projection');
    else status.clearNote('projection');
    bridge.sync(view());
    on.refresh();
  }

  /** Values as they are meant, or as they are stored. @param {boolean} decode */
  function setDecode(decode) {
    if (!change({ type: 'decode', on: decode })) return;
    bridge.syncColors(view());
    on.refresh();
  }

  /** @param {Extract<Action, {type: 'colors'}>['change']} colors_ */
  function setColors(colors_) {
    if (!view()) return;
    store.dispatch({ type: 'colors', change: colors_ });
    remembered.keep(view());
    const shown = plot.bar() ? differenceColoring(view()) : view();
    const keys = /** @type {const} */ (['norm', 'colorscale', 'reverse']);
    if (keys.some((key) => key in colors_ && colors_[key] !== shown[key])) {
      status.note(
        'A difference has diverging colours, and a norm for both signs: this is for the pictures.',
        'difference',
      );
    } else status.clearNote('difference');
    bridge.syncColors(view());
    picture.recolor(view());
    on.later();
  }

  /** The window while a handle of it is dragged: controls and address follow when it is let go, by setColors.
   * @param {Partial<Coloring>} colors_ */
  function previewColors(colors_) {
    if (view() && store.dispatch({ type: 'colors', change: colors_ })) picture.recolor(view());
  }

  /** The contrast window that was chosen: of the difference where there is one over the picture.
   * @param {View['window']} window */
  function setWindow(window) {
    const bar = plot.bar();
    if (!bar) setColors({ window });
    else setDifference(typeof window === 'string' ? null : halfOf(bar.mapping, { lo: window[0], hi: window[1] }));
  }

  /* From now on the window that is in force stays, until other numbers are given. */
  function freezeWindow() {
    const bar = plot.bar();
    if (bar) {
      setDifference(bar.mapping.hi);
      return;
    }
    const mapping = colors.current();
    if (mapping) setColors({ window: [mapping.lo, mapping.hi] });
  }

  /** @param {Pool} pool */
  function setPool(pool) {
    if (!change({ type: 'pool', pool })) return;
    // Labels stay unpooled by mean, whatever is chosen.
    bridge.setControl('pool-select', poolOf(view()));
    on.refresh();
  }

  /** @param {Part} part */
  function setPart(part) {
    if (!change({ type: 'part', part })) return;
    bridge.syncColors(view());
    on.refresh();
  }

  return {
    setPlane,
    setViews,
    setCompare,
    takeBackCompare,
    setDifference,
    setShare,
    putBack,
    flip,
    setVoxelSize,
    setAspect,
    setKind,
    setLabels,
    setTools,
    setFrozen,
    pickLabel,
    setOverlay,
    setOpacity,
    setProjection,
    setDecode,
    setColors,
    previewColors,
    setWindow,
    freezeWindow,
    setPool,
    setPart,
  };
}
