/* The slice of a link is requested and painted before the scripts of the page, which are a hundred times as large. The page
   takes the answers from here and puts its own picture over this one. Whatever fails here is left to the page, which asks
   again and says what is wrong. */

import { createApi } from './data/api.mjs';
import { createBandwidthEstimator } from './data/bandwidth.mjs';
import { browserClock as clock, whenShown } from './data/clock.mjs';
import { createEarlyAnswers, nameOf } from './data/early-answers.mjs';
import { createNetworkTiming } from './data/network-timing.mjs';
import { createRememberedColors } from './data/remembered-colors.mjs';
import { createSliceLoader } from './data/slice-loader.mjs';
import { identifyViewer } from './data/telemetry.mjs';
import { parseLink } from './model/address.mjs';
import { createView } from './model/link-view.mjs';
import { reduce } from './model/view.mjs';
import { poolOf } from './model/viewport.mjs';
import { codedCells } from './render/codes.mjs';
import { createColorMapping } from './render/color-mapping.mjs';
import { createDisplay } from './render/display.mjs';
import { element } from './render/dom.mjs';
import { createEarlyPicture } from './render/early-picture.mjs';
import { answeredValues, describeValues, withViewport } from './render/values-request.mjs';
/** @import { SliceAnswer } from './data/slice-loader.mjs' */
/** @import { ValuesRequest } from './model/cells.mjs' */
/** @import { Meaning } from './model/meaning.mjs' */
/** @import { View } from './model/view.mjs' */
/** @import { Seen } from './render/heatmap.mjs' */

/** @typedef {ReturnType<typeof begin>} Early */

export const early = begin();

function begin() {
  const viewerId = identifyViewer();
  const answers = createEarlyAnswers();
  const picture = createEarlyPicture();
  const bandwidth = createBandwidthEstimator();
  const network = createNetworkTiming(bandwidth.addSample, bandwidth.addHint);
  /** @type {ValuesRequest | null} */
  let request = null;
  /** @type {Seen | null} */
  let seen = null;
  let painted = false;
  let over = false;

  async function show() {
    const requestedAt = clock.now();
    const config = JSON.parse(document.querySelector('meta[name=lamella]')?.getAttribute('content') || '{}');
    const api = createApi(config.prefix, { check: () => true }, undefined, answers.ask);
    const view = await viewOf(api);
    if (!view || over || view.views !== 1 || view.compare) return;
    await picture.open(view);
    const screen = picture.screen;
    const display = createDisplay({ config, clock, bandwidth, onChange: () => undefined, screen });
    request = display.firstRequest(view, viewerId);
    const loader = createSliceLoader(api, () => undefined, () => undefined, bandwidth);
    const { signal } = new AbortController();
    const { query, over: labels } = request;
    const answer = await loader.load(query, { signal, priority: 'high' }, request.generation, undefined, labels);
    if (over || isPooledAnew(request, answer)) return;
    const begun = clock.now();
    const values = answeredValues(request, answer);
    const colors = createColorMapping({ api, show: { error: () => undefined, bounds: () => undefined } });
    colors.keepWindow(request, answer.window);
    const mapping = await colors.resolve(view, request, values);
    const cells = codedCells(withViewport(values, request), mapping);
    if (over) return;
    const converted = clock.now();
    const { convert, draw } = picture.paint(cells, mapping);
    const drawn = clock.now();
    const { address, startedAt, elapsed } = answer;
    painted = true;
    const shown = await whenShown(clock);
    performance.mark('slice-early', { startTime: shown });
    const spent = { convert: converted - begun + convert, draw };
    if (!document.hidden) seen = { address, requestedAt, times: { startedAt, elapsed }, spent, drawn, shown };
  }

  function leave() {
    over = true;
    picture.leave();
  }

  /** What was requested of a view, to be taken once; null where it was something else.
   * @param {View} view @returns {ValuesRequest | null} */
  function again(view) {
    const before = request;
    request = null;
    if (!before) return null;
    const { row0, row1, rowStep, col0, col1, colStep } = before.viewport;
    const cells = Math.ceil((row1 - row0) / rowStep) * Math.ceil((col1 - col0) / colStep);
    const same = describeValues(view, cells, viewerId);
    return JSON.stringify(same.query) === JSON.stringify(before.query) ? same : null;
  }

  network.start();
  const done = show().catch(leave);
  // An answer that cannot be painted leaves the frame empty.
  done.then(() => painted || leave());

  return {
    viewerId,
    bandwidth,
    network,
    again,
    /** Resolves when the picture is on the screen, or comes to nothing. */
    done,
    /** As the browser's `fetch`. */
    send: answers.take,
    /** The page is there, and the picture moves into its frame. */
    start: () => picture.enter(element('plot-frame')),
    /** The page's picture is there, or what is wrong: what it has not asked for by now is of no more use. */
    leave() {
      leave();
      answers.forget();
    },
    /** What is known of a slice that was on the screen before the page. @param {string} address @returns {Seen | null} */
    seen: (address) => (seen && nameOf(seen.address) === nameOf(address) ? seen : null),
  };
}

/** The view that the address asks for, null where that takes more than to look up a dataset.
 * @param {ReturnType<typeof createApi>} api @returns {Promise<View | null>} */
async function viewOf(api) {
  const link = parseLink(location.search);
  const { file, dataset } = link;
  if (!file || !dataset) return null;
  /** @type {Promise<Meaning | null>} */
  const meaning = api.json('/api/v1/node', { file, path: dataset }).then((node) => node.meaning || null, () => null);
  const { datasets: [record], version } = await api.listing(file, '/' + dataset.replace(/^\/+/, ''));
  if (!record || !record.browsable) return null;
  const remembered = createRememberedColors().of(file, record, link);
  const found = { file, record, meaning: await meaning, remembered, listed: version, generation: 0 };
  return createView(found, link, null, false).view;
}

/** Whether the page requests a slice of names again, which was pooled as if they were numbers.
 * @param {ValuesRequest} request @param {SliceAnswer} answer */
function isPooledAnew({ view, query, viewport }, answer) {
  return answer.isEnum && viewport.step > 1 && poolOf(reduce(view, { type: 'enum' })) !== query.pool;
}
