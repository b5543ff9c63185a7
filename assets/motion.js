/* While the view moves: slices as codes of a byte a cell, from the ring or the server, painted onto the canvas.

   A wish is painted in the task that made it when the ring has it, at most one in each animation frame, and none
   waits in a queue: the next frame paints what is wished for then. */
(function (lamella) {
  'use strict';

  const RING_BYTES = 96 * 2 ** 20;
  // How far ahead of the movement is fetched (s), and at least how many frames.
  const AHEAD_S = 2;
  const FEWEST = 6;
  const MOST = 120;
  // Around a slice at rest, in steps of the last direction.
  const AROUND = [1, 2, -1, 3, 4, -2];
  // A frame that is being fetched ahead and is wanted now: so long it may take (ms).
  const LATE_MS = 60;
  // A demand that is younger than this is let finish though another slice is wanted, and one whose bytes are
  // coming is for longer.
  const PATIENCE_MS = 250;
  const COMING_MS = 3000;
  // A frame that the link carries for longer than this shares it with no other.
  const SLOW_MS = 100;
  // Wishes further apart than this are not one movement.
  const PAUSE_MS = 600;
  const PANEL_MS = 200;

  let ring = null;
  let link = null;
  let flow = null;
  let heard = { painted: () => undefined, seen: () => undefined, failed: () => undefined };
  let wish = null;
  let onCanvas = null;
  let unmarked = false;
  let active = false;
  let demand = null;
  let next = 0;
  let late = 0;
  let frameBytes = 250000;
  let pace = { direction: 1, stride: 1, speed: 0, at: -Infinity };
  let panel = { due: 0, last: null };

  /* What decides the bytes of all frames of a movement but their index. */
  function sceneOf(view) {
    const look = lamella.look.last();
    const place = {
      generation: view.generation, file: view.file, dataset: view.dataset, part: view.part,
      // As at rest, so that nothing changes but the number of cells when the heatmap takes over.
      pool: lamella.address.pool(view),
      norm: look.norm, window: view.window === 'slice' ? 'slice' : look.lo + ',' + look.hi,
      shape: view.shape, rows: view.rows, cols: view.cols, axis: view.axis, x: view.x, y: view.y,
    };
    const fixed = view.position.filter((_, d) => d !== view.axis && d !== view.rows && d !== view.cols);
    const scene = Object.assign(place, {
      series: JSON.stringify([place, fixed]), view: lamella.viewer.copy(view), position: view.position.slice(), index: view.position[view.axis],
    });
    scene.port = lamella.address.port(scene, cellsFor());
    frameBytes = Math.ceil((scene.port.row1 - scene.port.row0) / scene.port.rowStep) *
      Math.ceil((scene.port.col1 - scene.port.col0) / scene.port.colStep);
    return scene;
  }

  /* As many cells as there are pixels; fewer where the link would not carry them at this speed. */
  function cellsFor() {
    const area = lamella.plot.area();
    const density = window.devicePixelRatio || 1;
    const pixels = area.width * area.height * density * density;
    return Math.floor(Math.min(pixels, link.cells(pace.speed)));
  }

  /* Another slice of the plane on the screen is wished for. */
  function want(view) {
    const before = wish;
    hasten(view);
    wish = sceneOf(view);
    if (before && before.series !== wish.series) flow.stop();
    ring.stand(wish.series, wish.index, pace.direction);
    attempt();
  }

  function hasten(view) {
    const now = performance.now();
    const index = view.position[view.axis];
    const delta = wish && wish.axis === view.axis ? index - wish.index : 0;
    if (!delta) return;
    const apart = now - pace.at;
    const speed = apart > PAUSE_MS ? 0 : 1000 / Math.max(apart, 4);
    pace = {
      direction: Math.sign(delta),
      stride: Math.abs(delta) === pace.last ? pace.last : 1,
      last: Math.abs(delta),
      speed: apart > PAUSE_MS ? 0 : pace.speed + (speed - pace.speed) * 0.2,
      at: now,
    };
  }

  function shows(scene) {
    return Boolean(active && onCanvas && scene && onCanvas.series === scene.series && onCanvas.index === scene.index);
  }

  function attempt() {
    if (!wish) return;
    const frame = ring.get(wish.series, wish.index, wish.port.step);
    if (!frame) {
      if (!shows(wish)) load();
      return;
    }
    clearTimeout(late);
    if (shows(wish) && onCanvas.step <= frame.step) return;
    // One a frame: what is painted twice between two frames is never seen.
    if (unmarked) return;
    paint(frame, wish, frame.fresh ? frame.answer : { source: 'ring', server: {} });
  }

  function paint(frame, scene, answer) {
    frame.fresh = false;
    const again = shows(scene);
    const spent = lamella.painter.paint(frame, lamella.look.last());
    const drawn = performance.now();
    if (!active) {
      active = true;
      lamella.plot.cover(true);
    }
    onCanvas = { series: scene.series, index: scene.index, step: frame.step };
    if (again) return;
    unmarked = true;
    const wanted = {
      axis: scene.axis,
      index: scene.index,
      query: { file: scene.file, dataset: scene.dataset, selection: frame.selection },
    };
    lamella.telemetry.painted(wanted, answer, spent, drawn).then((painted) => {
      tell(painted);
      lamella.panels.painted();
    });
    requestAnimationFrame(() => {
      unmarked = false;
      attempt();
    });
    if (scene === wish) {
      flow.want(plan());
      heard.painted(scene.view);
    } else heard.seen(scene.view);
  }

  /* The panel follows at a rate that can be read. */
  function tell(painted) {
    panel.last = painted;
    if (panel.due) return;
    lamella.pipeline.show(painted);
    panel.due = setTimeout(() => {
      panel.due = 0;
      if (panel.last !== painted) tell(panel.last);
    }, PANEL_MS);
  }

  /* Indices that will be wanted, the nearest first, and the one behind. When the ring has run dry, what is asked
     for now comes too late for the next ones: then it begins where the view will be by then. */
  function plan() {
    const end = wish.shape[wish.axis] - 1;
    const room = Math.floor(RING_BYTES / 2 / frameBytes);
    const count = Math.min(Math.max(Math.ceil(pace.speed * AHEAD_S), FEWEST), MOST, room);
    const at = (k) => {
      if (lamella.play.playing()) return lamella.play.after(wish.index, k * pace.stride, end + 1);
      return wish.index + k * pace.stride * pace.direction;
    };
    const delay = (pace.speed * (link.wait() + link.travel(frameBytes))) / 1000;
    const lead = held(at(1)) || lamella.play.playing() ? 1 : Math.max(Math.ceil(delay), 1);
    const list = [];
    for (let k = lead; k < lead + count; k += 1) list.push(at(k));
    list.push(at(-1));
    return list.filter((index) => index !== null && index >= 0 && index <= end);
  }

  /* Fetching */

  function query(scene, index) {
    const position = scene.position.slice();
    position[scene.axis] = index;
    const place = { shape: scene.shape, rows: scene.rows, cols: scene.cols, position: position };
    return {
      file: scene.file, dataset: scene.dataset, selection: lamella.address.selection(place, scene.port),
      format: 'u8', window: scene.window, norm: scene.norm, pool: scene.pool, part: scene.part,
      viewer: lamella.viewerId,
    };
  }

  async function fetchFrame(scene, index, more, options, coming) {
    const asked = Object.assign(query(scene, index), more);
    const answer = await lamella.source.load(asked, options, scene.generation, coming);
    const codes = new Uint8Array(answer.bytes);
    const [rows, cols] = answer.shape;
    if (codes.length !== rows * cols) throw new Error('The server sent a slice that is not complete.');
    const { step, rowStep, colStep, row0, col0 } = scene.port;
    return {
      series: scene.series, codes: codes, rows: rows, cols: cols, step: step, rowStep: rowStep, colStep: colStep,
      row0: row0, col0: col0,
      selection: asked.selection, answer: Object.assign(answer, { bytes: null }),
    };
  }

  function ahead(index, signal) {
    return fetchFrame(wish, index, { ahead: 1 }, { signal: signal, priority: 'low' });
  }

  function held(index) {
    return Boolean(wish && ring.get(wish.series, index, wish.port.step));
  }

  function arrived(index, frame) {
    ring.put(frame.series, index, frame);
    if (wish && wish.series === frame.series && wish.index === index) attempt();
  }

  /* The wish is in no memory of the page. */
  function load() {
    if (demand && demand.scene.series === wish.series && demand.scene.index === wish.index) return;
    clearTimeout(late);
    if (flow.running(wish.index)) {
      late = setTimeout(() => wish && !held(wish.index) && ask(), LATE_MS);
    } else ask();
  }

  function ask() {
    clearTimeout(next);
    if (demand) {
      const left = demand.since + (demand.coming ? COMING_MS : PATIENCE_MS) - performance.now();
      if (left > 0) {
        next = setTimeout(() => wish && !held(wish.index) && ask(), Math.min(left, PATIENCE_MS));
        return;
      }
      demand.control.abort();
    }
    const mine = { scene: wish, control: new AbortController(), since: performance.now(), coming: false };
    demand = mine;
    const slow = link.travel(frameBytes) > SLOW_MS;
    if (slow) flow.hold(true);
    const coming = () => {
      mine.coming = true;
    };
    fetchFrame(wish, wish.index, {}, { signal: mine.control.signal }, coming).then(
      (frame) => mine === demand && delivered(mine.scene, frame),
      (error) => {
        if (mine !== demand) return;
        demand = null;
        flow.hold(false);
        if (error.name !== 'AbortError') heard.failed(error, mine.scene);
      },
    );
    // The first step may lead anywhere: until it is answered, the server has nothing else to do for this page.
    if (!slow && pace.speed > 0) flow.want(plan());
  }

  function delivered(scene, frame) {
    demand = null;
    flow.hold(false);
    if (!wish) return;
    frame.fresh = true;
    ring.put(scene.series, scene.index, frame);
    const mine = wish.series === scene.series && wish.index === scene.index;
    if (!mine && nearer(scene) && !unmarked) paint(frame, scene, frame.answer);
    attempt();
  }

  /* Whether a slice is nearer to what is wished for than the one on the screen. */
  function nearer(scene) {
    if (scene.series !== wish.series || shows(wish)) return false;
    const off = (index) => Math.abs(index - wish.index);
    return !onCanvas || onCanvas.series !== wish.series || off(scene.index) < off(onCanvas.index);
  }

  /* Rest */

  /* The heatmap is drawn: nothing moves. What lies around is fetched, so that the first key finds it. */
  function settled(view) {
    end();
    if (view.axis === null) return;
    pace = Object.assign(pace, { speed: 0 });
    wish = sceneOf(view);
    onCanvas = null;
    ring.stand(wish.series, wish.index, pace.direction);
    const last = view.shape[view.axis] - 1;
    flow.want(AROUND.map((k) => wish.index + k * pace.direction).filter((index) => index >= 0 && index <= last));
  }

  /* Give up what was wished for; what is on the canvas stays. */
  function forget() {
    clearTimeout(next);
    clearTimeout(late);
    if (demand) demand.control.abort();
    demand = null;
    wish = null;
    flow.hold(false);
    flow.stop();
  }

  function end() {
    forget();
    onCanvas = null;
    if (!active) return;
    active = false;
    lamella.plot.cover(false);
    lamella.painter.forget();
  }

  /* Other colours: codes know them by their place on the scale, so that a new scale needs nothing else. */
  function recolour(view) {
    if (!active || !wish) return;
    lamella.painter.again(lamella.look.last());
    const before = wish.series;
    wish = sceneOf(view);
    if (wish.series === before) return;
    ring.drop();
    flow.stop();
    onCanvas = null;
    attempt();
  }

  /* Values in memory under a look, until the heatmap has it. */
  function still(cells, look) {
    lamella.painter.paint({
      codes: lamella.painter.codes(cells, look), rows: cells.rows, cols: cells.cols,
      step: cells.step, rowStep: cells.rowStep, colStep: cells.colStep, row0: cells.row0, col0: cells.col0,
    }, look);
    if (active) return;
    active = true;
    lamella.plot.cover(true);
  }

  function connect(on) {
    heard = on;
    ring = lamella.makeRing(RING_BYTES);
    link = lamella.makeLink();
    flow = lamella.makeFlow(ahead, arrived, held, () => link.carries(frameBytes));
    lamella.source.measured(link.note);
  }

  lamella.motion = {
    connect: connect,
    want: want,
    settled: settled,
    forget: forget,
    end: end,
    recolour: recolour,
    still: still,
    drop: () => ring.drop(),
    active: () => active,
    done: () => shows(wish),
    index: () => (active && onCanvas ? onCanvas.index : null),
    step: () => (onCanvas ? onCanvas.step : null),
    has: (index) => held(index),
    underWay: () => flow.size() + (demand ? 1 : 0),
    bytes: () => ring.bytes(),
  };
})((window.lamella = window.lamella || {}));
