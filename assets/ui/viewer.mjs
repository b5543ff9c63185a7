/* The way from a request to the picture: changing the view, and going back. Datasets are opened by opening.mjs.

   The store's view is what is requested, `seen` what is on the screen. The controls follow the first; title, breadcrumb
   and address bar the second, so that a picture never stands under another one's name. To cancel is to go back to it. */

import { CHANGED, grows, isSamePicture, isSamePlane, withColorsOf } from '../model/view.mjs';
import { createViewHistory } from '../model/view-history.mjs';
import { createIdleWork } from './idle-work.mjs';
import { createOpening } from './opening.mjs';
import { createViewChanges } from './view-changes.mjs';
import { createZooming } from './zooming.mjs';
/** @import { Failure } from '../data/api.mjs' */
/** @import { Action, View } from '../model/view.mjs' */
/** @import { ColorMappings } from '../render/color-mapping.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { Readout } from '../render/readout.mjs' */
/** @import { LeftOff } from './left-off.mjs' */
/** @import { HistoryChange, Navigation } from './navigation.mjs' */
/** @import { Newest } from './newest.mjs' */
/** @import { OpeningParts } from './opening.mjs' */
/** @import { RememberedColors } from '../data/remembered-colors.mjs' */
/** @import { Polling } from './polling.mjs' */
/** @import { Residency } from './residency.mjs' */
/** @import { Sheet, Shown } from './sheet.mjs' */
/** @import { StartPage } from './start-page.mjs' */

/**
 * @typedef {object} OwnParts
 * @property {{restDelay: number}} config
 * @property {ColorMappings} colors
 * @property {LeftOff} leftOff
 * @property {Navigation} navigation
 * @property {Pick<Polling, 'used'>} polling
 * @property {Plot} plot
 * @property {Readout} readout
 * @property {Newest} newest
 * @property {RememberedColors} remembered
 * @property {Residency} residency
 * @property {Sheet} sheet
 * @property {Pick<StartPage, 'show' | 'hide'>} startPage
 */

/** @typedef {ReturnType<typeof createViewer>} Viewer */

// Actions that move the position.
const MOVEMENTS = ['index', 'step', 'fixed', 'point'];

