/* Wires the page /monitor: model ← data ← render ← ui ← this. */

import { createApi } from './data/api.mjs';
import { createPoller } from './data/monitor/poller.mjs';
import { createStatistics } from './data/monitor/statistics.mjs';
import { createVersions } from './data/versions.mjs';
import { createCharts, readTheme } from './render/monitor/chart.mjs';
import { createControls } from './ui/monitor/controls.mjs';
import { createMonitor } from './ui/monitor/monitor.mjs';
import { createRows } from './ui/monitor/rows.mjs';
import { createSessionNotice } from './ui/session.mjs';
import { createMonitorStore } from './ui/monitor/store.mjs';
import { createWall } from './ui/monitor/wall.mjs';
import { chosenSpan } from './model/monitor/address.mjs';
/** @import { MonitorConfig } from './ui/monitor/monitor.mjs' */

const READY_MS = 30;

/** Dash draws the frame of the page, and Plotly comes after these modules. @param {() => void} job */
function whenReady(job) {
  if (document.getElementById('monitor') && globalThis.Plotly) job();
  else setTimeout(() => whenReady(job), READY_MS);
}

function start() {
  const text = /** @type {HTMLElement} */ (document.getElementById('monitor-config')).textContent;
  /** @type {MonitorConfig} */
  const config = JSON.parse(text || '{}');
  const session = createSessionNotice({ prefix: config.prefix });
  const api = createApi(config.prefix, createVersions(() => undefined), session.show);
  session.start(api);
  const statistics = createStatistics(api);
  const store = createMonitorStore({ onChange: (state) => monitor.onChange(state) });
  const charts = createCharts({
    onSpan: (from, to) => {
      const span = chosenSpan(from, to);
      if (span) store.change({ span });
      else monitor.redraw();
    },
    onClick: (id, x, y) => rows.onClick(id, x, y),
  });
  const controls = createControls({ store, filters: config.filters, onPause: () => monitor.togglePause() });
  const rows = createRows({
    config,
    store,
    statistics,
    charts,
    theme: readTheme,
    setLink: (chart, more) => monitor.setLink(chart, more),
    onError: (error) => monitor.onError(error),
  });
  const poller = createPoller({
    poll: () => monitor.poll(),
    check: () => statistics.isServerThere(),
    periodMs: () => monitor.periodMs(),
    isHidden: () => document.hidden,
  });
  const wall = createWall({ store });
  const monitor = createMonitor({ config, store, statistics, controls, rows, poller, wall });

  controls.start();
  wall.start();
  monitor.start();
  addEventListener('popstate', store.onPopState);
}

whenReady(start);
