/* Wires the page, and is the only module that knows all others: model ← data ← render ← ui ← main. */

import { createApi } from './data/api.mjs';
import { browserClock as clock } from './data/clock.mjs';
import { createDatasets } from './data/datasets.mjs';
import { createFrameCache } from './data/frame-cache.mjs';
import { createRecent } from './data/recent.mjs';
import { createRememberedColors } from './data/remembered-colors.mjs';
import { createRows } from './data/rows.mjs';
import { createSliceLoader } from './data/slice-loader.mjs';
import { createTelemetry } from './data/telemetry.mjs';
import { createVersions } from './data/versions.mjs';
import { early } from './early.mjs';
import { createViewStore } from './model/view-store.mjs';
import { createCanvas } from './render/canvas.mjs';
import { createColorMapping } from './render/color-mapping.mjs';
import { createDisplay } from './render/display.mjs';
import { element, setText } from './render/dom.mjs';
import { createPicture } from './render/picture.mjs';
import { createPlot } from './render/plot.mjs';
import { createPlotlyPatch } from './render/plotly-patch.mjs';
import { createReadout } from './render/readout.mjs';
import { createScrubber } from './render/scrubber.mjs';
import { createStateMachine } from './render/state-machine.mjs';
import { createActions } from './ui/actions.mjs';
import { createBookmarks } from './ui/bookmarks.mjs';
import { createCallbacks } from './ui/callbacks.mjs';
import { createContrast } from './ui/contrast.mjs';
import { createDashBridge } from './ui/dash-bridge.mjs';
import { createDetails } from './ui/details.mjs';
import { createDimensions } from './ui/dimensions.mjs';
import { createDock } from './ui/dock.mjs';
import { createExportMenu } from './ui/export-menu.mjs';
import { createFocus } from './ui/focus.mjs';
import { createHelp } from './ui/help.mjs';
import { createInput } from './ui/input.mjs';
import { createLeftOff } from './ui/left-off.mjs';
import { createNavigation } from './ui/navigation.mjs';
import { createNewest } from './ui/newest.mjs';
import { createPalette } from './ui/palette.mjs';
import { createPanels } from './ui/panels.mjs';
import { createPipelinePanel } from './ui/pipeline.mjs';
import { createPlayer } from './ui/player.mjs';
import { showPlaying } from './ui/play-button.mjs';
import { createPolling } from './ui/polling.mjs';
import { createPrefetchPause } from './ui/prefetch-pause.mjs';
import { createResidencyBand } from './ui/residency.mjs';
import { drawScale } from './ui/scale-option.mjs';
import { createSessionNotice } from './ui/session.mjs';
import { createSheet } from './ui/sheet.mjs';
import { createShell } from './ui/shell.mjs';
import { createStartPage } from './ui/start-page.mjs';
import { createStatus } from './ui/status.mjs';
import { createTools } from './ui/tools.mjs';
import { createTouch } from './ui/touch.mjs';
import { createTree } from './ui/tree.mjs';
import { createTreeFilter } from './ui/tree-filter.mjs';
import { createUndo } from './ui/undo.mjs';
import { createViewer } from './ui/viewer.mjs';
import { createViews } from './ui/views.mjs';

/** @import { View } from './model/view.mjs' */

/** Components that Dash draws by a function. @type {Record<string, (payload: DashProps) => object>} */
export const renderers = { lamellaScale: drawScale };

/** Start the page with the server's configuration; returns what Dash calls when a control changes.
 *
 * Constructor arguments are what a part works with. Where a lower part has to reach a higher one, it is given a
 * function that looks the higher one up when it is called: the objects below are all made before any of that.
 * @param {PageConfig} config */
