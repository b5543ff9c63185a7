/* The way from a request to the picture: opening datasets, changing the view, and going back.

   The store's view is what is requested, `seen` what is on the screen. The controls follow the first; title, breadcrumb
   and address bar the second, so that a picture never stands under another one's name. To cancel is to go back to it. */

import { parseLink } from '../model/address.mjs';
import {
  carryOver,
  CHANGED,
  createView,
  describeChanges,
  describeTarget,
  isSamePicture,
  isSamePlane,
  withColorsOf,
} from '../model/view.mjs';
import { poolOf } from '../model/viewport.mjs';
import { createIdleWork } from './idle-work.mjs';

const ZOOM_DELAY_MS = 120;
// A file that is written all the time is not read again more often than this.
const READ_AGAIN_MS = 1000;
// Errors that may mean that the file has changed.
const MAYBE_CHANGED = [400, 404, 409, 422];

export function createViewer({
  config,
  store,
  bridge,
  colors,
  datasets,
  navigation,
  picture,
  player,
  plot,
  readout,
  residency,
  status,
  tree,
  versions,
}) {
  let zoomTimer = 0;
  const view = store.current;

  let seen = null;
  // While a dataset is looked up: {changed: whether its file is read again because it has changed}, else null.
  let opening = null;
  // What the address bar gets when the picture is there: {how: push, replace or none, moved: it has changed already}.
  let arrival = null;
  // The user did not wait for the new state of a file, and stays with the picture of the old one.
  let staying = false;
  // What to do when a missing file or dataset answers again.
  let comeback = null;
  // The generation whose shape was checked because the server had another.
  let checked = null;
  let readAt = -Infinity;

  const idleWork = createIdleWork({ config, store, isSeen, bridge, navigation, residency });

  /* Opening */

  /* A dataset is looked up, `again` when it is the one of the view. Returns whether that is still so. */
  function begin(target, again) {
    const mine = { changed: false };
    opening = mine;
    if (!again) player.stop();
    comeback = null;
    status.clear();
    picture.halt();
    status.busy(true, describeTarget(target));
    return () => opening === mine;
  }

  function withState(found) {
    const listed = datasets.version(found.file);
    const generation = versions.generationOf(found.file, found.record.dataset, listed);
    return Object.assign({ listed, generation }, found);
  }

  /* Show what a link names; what it leaves open comes from the dataset. `history` is push, replace or none. */
  async function openLink(link, history) {
    const isCurrent = begin(link, false);
    try {
      const found = await datasets.findTarget(link);
      if (!isCurrent()) return;
      const made = createView(withState(found), link, view() || seen, history === 'push');
      arrival = { how: history, moved: history === 'none' && seen !== null };
      status.clearNote();
      take(made.view, made.notes);
    } catch (error) {
      if (isCurrent()) onFailure(error, link, (error.status || error.lost) && (() => openLink(link, history)));
    }
  }

  function take(made, notes) {
    opening = null;
    store.replace(made);
    if (notes.length) status.note(notes.join(' '), 'link');
    tree.select(made);
    bridge.sync(made);
    refresh();
  }

  /* Read the view's file again, because an answer had another `version` or an `error` may mean that it has changed;
     without either the user requested it. */
  async function readAgain({ version = null, error = null } = {}) {
    const before = view();
    const known = versions.isKnown(before.generation);
    const isCurrent = begin(before, true);
    opening.changed = Boolean(version) && known;
    if (opening.changed) status.note(CHANGED, 'changed');
    try {
      await pause(readAt + READ_AGAIN_MS - performance.now());
      if (!isCurrent()) return;
      readAt = performance.now();
      datasets.invalidate(before.file);
      const found = await datasets.findTarget(before);
      if (!isCurrent()) return;
      const same = found.record.dtype === before.dtype && String(found.record.shape) === String(before.shape) &&
        datasets.version(before.file) === before.listed;
      if (error && same) {
        onFailure(error, before, () => readAgain());
        return;
      }
      const fresh = withState(found);
      if (version || !same) {
        const { file, record, listed } = fresh;
        fresh.generation = versions.renew({ file, dataset: record.dataset, listed }, version || null);
      }
      const made = carryOver(fresh, view());
      picture.dropFrames();
      take(made.view, []);
      if (known && (version || !same)) status.note(describeChanges(before, view()), 'changed');
      if (view().axis === null || view().shape[view().axis] < 2) player.stop();
    } catch (failure) {
      if (!isCurrent()) return;
      if (failure.status === undefined && !failure.lost) failure.message = CHANGED + ' ' + failure.message;
      onFailure(failure, before, () => readAgain());
      comeback = () => readAgain();
    }
  }

  /* An answer was of another state of the volume. */
  function onVersionChange(generation, version) {
    if (view() && !opening && !staying && view().generation === generation) readAgain({ version });
  }

  /* A slice was refused. */
  function onRefused(error, request) {
    if (!view() || opening || request.generation !== view().generation) return;
    if (MAYBE_CHANGED.includes(error.status)) readAgain({ error });
    else onFailure(error, view(), refresh);
  }

  /* The volume has answered while no slice was requested (error null), or has not. */
  function onHeartbeat(error) {
    if (!view() || opening) return;
    const there = !error || error.status === 400;
    if (there && status.clearNote('away')) picture.scheduleHeatmap();
    if (there && comeback) comeback();
    else if (there && error && checked !== view().generation) {
      checked = view().generation;
      readAgain();
    }
    if (!there && !status.isFailing() && (error.lost || [404, 422].includes(error.status))) {
      status.note(
        (error.lost ? 'The connection to the server is lost.' : error.message) + ' The picture is as it was read last.',
        'away',
      );
    }
  }

  /* The picture */

  /* A picture of the view, or of one that was requested a moment ago, is on the screen. */
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
    return Boolean(view() && seen && !opening && isSamePicture(view(), seen));
  }

  /* Go back to the picture on the screen, from whatever is awaited or has failed. */
  function cancel() {
    const old = Boolean(opening && opening.changed) || Boolean(seen && versions.isOutdated(seen));
    player.stop();
    status.clear();
    status.busy(false);
    opening = null;
    comeback = null;
    if (!seen) {
      showNothing();
      return;
    }
    const now = view();
    store.replace(now && now.generation === seen.generation && now.part === seen.part ? withColorsOf(seen, now) : seen);
    // The browser went to another address by itself.
    if (arrival && arrival.moved) navigation.updateUrl(view(), 'push');
    arrival = null;
    tree.select(view());
    bridge.sync(view());
    staying = old;
    picture.restore(view());
    idleWork.schedule();
    if (old) {
      status.note(CHANGED + ' The picture is as it was before.', 'changed', 'Read again', () => readAgain());
    }
  }

  function showNothing() {
    store.replace(null);
    arrival = null;
    idleWork.cancel();
    picture.halt();
    bridge.clear();
    tree.deselect();
    residency.show(null);
    status.failed(new Error('Nothing is chosen. Choose a dataset in the list of files.'), { retry: start });
    offer(null);
  }

  /* What Escape does; whether there was anything to leave. */
  function goBack() {
    const failing = status.isFailing();
    if (failing ? seen : opening || (view() && !isSeen())) {
      cancel();
      return true;
    }
    return !failing && status.clearNote();
  }

  /* Say what is wrong with what `link` names; `again` tries it once more, where that can help. */
  function onFailure(error, link, again) {
    const passing = !error.status || error.status >= 500 || [404, 409, 429].includes(error.status);
    opening = null;
    player.stop();
    picture.fail();
    if (!view()) bridge.clear();
    status.failed(error, { retry: passing && again ? again : null, cancel: Boolean(seen) });
    if (error.lost || !link) return;
    if (error.status === 404) tree.reload().catch(() => undefined);
    tree.reveal(link.file);
    offer(link);
  }

  /* Offer a dataset that can be shown, in the same file if it has one. */
  async function offer(link) {
    const found = (link && link.file && await datasets.alternative(link.file, link.dataset)) ||
      await datasets.alternative(null, link && link.dataset);
    if (found && status.isFailing()) status.offer(found, () => open(found));
  }

  function open(found) {
    return openLink(Object.assign(parseLink(''), found), 'push');
  }

  /* Changes of the view. While another dataset is looked up there are none but to cancel. */

  /* Apply an action of model/view.mjs; whether the view is another one now. */
  function change(action) {
    return Boolean(view()) && !opening && store.dispatch(action);
  }

  function go(index) {
    if (!change({ type: 'index', index })) return;
    bridge.followPosition(view());
    refresh();
  }

  function step(by) {
    if (!change({ type: 'step', by })) return;
    bridge.followPosition(view());
    refresh();
  }

  function goToEnd() {
    if (view() && view().axis !== null) go(view().shape[view().axis] - 1);
  }

  function setFixed(dimension, index) {
    if (change({ type: 'fixed', dimension, index })) refresh();
  }

  function setAxis(axis) {
    if (!change({ type: 'axis', axis })) return;
    player.stop();
    arrival = arrival || { how: 'push', moved: false };
    bridge.sync(view());
    readout.clear();
    refresh();
  }

  function setColors(colors_) {
    if (!view()) return;
    store.dispatch({ type: 'colors', change: colors_ });
    bridge.syncColors(view());
    picture.recolor(view());
    idleWork.schedule();
  }

  /* From now on the window that is in force stays, until other numbers are given. */
  function freezeWindow() {
    const mapping = colors.current();
    if (mapping) setColors({ window: [mapping.lo, mapping.hi] });
  }

  function setPool(pool) {
    if (!change({ type: 'pool', pool })) return;
    // Labels stay unpooled by mean, whatever is chosen.
    bridge.setControl('pool-select', poolOf(view()));
    refresh();
  }

  function setPart(part) {
    if (!change({ type: 'part', part })) return;
    bridge.syncColors(view());
    refresh();
  }

  /* The axes of the picture on the screen were moved. */
  function setZoom(x, y) {
    if (!view() || opening || !seen || !isSamePlane(view(), seen)) return;
    store.dispatch({ type: 'zoom', x, y });
    if (!view().x) plot.zoom(null, null);
    clearTimeout(zoomTimer);
    zoomTimer = setTimeout(refresh, ZOOM_DELAY_MS);
  }

  function showAll() {
    if (!change({ type: 'zoom', x: null, y: null })) return;
    plot.zoom(null, null);
    refresh();
  }

  /* A slice has turned out to be one of an enum; returns the view that knows it. */
  function onEnumFound() {
    store.dispatch({ type: 'enum' });
    bridge.sync(view());
    return view();
  }

  /* Request the picture of the view as it is now. */
  function refresh() {
    if (!view() || opening) return;
    staying = false;
    comeback = null;
    status.clear();
    idleWork.schedule();
    picture.show(view());
  }

  /* Follow the address bar: at the start, and when the user goes back. */
  function start() {
    const link = parseLink(location.search);
    openLink(link, link.file && link.dataset ? 'none' : 'replace');
  }

  return {
    start,
    current: view,
    open,
    go,
    step,
    goToEnd,
    setFixed,
    setAxis,
    setColors,
    freezeWindow,
    setPool,
    setPart,
    setZoom,
    showAll,
    cancel,
    goBack,
    resume: () => view() && !opening && picture.show(view()),
    onScreen,
    onVersionChange,
    onRefused,
    onHeartbeat,
    onEnumFound,
    /* What came could not be drawn. */
    onDrawError: (error) => onFailure(error, view(), refresh),
  };
}

function pause(ms) {
  return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : Promise.resolve();
}
