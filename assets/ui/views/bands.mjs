/* The bands under the sliders of the planes beside the main one: which of their slices are decoded, planned and in progress.
   They are asked for once the point has stayed for a while, and once more when what was planned then may be there. */

import { selectionOf } from '../../model/viewport.mjs';
import { drawBand } from '../residency.mjs';
/** @import { View } from '../../model/view.mjs' */
/** @import { ViewsParts } from '../views.mjs' */
/** @import { Pane } from './pane.mjs' */

const REST_MS = 500;
const AGAIN_MS = 3000;

/** @param {Pick<ViewsParts, 'api' | 'clock' | 'viewerId'>} parts @param {() => readonly Pane[]} panes */
export function createBands({ api, clock, viewerId }, panes) {
  let timer = 0;
  let control = new AbortController();

  function schedule() {
    stop();
    timer = clock.later(() => {
      ask();
      timer = clock.later(ask, AGAIN_MS);
    }, REST_MS);
  }

  function stop() {
    clock.cancel(timer);
    control.abort();
  }

  function ask() {
    control = new AbortController();
    if (document.hidden) return;
    const { signal } = control;
    for (const pane of panes()) {
      const view = pane.view();
      // A band that is missing says nothing; the next rest asks again.
      if (view) askFor(pane, view, signal).catch(() => undefined);
    }
  }

  /** @param {Pane} pane @param {View} view @param {AbortSignal} signal */
  async function askFor(pane, view, signal) {
    const { file, dataset, axis, generation } = view;
    if (axis === null) return;
    const query = { file, dataset, selection: selectionOf(view), axis, viewer: viewerId };
    const response = await api.fetchOk(api.url('/api/v1/residency', query), { signal }, generation);
    drawBand(pane.band, await response.json(), view.shape[axis]);
  }

  return { schedule, stop };
}
