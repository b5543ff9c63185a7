/* From the view to the picture: while it moves by way of the canvas, at rest as a heatmap of true values.

       wish ──► motion: ring or server ──► canvas ──(nothing wished for a while)──► values ──► heatmap
         └────► another plane, zoom, pool, part ──────────────────────────────────► values ──► heatmap

   The heatmap comes in short tasks (heatmap.js), each of which begins only when no key waits. */
(function (lamella) {
  'use strict';

  // Colours are on the canvas at once, and in the heatmap when no other ones were chosen for so long.
  const RECOLOUR_MS = 80;

  const timers = { heat: 0 };

  let shown = null;
  let next = null;
  let drawing = false;
  let wishes = 0;
  let halts = 0;
  let wishedAt = 0;

  function viewNow() {
    return lamella.viewer.current();
  }

  /* What the heatmap needs for a view. A slice that was painted has been counted: its values carry no viewer. */
  function request(view, counted) {
    const port = lamella.address.port(view, lamella.config.restCells);
    const query = {
      file: view.file,
      dataset: view.dataset,
      selection: lamella.address.selection(view, port),
      format: 'raw',
      pool: lamella.address.pool(view),
      part: view.part,
    };
    const key = JSON.stringify([view.generation, query]);
    return {
      generation: view.generation,
      view: lamella.viewer.copy(view),
      key: key,
      query: counted ? query : Object.assign(query, { viewer: lamella.viewerId }),
      port: port,
      axis: view.axis,
      index: view.axis === null ? 0 : view.position[view.axis],
      position: view.position.slice(),
      rows: view.rows,
      cols: view.cols,
      shape: view.shape,
      x: view.x,
      y: view.y,
      part: view.part,
      painted: counted,
    };
  }

  /* The view has changed. */
  function of(view) {
    wishes += 1;
    wishedAt = performance.now();
    clearTimeout(timers.heat);
    lamella.notice.unnote('values');
    const wanted = request(view, false);
    if (isDrawn(view, wanted) && !lamella.motion.active()) {
      forget();
      calm(view);
      return;
    }
    lamella.notice.busy(true, what(view));
    if (moves(view)) {
      lamella.source.forget();
      next = null;
      lamella.motion.want(view);
      // It is on the canvas already, and will not be painted again.
      if (lamella.motion.done()) heatLater();
      return;
    }
    lamella.motion.forget();
    lamella.source.want(wanted);
    lamella.look.prepare(view, wanted);
  }

  /* The name of what is awaited. */
  function what(view) {
    if (!shown || shown.wanted.generation !== view.generation) return view.dataset + ' of ' + view.file;
    return view.axis === null ? view.dataset : 'slice ' + view.position[view.axis] + ' of axis ' + view.axis;
  }

  /* Whether the heatmap is what is wished for. */
  function isDrawn(view, wanted) {
    return shown && shown.key === wanted.key && !shown.failed && lamella.look.holds(view, shown.look);
  }

  /* Whether it is another slice of the plane that the plot shows. */
  function moves(view) {
    if (!shown || view.axis === null || shown.wanted.generation !== view.generation) return false;
    const { wanted } = shown;
    if (wanted.rows !== view.rows || wanted.cols !== view.cols || wanted.part !== view.part) return false;
    if (lamella.motion.active()) return true;
    return view.position.some((at, d) => d !== view.rows && d !== view.cols && at !== wanted.position[d]);
  }

  /* The slice that was wished for is on the canvas. */
  function painted(view) {
    lamella.notice.seen();
    lamella.viewer.onScreen(view);
    lamella.play.painted();
    heatLater();
  }

  /* How long nothing was wished for (ms). */
  function quietFor() {
    return performance.now() - wishedAt;
  }

  /* The heatmap, when nothing was wished for during the rest delay. */
  function heatLater(ms) {
    clearTimeout(timers.heat);
    timers.heat = setTimeout(heat, ms === undefined ? Math.max(lamella.config.restDelay - quietFor(), 0) : ms);
  }

  function heat() {
    const view = viewNow();
    if (!view || !lamella.motion.active() || lamella.play.playing()) return;
    const wanted = request(view, true);
    if (isDrawn(view, wanted)) calm(view);
    else if (shown && shown.key === wanted.key) redraw(view);
    else if (lamella.motion.done()) lamella.source.want(wanted);
  }

  /* The values that the heatmap has, in other colours. */
  async function redraw(view) {
    const mine = shown;
    const look = await lamella.look.of(view, mine.wanted, mine.cells);
    const before = wishes;
    const picture = await lamella.heatmap.paint(mine.cells, look);
    const quiet = before === wishes && (await idle());
    if (!quiet || mine !== shown || drawing) {
      if (picture) picture.drop();
      if (before === wishes && mine === shown && !drawing) heatLater(RECOLOUR_MS);
      return;
    }
    drawing = true;
    try {
      await lamella.plot.recolour(look, picture);
      mine.look = look;
      lamella.remark.show(mine.wanted, mine.cells, look);
    } catch (error) {
      broken(error);
      return;
    } finally {
      drawing = false;
    }
    settle();
  }

  /* True when nothing was wished for until the page had time to hear it. */
  function idle() {
    const before = wishes;
    return new Promise((resolve) => {
      setTimeout(() => resolve(before === wishes && !pressed()), 0);
    });
  }

  function pressed() {
    const { scheduling } = navigator;
    return Boolean(scheduling && scheduling.isInputPending && scheduling.isInputPending());
  }

  /* It cannot be drawn: what is on the screen is not to be trusted. */
  function broken(error) {
    if (shown) shown.failed = true;
    lamella.viewer.broken(error);
  }

  function isCurrent(wanted) {
    const view = viewNow();
    return Boolean(view && view.generation === wanted.generation);
  }

  function arrived(wanted, answer) {
    if (!isCurrent(wanted)) return;
    next = { wanted: wanted, answer: answer };
    if (!drawing) drawNext();
  }

  async function drawNext() {
    drawing = true;
    while (next) {
      const { wanted, answer } = next;
      next = null;
      try {
        await paint(wanted, answer);
      } catch (error) {
        broken(error);
      }
    }
    drawing = false;
    if (!lamella.source.busy()) settle();
  }

  /* Whether a slice was pooled as numbers and turns out to be one of an enum: then it is asked for anew. */
  function averagesNames(wanted, answer) {
    const view = viewNow();
    if (!answer.isEnum || view.isEnum) return false;
    view.isEnum = true;
    lamella.controls.sync(view);
    if (lamella.address.pool(view) === wanted.query.pool) return false;
    if (wanted.port.step > 1) {
      of(view);
      return true;
    }
    // Single voxels are the same, however they would be pooled.
    const { query, key } = request(view, wanted.painted);
    Object.assign(wanted, { query: query, key: key });
    return false;
  }

  async function paint(wanted, answer) {
    if (averagesNames(wanted, answer)) return;
    const begun = performance.now();
    const before = wishes;
    const stopped = halts;
    const values = lamella.source.convert(answer);
    const converting = performance.now() - begun;
    const look = await lamella.look.of(viewNow(), wanted, values);
    if (!isCurrent(wanted) || stopped !== halts) return;
    const cells = Object.assign(values, {
      step: wanted.port.step,
      rowStep: wanted.port.rowStep,
      colStep: wanted.port.colStep,
      row0: wanted.port.row0,
      col0: wanted.port.col0,
      meta: { selection: wanted.query.selection, pool: wanted.query.pool },
    });
    await lamella.plot.ready();
    const picture = await lamella.heatmap.paint(cells, look);
    const covered = lamella.motion.active();
    const leaves = leavesFor(wanted);
    const late = covered && !leaves && (before !== wishes || !(await idle()));
    if (late || !isCurrent(wanted) || stopped !== halts) {
      if (picture) picture.drop();
      // What was pressed meanwhile comes first, and brings its own rest.
      if (late && before === wishes) heatLater();
      return;
    }
    const drawStart = performance.now();
    await lamella.plot.draw({
      cells: cells,
      wanted: wanted,
      shape: [wanted.shape[wanted.rows], wanted.shape[wanted.cols]],
      titles: ['axis ' + wanted.rows, 'axis ' + wanted.cols],
      look: look,
      x: viewNow().x,
      y: viewNow().y,
      label: (r, c) => lamella.readout.label(wanted, cells, r, c),
    }, picture);
    const drawn = performance.now();
    shown = { key: wanted.key, wanted: wanted, cells: cells, look: look };
    lamella.remark.show(wanted, cells, look);
    lamella.notice.unnote('values');
    // The canvas has a slice of what was left.
    if (leaves) lamella.motion.end();
    lamella.viewer.onScreen(wanted.view);
    if (!wanted.painted) {
      const told = await lamella.telemetry.painted(wanted, answer, {
        convert: lamella.telemetry.stage('convert', begun, converting + (picture ? picture.ms : 0)),
        draw: lamella.telemetry.stage('draw', drawStart, drawn - drawStart),
      }, drawn);
      lamella.pipeline.show(told);
      lamella.play.painted();
    }
    lamella.readout.detail(cells);
    lamella.readout.again(cells);
    // It was cancelled when it could no longer be stopped.
    if (stopped !== halts) lamella.viewer.resume();
  }

  /* Whether a picture is of another dataset, state or plane than the one on the screen. */
  function leavesFor({ generation, rows, cols }) {
    if (!shown) return true;
    return shown.wanted.generation !== generation || shown.wanted.rows !== rows || shown.wanted.cols !== cols;
  }

  /* Nothing is under way. */
  function settle() {
    const view = viewNow();
    if (!view || !shown || next) return;
    const wanted = request(view, false);
    if (shown.key !== wanted.key) return;
    // Colours that were chosen while it was being drawn.
    if (!lamella.look.holds(view, shown.look)) {
      recolour(view);
      return;
    }
    calm(view);
  }

  /* The heatmap shows what is wished for. */
  function calm(view) {
    lamella.notice.busy(false);
    lamella.notice.clear();
    if (lamella.look.last()) lamella.motion.settled(view);
  }

  /* Other colours for what is on the screen. */
  async function recolour(view) {
    if (!shown || shown.wanted.generation !== view.generation || drawing) return;
    wishes += 1;
    const mine = shown;
    const before = wishes;
    const look = await lamella.look.of(view, mine.wanted, mine.cells);
    // What was wished for meanwhile is painted in these colours anyway, and is not there yet.
    if (mine !== shown || drawing || before !== wishes) return;
    const moving = lamella.motion.active() && lamella.motion.index() !== null;
    lamella.notice.busy(true);
    if (moving) {
      lamella.motion.recolour(view);
      heatLater();
    } else {
      lamella.motion.still(mine.cells, look);
      if (mine.key === request(view, false).key) lamella.notice.seen();
      heatLater(RECOLOUR_MS);
    }
  }

  function forget() {
    lamella.source.forget();
    next = null;
  }

  /* Await nothing any more; what is on the screen stays. */
  function halt() {
    wishes += 1;
    halts += 1;
    clearTimeout(timers.heat);
    forget();
    lamella.motion.forget();
  }

  /* Show the view that is on the screen, after another one was awaited in vain. */
  function back(view) {
    halt();
    lamella.plot.zoom(view.x, view.y);
    const wanted = request(view, false);
    if (lamella.motion.index() !== null) {
      lamella.motion.want(view);
      heatLater();
    } else if (isDrawn(view, wanted) && !lamella.motion.active()) calm(view);
    else if (shown && shown.key === wanted.key && !shown.failed) recolour(view);
    else of(view);
  }

  function connect() {
    lamella.source.connect(arrived, (wanted, error) => {
      if (isCurrent(wanted)) refused(wanted, error);
    });
    lamella.motion.connect({ painted: painted, seen: lamella.viewer.onScreen, failed: (error, scene) => lamella.viewer.refused(error, scene) });
  }

  function refused(wanted, error) {
    const passing = error.lost || error.status >= 500 || error.status === 429;
    if (!wanted.painted || !passing) {
      lamella.viewer.refused(error, wanted);
      return;
    }
    // The slice is on the canvas: its values alone are missing.
    lamella.notice.busy(false);
    if (error.lost) lamella.viewer.heartbeat(error);
    else lamella.notice.note('The values of this slice are missing. ' + error.message, 'values', 'Try again', () => heatLater(0));
  }

  lamella.picture = {
    connect: connect,
    of: of,
    recolour: recolour,
    halt: halt,
    back: back,
    drop: () => lamella.motion.drop(),
    rest: heatLater,
    quietFor: quietFor,
  };
})((window.lamella = window.lamella || {}));
