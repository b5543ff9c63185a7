/* The view: which slice is shown and how, and the way from a wish to the picture.

   `view` is what is asked for, `seen` a copy of what is on the screen. The controls follow the first; title, crumb and
   address bar the second, so that a picture never stands under another one's name. To cancel is to go back to it. */
(function (lamella) {
  'use strict';

  const ZOOM_DELAY_MS = 120;
  // A file that is written all the time is not read again more often than this.
  const READ_AGAIN_MS = 1000;
  // What may be wrong because the file is another one.
  const MAYBE_CHANGED = [400, 404, 409, 422];

  const timers = { rest: 0, zoom: 0 };

  let view = null;
  let seen = null;
  // While a dataset is looked up: {was}, the view whose file is read again, or null.
  let opening = null;
  // What the address bar gets when the picture is there: {how: push, replace or none, moved: it has changed already}.
  let arrival = null;
  // The person did not wait for the new state of a file, and stays with the picture of the old one.
  let staying = false;
  // What to do when a file or dataset that was gone answers again.
  let comeback = null;
  // The generation whose shape was looked at because the server had another.
  let odd = null;
  let readAt = -Infinity;
  // The picture was not there yet when title and address bar were due.
  let behind = false;

  function copy(of) {
    return Object.assign({}, of, { position: of.position.slice(), x: of.x && of.x.slice(), y: of.y && of.y.slice() });
  }

  /* Opening */

  /* A dataset is looked up; `was` is the view whose own file is read again. Returns whether that is still so. */
  function begin(was, what) {
    const mine = { was: was, changed: false };
    opening = mine;
    if (!was) lamella.play.stop();
    comeback = null;
    lamella.notice.clear();
    lamella.picture.halt();
    lamella.notice.busy(true, what);
    return () => opening === mine;
  }

  /* Show what a link names; what it leaves open comes from the dataset. `history` is push, replace or none. */
  async function open(link, history) {
    const current = begin(null, lamella.opening.named(link));
    try {
      const found = await lamella.opening.find(link);
      if (!current()) return;
      const made = lamella.opening.view(found, link, view || seen, history === 'push');
      arrival = { how: history, moved: history === 'none' && seen !== null };
      lamella.notice.unnote();
      take(made.view, made.notes);
    } catch (error) {
      if (current()) failed(error, link, (error.status || error.lost) && (() => open(link, history)));
    }
  }

  function take(made, notes) {
    opening = null;
    view = made;
    if (notes.length) lamella.notice.note(notes.join(' '), 'link');
    lamella.tree.mark(view);
    lamella.controls.sync(view);
    refresh();
  }

  /* Look what is in the file of the view now. That it may have changed was told by the `version` of an answer, or an
     `error` in place of one; without either the person asked for it. */
  async function readAgain({ version, error }) {
    const was = view;
    const known = lamella.versions.seen(was.generation);
    const current = begin(was, lamella.opening.named(was));
    opening.changed = Boolean(version) && known;
    if (opening.changed) lamella.notice.note(lamella.opening.CHANGED, 'changed');
    try {
      await lamella.opening.pause(readAt + READ_AGAIN_MS - performance.now());
      if (!current()) return;
      readAt = performance.now();
      lamella.tree.stale(was.file);
      const found = await lamella.opening.find(was);
      if (!current()) return;
      const same = found.record.dtype === was.dtype && String(found.record.shape) === String(was.shape) &&
        lamella.tree.version(was.file) === was.listed;
      if (error && same) {
        failed(error, was, () => readAgain({}));
        return;
      }
      const made = lamella.opening.again(found, view);
      if (version || !same) made.view.generation = lamella.versions.renew(made.view, version || null);
      lamella.picture.drop();
      take(made.view, []);
      if (known && (version || !same)) lamella.notice.note(lamella.opening.changes(was, view), 'changed');
      if (view.axis === null || view.shape[view.axis] < 2) lamella.play.stop();
    } catch (failure) {
      if (!current()) return;
      if (failure.status === undefined && !failure.lost) failure.message = lamella.opening.CHANGED + ' ' + failure.message;
      failed(failure, was, () => readAgain({}));
      comeback = () => readAgain({});
    }
  }

  /* Another state of the volume has answered. */
  function changed(generation, version) {
    if (view && !opening && !staying && view.generation === generation) readAgain({ version: version });
  }

  /* A slice was refused. */
  function refused(error, wanted) {
    if (!view || opening || wanted.generation !== view.generation) return;
    if (MAYBE_CHANGED.includes(error.status)) readAgain({ error: error });
    else failed(error, view, refresh);
  }

  /* The volume has answered while nothing was asked for (error null), or has not. */
  function heartbeat(error) {
    if (!view || opening) return;
    const there = !error || error.status === 400;
    if (there && lamella.notice.unnote('away')) lamella.picture.rest();
    if (there && comeback) comeback();
    else if (there && error && odd !== view.generation) {
      odd = view.generation;
      readAgain({});
    }
    if (!there && !lamella.notice.failing() && (error.lost || [404, 422].includes(error.status))) {
      lamella.notice.note((error.lost ? 'The connection to the server is lost.' : error.message) +
        ' The picture is as it was read last.', 'away');
    }
  }

  /* The picture */

  /* A picture of the view, or of one that was asked for a moment ago, is on the screen. */
  function onScreen(shown) {
    const before = seen;
    seen = shown;
    if (behind) rest();
    if (!view || !samePlane(view, shown)) return;
    lamella.notice.clear();
    if (!arrival && before && before.generation === shown.generation) return;
    const how = arrival ? arrival.how : 'none';
    arrival = null;
    if (before && how === 'push') lamella.place.remember(before, 'replace');
    lamella.place.crumb(shown);
    lamella.place.remember(shown, how);
  }

  function samePlane(a, b) {
    return a.generation === b.generation && a.axis === b.axis && a.rows === b.rows && a.cols === b.cols;
  }

  function isSeen() {
    return Boolean(view && seen && !opening && samePlane(view, seen) && view.part === seen.part && view.pool === seen.pool &&
      String([view.position, view.x, view.y]) === String([seen.position, seen.x, seen.y]));
  }

  /* Go back to the picture on the screen, from whatever is awaited or has failed. */
  function cancel() {
    const old = Boolean(opening && opening.changed) || Boolean(seen && lamella.versions.isOld(seen));
    lamella.play.stop();
    lamella.notice.clear();
    lamella.notice.busy(false);
    opening = null;
    comeback = null;
    if (!seen) {
      empty();
      return;
    }
    const back = copy(seen);
    if (view && view.generation === seen.generation && view.part === seen.part) {
      const { colorscale, reverse, norm, window: contrast } = view;
      Object.assign(back, { colorscale: colorscale, reverse: reverse, norm: norm, window: contrast });
    }
    view = back;
    // The browser went to another address by itself.
    if (arrival && arrival.moved) lamella.place.remember(view, 'push');
    arrival = null;
    lamella.tree.mark(view);
    lamella.controls.sync(view);
    staying = old;
    lamella.picture.back(view);
    rest();
    if (old) {
      lamella.notice.note(lamella.opening.CHANGED + ' The picture is as it was before.', 'changed', 'Read again', () => readAgain({}));
    }
  }

  /* Nothing is chosen. */
  function empty() {
    view = null;
    arrival = null;
    clearTimeout(timers.rest);
    lamella.picture.halt();
    lamella.controls.clear();
    lamella.tree.unmark();
    lamella.residency.look(null);
    lamella.notice.failed(new Error('Nothing is chosen. Choose a dataset in the list of files.'), { retry: start });
    offer(null);
  }

  /* What Escape does; whether there was anything to leave. */
  function back() {
    const failing = lamella.notice.failing();
    if (failing ? seen : opening || (view && !isSeen())) {
      cancel();
      return true;
    }
    return !failing && lamella.notice.unnote();
  }

  /* Say what is wrong with what `link` names; `again` tries it once more, where that can help. */
  function failed(error, link, again) {
    const { status } = error;
    const passing = !status || status >= 500 || [404, 409, 429].includes(status);
    opening = null;
    lamella.play.stop();
    lamella.picture.halt();
    if (!view) lamella.controls.clear();
    lamella.notice.failed(error, { retry: passing && again ? again : null, cancel: Boolean(seen) });
    if (error.lost || !link) return;
    if (error.status === 404) lamella.tree.reload().catch(() => undefined);
    lamella.tree.reveal(link.file);
    offer(link);
  }

  /* The way on: a dataset that can be shown, in the same file if it has one. */
  async function offer(link) {
    const found = (link && link.file && await lamella.tree.other(link.file, link.dataset)) ||
      await lamella.tree.other(null, link && link.dataset);
    if (found && lamella.notice.failing()) lamella.notice.offer(found, () => open(linkTo(found), 'push'));
  }

  function linkTo(found) {
    return Object.assign(lamella.address.parse(''), found);
  }

  /* Wishes. While another dataset is looked up there are none but to cancel. */

  function go(index) {
    if (!view || opening || view.axis === null) return;
    const end = view.shape[view.axis] - 1;
    const wanted = Math.min(Math.max(Math.round(index), 0), end);
    if (!Number.isFinite(wanted) || wanted === view.position[view.axis]) return;
    view.position[view.axis] = wanted;
    lamella.controls.follow(view);
    refresh();
  }

  function step(by) {
    if (view && view.axis !== null) go(view.position[view.axis] + by);
  }

  function setFixed(d, index) {
    if (!view || opening || !Number.isInteger(index) || index < 0 || index >= view.shape[d]) return;
    if (view.position[d] === index) return;
    view.position[d] = index;
    refresh();
  }

  /* Slice another axis. If it is one of those shown, the one that was sliced takes its place. */
  function setAxis(axis) {
    if (!view || opening || view.axis === null || axis === view.axis || !(axis >= 0 && axis < view.shape.length)) return;
    lamella.play.stop();
    arrival = arrival || { how: 'push', moved: false };
    if (axis === view.rows || axis === view.cols) {
      const other = axis === view.rows ? view.cols : view.rows;
      view.rows = Math.min(other, view.axis);
      view.cols = Math.max(other, view.axis);
      view.x = null;
      view.y = null;
    }
    view.axis = axis;
    lamella.controls.sync(view);
    lamella.readout.clear();
    refresh();
  }

  function setColours(change) {
    if (!view) return;
    Object.assign(view, change);
    lamella.controls.colours(view);
    lamella.picture.recolour(view);
    rest();
  }

  /* From now on the window that is in force stays, until other numbers are given. */
  function setByHand() {
    const look = lamella.look.last();
    if (look) setColours({ window: [look.lo, look.hi] });
  }

  function setPool(pool) {
    if (!view || opening || view.pool === pool) return;
    view.pool = pool;
    // Labels stay unpooled by mean, whatever is chosen.
    lamella.controls.put('pool-select', lamella.address.pool(view));
    refresh();
  }

  function setPart(part) {
    if (!view || opening || !view.complex || view.part === part) return;
    view.part = part;
    view.window = Array.isArray(view.window) ? 'volume' : view.window;
    lamella.controls.colours(view);
    refresh();
  }

  /* The axes of the picture on the screen were dragged. */
  function zoomed(x, y) {
    if (!view || opening || !seen || !samePlane(view, seen)) return;
    const [rows, cols] = [view.shape[view.rows], view.shape[view.cols]];
    const all = x[0] <= -0.49 && y[0] <= -0.49 && x[1] >= cols - 0.51 && y[1] >= rows - 0.51;
    view.x = all ? null : x;
    view.y = all ? null : y;
    if (all) lamella.plot.zoom(null, null);
    clearTimeout(timers.zoom);
    timers.zoom = setTimeout(refresh, ZOOM_DELAY_MS);
  }

  function showAll() {
    if (!view || opening || !view.x) return;
    view.x = null;
    view.y = null;
    lamella.plot.zoom(null, null);
    refresh();
  }

  /* Look for the picture of the view as it is now. */
  function refresh() {
    if (!view || opening) return;
    staying = false;
    comeback = null;
    lamella.notice.clear();
    rest();
    lamella.picture.of(view);
  }

  /* The view has not changed for a while. Each step is a task of its own, so that a key need not wait for all. */
  function rest() {
    clearTimeout(timers.rest);
    behind = false;
    const named = (job) => () => {
      if (isSeen()) job();
      else behind = true;
    };
    const steps = [
      named(() => lamella.place.remember(view, 'replace')),
      named(() => lamella.place.downloads(view)),
      named(() => lamella.place.tell(view)),
      () => lamella.controls.place(view),
      () => lamella.residency.look(view),
    ];
    const next = () => {
      if (!view) return;
      steps.shift()();
      if (steps.length) timers.rest = setTimeout(next, 0);
    };
    timers.rest = setTimeout(next, lamella.config.restDelay);
  }

  /* Follow the address bar: at the start, and when the user goes back. */
  function start() {
    const link = lamella.address.parse(location.search);
    open(link, link.file && link.dataset ? 'none' : 'replace');
  }

  lamella.viewer = {
    start: start,
    open: (found) => open(linkTo(found), 'push'),
    copy: copy,
    go: go,
    step: step,
    end: () => view && view.axis !== null && go(view.shape[view.axis] - 1),
    setFixed: setFixed,
    setAxis: setAxis,
    setColours: setColours,
    setByHand: setByHand,
    setPool: setPool,
    setPart: setPart,
    zoomed: zoomed,
    showAll: showAll,
    cancel: cancel,
    back: back,
    onScreen: onScreen,
    resume: () => view && !opening && lamella.picture.of(view),
    changed: changed,
    refused: refused,
    heartbeat: heartbeat,
    // What came could not be drawn.
    broken: (error) => failed(error, view, refresh),
    current: () => view,
  };
})((window.lamella = window.lamella || {}));