export function start(config) {
  const { viewerId, bandwidth, network } = early;
  const store = createViewStore((view) => tools.onView(view), (view) => views.onView(view));

  const versions = createVersions((generation, version) => {
    viewer.onVersionChange(generation, version);
    views.onVersion(generation, version);
  });
  /** Dash polls for the panels by itself. @param {boolean} disabled */
  const setPolling = (disabled) => bridge.set('panels-tick', { disabled });
  const session = createSessionNotice({
    prefix: config.prefix,
    onEnd: () => setPolling(true),
    onAgain: () => {
      setPolling(false);
      if (status.isFailing()) status.retry();
    },
  });
  const api = createApi(config.prefix, versions, session.show, early.send);
  const telemetry = createTelemetry(api, network, viewerId);
  const datasets = createDatasets(
    api,
    () => {
      tree.draw();
      startPage.draw();
      details.follow();
      const view = store.current();
      if (view) bridge.syncOverlay(view);
    },
    (file, records) => tree.expandAll(file, records),
  );
  const loader = createSliceLoader(
    api,
    (request, answer) => picture.onValues(request, answer),
    (request, error) => picture.onError(request, error),
    bandwidth,
  );

  const focus = createFocus({ onEscape: () => tools.leave() || views.leave() || viewer.goBack() });
  const dimensions = createDimensions({
    on: {
      move: (dimension, index) => viewer.moveAlong(dimension, index),
      release: () => {
        bridge.sync(/** @type {View} */ (store.current()));
        focus.restore();
      },
      typed: (dimension, index) => viewer.goTyped(dimension, index),
      choose: (axis) => viewer.setPlane({ type: 'axis', axis }),
      play: (axis) => {
        viewer.setPlane({ type: 'axis', axis });
        player.toggle();
      },
    },
  });
  const bridge = createDashBridge({
    dimensions,
    recordsOf: (file) => datasets.known(file)?.list || [],
    isOver: () => plot.bar() !== null,
    onDragged: focus.restore,
  });
  const polling = createPolling({
    clock,
    longestMs: config.idlePoll,
    onWake: () => {
      if (api.isSignedOut()) return;
      residency.poll();
      shell.askForPanels();
    },
  });
  const shell = createShell({ bridge, polling, navbar: config.navbar });
  const status = createStatus({ api, bridge, onBusy: (on) => pipeline.setAwaited(on) });
  const player = createPlayer({
    clock,
    store,
    go: (index) => viewer.go(index),
    rangeOf: dimensions.rangeOf,
    isHidden: () => document.hidden,
    onChange: (playing) => {
      showPlaying(playing);
      if (!playing) picture.scheduleHeatmap();
    },
  });
  const pipeline = createPipelinePanel({
    stages: config.stages,
    reference: config.wholeReference,
    isVisible: () => panels.isPipelineVisible(),
    currentView: store.current,
  });
  const dock = createDock({ onOpened: (id) => panels.onOpened(id) });
  const panels = createPanels({
    pipeline,
    isMoving: () => machine.state().covered || player.isPlaying() || shell.isSuspended(),
    idleMs: () => picture.idleMs(),
    isCompact: dock.isCompact,
  });

  const colors = createColorMapping({
    api,
    show: {
      error: (text) => setText('window-error', text),
      bounds: (view, mapping) => {
        contrast.follow(view, mapping);
        views.onColors();
      },
    },
  });
  const canvas = createCanvas({ area: () => plot.area() });
  const patch = createPlotlyPatch({ lut: canvas.lut });
  /** @param {View} view */
  const most = (view) => views.mostOf(view);
  const plot = createPlot({
    canvas,
    patch,
    isCovered: () => machine.state().covered,
    most,
    on: {
      zoom: (x, y) => viewer.setZoom(x, y),
      reset: () => viewer.showAll(),
      hover: (row, column) => {
        readout.hover(row, column);
        views.onHover(row, column);
      },
      unhover: () => {
        readout.clear();
        views.onUnhover();
      },
      placed: (area) => views.onPlaced(area),
      pick: (row, column, hide) => viewer.pickLabel(row, column, hide),
    },
  });
  const readout = createReadout({ api, plot });
  const machine = createStateMachine((phase) => {
    element('plot-frame').dataset.phase = phase;
    tools.onPhase();
    contrast.onPhase(phase);
    views.onColors();
  });
  const frames = createFrameCache();
  const display = createDisplay({ config, clock, bandwidth, onChange: () => picture.onScreenChange(), most });
  const drawing = { clock, machine, loader, telemetry, plot, display, colors, player, pipeline, viewerId };
  const scrubber = createScrubber({
    ...drawing,
    frames,
    bandwidth,
    canvas,
    panels,
    isAwaitedBeside: () => views.isAwaited(),
    on: {
      painted: (view) => picture.onPainted(view),
      seen: (view) => viewer.onScreen(view),
      failed: (error, scene) => viewer.onRefused(error, scene),
    },
  });
  const picture = createPicture({
    ...drawing,
    config,
    store,
    scrubber,
    patch,
    readout,
    status,
    early,
    on: {
      shown: (view) => viewer.onScreen(view),
      refused: (error, request) => viewer.onRefused(error, request),
      drawError: (error) => viewer.onDrawError(error),
      lost: (error) => viewer.onHeartbeat(error),
      enumFound: () => viewer.onEnumFound(),
      late: () => viewer.resume(),
    },
  });

  const show = { bounds: bridge.syncBounds, controls: bridge.syncColors, viewer: () => viewer };
  const contrast = createContrast({ api, clock, colors, loader, machine, picture, plot, store, ...show });
  const prefetchPause = createPrefetchPause({
    api,
    viewerId,
    onChange: (paused) => scrubber.setFetchingAhead(!paused),
    onError: (error) => status.note('Prefetching goes on. ' + error.message, 'prefetch'),
  });
  const recent = createRecent();
  const navigation = createNavigation(recent);
  const residency = createResidencyBand({
    api,
    store,
    viewerId,
    polling,
    onNone: () => sheet.follow(() => viewer.isLookingUp() || viewer.start()),
    onAnswer: (error) => viewer.onHeartbeat(error),
    onShape: (shape) => viewer.onShape(shape),
  });
  const rows = createRows(api);
  const details = createDetails({ datasets, clock });
  const sheet = createSheet({ rows, datasets, plotly: () => Promise.resolve(plot.ready()) });
  const tree = createTree({
    datasets,
    focus,
    isFailing: status.isFailing,
    closeTree: shell.closeTree,
    onOpen: (found) => viewer.open(found),
    onChosen: details.choose,
  });
  const newest = createNewest({ store, goToEnd: () => viewer.goToEnd() });
  const startPage = createStartPage({
    datasets,
    recent,
    openFile: (file) => viewer.open({ file, dataset: null }),
    openLink: (link) => viewer.openAddress(link),
  });
  const actions = createActions();
  const leftOff = createLeftOff({ recent, status, actions, show: (link) => viewer.openAddress(link) });
  const viewer = createViewer({
    config,
    leftOff,
    store,
    bridge,
    colors,
    datasets,
    navigation,
    newest,
    polling,
    picture,
    player,
    plot,
    readout,
    remembered: createRememberedColors(),
    residency,
    sheet,
    startPage,
    status,
    tree,
    versions,
  });
  const { closeTree } = shell;
  const bookmarks = createBookmarks({ api, bridge, closeTree, current: store.current, openAddress: viewer.start });
  const { prefix, signsIn } = config;
  const exportMenu = createExportMenu({ api, bridge, colors, seen: () => viewer.seen(), prefix, signsIn });
  const common = { clock, api, store, plot, viewer, status };
  const tools = createTools({ ...common, machine, dock, focus });
  const views = createViews({
    ...common,
    machine,
    viewerId,
    colors,
    telemetry,
    player,
    tools,
    display,
    datasets,
    versions,
    bandwidth,
    fetchesAhead: scrubber.fetchesAhead,
    onAnswered: scrubber.onAnsweredBeside,
    onDragged: shell.suspend,
    showBar: (bar) => {
      plot.setBar(bar);
      contrast.onBar();
    },
  });
  const keyed = [tools, views, createUndo({ actions, viewer })];
  const input = createInput({ contrast, viewer, player, onKey: (event) => keyed.some((one) => one.onKey(event)) });
  const touch = createTouch({ clock, store, viewer, player, plot, tools });

  session.start(api);
  [early, telemetry, canvas, display, panels, dock, prefetchPause].forEach((part) => part.start());
  bridge.set('panel-viewer', { data: viewerId });
  [shell, polling, focus].forEach((part) => part.start());
  createHelp({ bridge }).start();
  createPalette({ actions, contrast, datasets, focus, player, status, viewer }).start();
  residency.start();
  exportMenu.start();
  input.start();
  touch.start();
  bridge.start(() => store.current() && bridge.syncPosition(/** @type {View} */ (store.current())));
  [tools, views, tree].forEach((part) => part.start());
  createTreeFilter({ tree, showTree: shell.showTree }).start();
  datasets.loadFiles().catch(() => undefined);
  // The first slice is fetched while Plotly is still being loaded.
  plot.start();
  viewer.start();
  addEventListener('popstate', viewer.start);

  // For tests in a browser, and for nothing else.
  globalThis.lamella = {
    bandwidth,
    bridge,
    canvas,
    colors,
    config,
    display,
    frames,
    machine,
    panels,
    patch,
    picture,
    player,
    plot,
    residency,
    scrubber,
    viewer,
    views,
  };
  return createCallbacks({
    bookmarks,
    bridge,
    dimensions,
    dock,
    focus,
    newest,
    panels,
    player,
    prefetchPause,
    residency,
    shell,
    status,
    tree,
    viewer,
  });
}