/** @param {OpeningParts & OwnParts} parts */
export function createViewer({
  config,
  store,
  bridge,
  colors,
  datasets,
  leftOff,
  navigation,
  newest,
  polling,
  picture,
  player,
  plot,
  readout,
  remembered,
  residency,
  sheet,
  startPage,
  status,
  tree,
  versions,
}) {
  /** Null while none is chosen, which is checked first. */
  const view = /** @type {() => View} */ (store.current);

  /** @type {View | null} */
  let seen = null;
  /** What the address bar gets when the picture is there, and whether it has changed already.
   * @type {{how: HistoryChange, moved: boolean} | null} */
  let arrival = null;

  const viewHistory = createViewHistory();
  const idleWork = createIdleWork({ config, viewHistory, store, isSeen, bridge, navigation, residency });

  const opening = createOpening({
    store,
    bridge,
    datasets,
    newest,
    picture,
    player,
    status,
    tree,
    versions,
    remembered,
    seen: () => seen,
    on: { found: take, rows: takeRows, refresh, failed: sheet.hide, choose: showStart },
  });

  const changes = createViewChanges({
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
    isLookingUp: opening.isLookingUp,
    on: { leave, moved: newest.onMoved, refresh, later: idleWork.schedule, amend: viewHistory.amend },
  });

  const zooming = createZooming({
    store,
    bridge,
    newest,
    plot,
    change,
    isOnPlane: () => !opening.isLookingUp() && isOnPlane(),
    refresh,
  });

  /* Whether the picture on the screen is of the plane of the view. */
  function isOnPlane() {
    return Boolean(view() && seen && isSamePlane(view(), seen));
  }

  /* The next picture has an entry of its own in the history. */
  function leave() {
    newest.stop();
    arrival = arrival || { how: 'push', moved: false };
  }

  /** Show the view of a link or of a file that was read again, see opening.mjs.
   * @param {{view: View, notes: string[]}} made @param {HistoryChange} [history] @param {string | null} [chosen] */
  function take({ view: found, notes }, history, chosen) {
    if (history) arrival = { how: history, moved: history === 'none' && seen !== null };
    sheet.hide();
    startPage.hide();
    store.replace(found);
    if (newest.isOn()) store.dispatch({ type: 'index', index: Infinity });
    if (notes.length) status.note(notes.join(' '), 'link');
    leftOff.opened(found, chosen, notes.length > 0);
    tree.select(found);
    bridge.sync(view());
    viewHistory.note(view(), null);
    refresh();
  }

  /** Show a dataset as rows, in the picture's place. @param {Shown} found @param {HistoryChange} history */
  function takeRows(found, history) {
    leavePicture();
    startPage.hide();
    player.stop();
    status.clear();
    status.busy(false);
    const { file, record } = found;
    tree.select({ file, dataset: record.dataset });
    navigation.showRows(file, record, history);
    sheet.show(found);
  }

  /* The picture */

  /** A picture of the view, or of one that was requested a moment ago, is on the screen. @param {View} shown */
  function onScreen(shown) {
    const before = seen;
    seen = shown;
    idleWork.catchUp();
    if (!view() || !isSamePlane(view(), shown)) return;
    status.clear();
    if (!arrival && before && before.generation === shown.generation) return;
    const how = arrival ? arrival.how : 'none';
    arrival = null;
    if (before && how === 'push') navigation.updateUrl(before, 'replace');
    navigation.renderBreadcrumb(shown);
    navigation.updateUrl(shown, how);
  }

  function isSeen() {
    return Boolean(view() && seen && !opening.isLookingUp() && isSamePicture(view(), seen));
  }

  /* Go back to the picture on the screen, from whatever is awaited or has failed. */
  function cancel() {
    const isOld = opening.cancel();
    player.stop();
    status.clear();
    status.busy(false);
    if (!seen) {
      showStart();
      return;
    }
    const now = view();
    store.replace(
      now && now.generation === seen.generation && now.part === seen.part && now.decode === seen.decode
        ? withColorsOf(seen, now)
        : seen,
    );
    // The browser went to another address by itself.
    if (arrival && arrival.moved) navigation.updateUrl(view(), 'push');
    arrival = null;
    tree.select(view());
    bridge.sync(view());
    picture.restore(view());
    idleWork.schedule();
    if (isOld) {
      status.note(CHANGED + ' The picture is as it was before.', 'changed', 'Read again', () => opening.readAgain());
    }
  }

  function leavePicture() {
    store.replace(null);
    seen = null;
    arrival = null;
    idleWork.cancel();
    picture.leave();
    bridge.clear();
    residency.show(null);
  }

  /* Nothing is chosen. */
  function showStart() {
    leavePicture();
    sheet.hide();
    tree.deselect();
    status.clear();
    status.busy(false);
    navigation.renderNothing();
    startPage.show();
  }

  /* What Escape does; whether there was anything to leave. */
  function goBack() {
    const failing = status.isFailing();
    if (failing ? seen : opening.isLookingUp() || (view() && !isSeen())) {
      cancel();
      return true;
    }
    return !failing && status.clearNote();
  }

  /* Changes of the view. While another dataset is looked up there are none but to cancel, and while the same one is
     read again only the position changes: the picture of it is requested when that is done. */

  /** Apply an action of model/view.mjs; whether the view is another one now.
   * @param {Action} action @returns {boolean} */
  function change(action) {
    const allowed = opening.isReadingAgain() ? MOVEMENTS.includes(action.type) : !opening.isLookingUp();
    const changes = Boolean(view()) && allowed && store.dispatch(action);
    if (changes) leftOff.moved();
    return changes;
  }

  /** Move the position; whether it has moved. @param {Action} action */
  function move(action) {
    if (!change(action)) return false;
    newest.onMoved();
    // What is requested depends on sizes, which are read before anything is written.
    refresh();
    bridge.followPosition(view());
    return true;
  }

  /** @param {number} index */
  const go = (index) => void move({ type: 'index', index });

  /** @param {number} by */
  const step = (by) => void move({ type: 'step', by });

  function goToEnd() {
    if (view() && view().axis !== null) go(view().shape[/** @type {number} */ (view().axis)] - 1);
  }

  /** The volume has this shape now. Where it grew beside the picture, nothing but the slider changes.
   * @param {number[]} shape */
  function onShape(shape) {
    const now = view();
    if (!now || opening.isLookingUp() || String(shape) === String(now.shape)) return;
    if (!grows(now, shape)) {
      opening.readAgain();
      return;
    }
    store.dispatch({ type: 'shape', shape });
    if (isSeen()) navigation.renderBreadcrumb(view());
    bridge.sync(view());
    if (newest.isOn()) goToEnd();
  }

  /** Go to an index that was typed, at most to either end, which a note then says.
   * @param {number} dimension @param {number} index */
  function goTyped(dimension, index) {
    if (!view()) return;
    const end = view().shape[dimension] - 1;
    const at = Math.max(0, Math.min(index, end));
    move({ type: 'fixed', dimension, index: at });
    if (at === index) status.clearNote('link');
    else {
      status.note('There is no slice ' + index + ', only 0 to ' + end + ': this is ' + at + '.', 'link');
      bridge.sync(view());
    }
  }

  /** Move along a dimension that is not on the screen, and becomes the axis. The controls follow when it is let go.
   * @param {number} dimension @param {number} index */
  function moveAlong(dimension, index) {
    if (change({ type: 'axis', axis: dimension })) {
      player.stop();
      leave();
    }
    go(index);
  }

  /* A slice has turned out to be one of an enum; returns the view that knows it. */
  function onEnumFound() {
    store.dispatch({ type: 'enum' });
    bridge.sync(view());
    return view();
  }

  /* Request the picture of the view as it is now. */
  function refresh() {
    if (!view() || opening.isLookingUp()) return;
    opening.onRequest();
    status.clear();
    polling.used();
    idleWork.schedule();
    picture.show(view(), opening.takeTime());
  }

  return {
    start: opening.start,
    current: store.current,
    /* What is on the screen, null before the first picture. */
    seen: () => seen,
    open: opening.open,
    openUnder: opening.openUnder,
    openAddress: opening.openAddress,
    isLookingUp: opening.isLookingUp,
    history: viewHistory,
    go,
    step,
    goToEnd,
    goTyped,
    moveAlong,
    ...changes,
    ...zooming,
    cancel,
    goBack,
    resume: () => view() && !opening.isLookingUp() && picture.show(view()),
    onScreen,
    onVersionChange: opening.onVersionChange,
    onRefused: opening.onRefused,
    onHeartbeat: opening.onHeartbeat,
    onShape,
    onEnumFound,
    /** What came could not be drawn. @param {Failure} error */
    onDrawError: (error) => opening.onFailure(error, view(), refresh),
  };
}
