/* The view: which slice is shown and how, and the way from a wish to the picture. */
(function (lamella) {
  'use strict';

  const ZOOM_DELAY_MS = 120;

  const timers = { rest: 0, zoom: 0 };
  const defaults = { part: null, pool: 'mean', window: 'volume', norm: 'linear', colorscale: 'gray', reverse: false };

  let view = null;

  /* Opening */

  /* Show what a link names; what it leaves open comes from the dataset. `history` is push, replace or none. */
  async function open(link, history) {
    const current = lamella.picture.leave();
    lamella.play.stop();
    lamella.notice.busy(true);
    let record;
    try {
      record = await lamella.tree.find(link.file, link.dataset);
    } catch (error) {
      if (current()) failed(error);
      return;
    }
    if (!current()) return;
    let place;
    try {
      if (!record.browsable) throw new Error(record.dataset + ' cannot be shown. ' + (record.reason || ''));
      place = lamella.address.plan(record.shape, link);
    } catch (error) {
      failed(error);
      return;
    }
    const complex = /^complex/.test(record.dtype);
    const look = view || defaults;
    if (view && history === 'push') lamella.place.remember(view, 'replace');
    view = {
      file: link.file,
      dataset: record.dataset,
      shape: record.shape,
      dtype: record.dtype,
      complex: complex,
      axis: place.axis,
      rows: place.rows,
      cols: place.cols,
      position: place.position,
      x: link.x || place.x,
      y: link.y || place.y,
      part: complex ? (['abs', 'real', 'imag', 'phase'].includes(link.part) ? link.part : 'abs') : null,
      pool: link.pool || look.pool,
      norm: link.norm || (history === 'push' ? look.norm : defaults.norm),
      colorscale: link.colorscale || look.colorscale,
      reverse: link.colorscale ? link.reverse : look.reverse,
      window: link.window || (look.window === 'slice' ? 'slice' : defaults.window),
    };
    if (Boolean(view.x) !== Boolean(view.y)) {
      view.x = view.x || whole(view.cols);
      view.y = view.y || whole(view.rows);
    }
    lamella.tree.mark(view, record);
    lamella.controls.sync(view);
    lamella.readout.clear();
    lamella.place.crumb(view);
    lamella.place.remember(view, history);
    refresh();
  }

  function whole(d) {
    return [-0.5, view.shape[d] - 0.5];
  }

  /* Without a link: the first dataset that can be shown, at its middle. */
  async function openFirst() {
    lamella.notice.busy(true);
    try {
      const found = await lamella.tree.first();
      if (found) await open(Object.assign(lamella.address.parse(''), found), 'replace');
      else failed(new Error('There is no dataset here that has slices to show: the tree names the reasons.'));
    } catch (error) {
      failed(error);
    }
  }

  /* Wishes */

  function go(index) {
    if (!view || view.axis === null) return;
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

  /* Stay with the slice that is on the screen. */
  function cancel() {
    const index = lamella.picture.index();
    if (!view || view.axis === null || index === null) return;
    lamella.play.stop();
    go(index);
  }

  function setFixed(d, index) {
    if (!view || !Number.isInteger(index) || index < 0 || index >= view.shape[d]) return;
    if (view.position[d] === index) return;
    view.position[d] = index;
    refresh();
  }

  /* Slice another axis. If it is one of those shown, the one that was sliced takes its place. */
  function setAxis(axis) {
    if (!view || view.axis === null || axis === view.axis || !(axis >= 0 && axis < view.shape.length)) return;
    lamella.play.stop();
    lamella.place.remember(view, 'replace');
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
    lamella.place.remember(view, 'push');
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
    if (!view || view.pool === pool) return;
    view.pool = pool;
    refresh();
  }

  function setPart(part) {
    if (!view || !view.complex || view.part === part) return;
    view.part = part;
    view.window = Array.isArray(view.window) ? 'volume' : view.window;
    lamella.controls.colours(view);
    refresh();
  }

  function zoomed(x, y) {
    if (!view) return;
    const [rows, cols] = [view.shape[view.rows], view.shape[view.cols]];
    const all = x[0] <= -0.49 && y[0] <= -0.49 && x[1] >= cols - 0.51 && y[1] >= rows - 0.51;
    view.x = all ? null : x;
    view.y = all ? null : y;
    if (all) lamella.plot.zoom(null, null);
    clearTimeout(timers.zoom);
    timers.zoom = setTimeout(refresh, ZOOM_DELAY_MS);
  }

  function showAll() {
    if (!view || !view.x) return;
    view.x = null;
    view.y = null;
    lamella.plot.zoom(null, null);
    refresh();
  }

  /* Look for the picture of the view as it is now. */
  function refresh() {
    if (!view) return;
    rest();
    lamella.picture.of(view);
  }

  function failed(error, wanted) {
    lamella.play.stop();
    lamella.picture.fail();
    lamella.notice.failed(error, retry);
    lamella.tree.reveal(wanted ? wanted.query.file : lamella.address.parse(location.search).file);
    if (error.status === 409 || error.status === 404) lamella.tree.stale(wanted && wanted.query.file);
  }

  function retry() {
    lamella.notice.clear();
    if (view && lamella.tree.knows(view)) {
      lamella.tree.reload().catch(() => undefined);
      refresh();
    } else start();
  }

  /* The view has not changed for a while. Each step is a task of its own, so that a key need not wait for all. */
  function rest() {
    clearTimeout(timers.rest);
    const steps = [
      () => lamella.place.remember(view, 'replace'),
      () => lamella.place.downloads(view),
      () => lamella.place.tell(view),
      () => lamella.controls.place(view),
      () => lamella.residency.look(view),
    ];
    const next = () => {
      steps.shift()();
      if (steps.length) timers.rest = setTimeout(next, 0);
    };
    timers.rest = setTimeout(next, lamella.config.restDelay);
  }

  /* Follow the address bar: at the start, and when the user goes back. */
  function start() {
    const link = lamella.address.parse(location.search);
    if (link.file && link.dataset) open(link, 'none');
    else if (link.file) openFile(link);
    else openFirst();
  }

  async function openFile(link) {
    try {
      const found = await lamella.tree.first(link.file);
      if (!found) throw new Error(link.file + ' has no dataset that can be shown.');
      await open(Object.assign(link, found), 'replace');
    } catch (error) {
      failed(error);
    }
  }

  lamella.viewer = {
    start: start,
    open: open,
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
    failed: failed,
    retry: retry,
    current: () => view,
  };
})((window.lamella = window.lamella || {}));
