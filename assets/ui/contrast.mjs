/* The histogram is loaded after the first slice, or for the key of the auto contrast. */

import { setVisible } from '../render/dom.mjs';
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Phase } from '../render/state-machine.mjs' */
/** @import { HistogramPanel, HistogramParts } from './histogram/panel.mjs' */

/** @typedef {ReturnType<typeof createContrast>} Contrast */

// The page does what the first slice brings before.
const LOAD_MS = 200;

/** `bounds(view, mapping)` shows the window that is in force in the fields, `controls(view)` what else the dock has of its colours.
 * @param {HistogramParts & {bounds: (view: View, mapping: ColorMapping) => void, controls: (view: View) => void}} parts */
export function createContrast(parts) {
  const { bounds, clock, colors, controls, machine, plot, store } = parts;
  /** @type {Promise<HistogramPanel> | null} */
  let loading = null;
  /** @type {HistogramPanel | null} */
  let panel = null;

  function load() {
    loading = loading || import('./histogram/panel.mjs').then(({ createHistogram }) => {
      panel = createHistogram(parts);
      panel.refresh();
      return panel;
    });
    return loading;
  }

  /** @param {Phase} phase */
  function onPhase(phase) {
    if (phase === 'moving' && panel) panel.leave();
    if (phase !== 'rest') return;
    const view = store.current();
    if (view) setVisible('histogram-beside', view.kind === 'values' || plot.bar() !== null);
    if (panel) panel.refresh();
    else if (!loading && machine.state().drawn) clock.later(load, LOAD_MS);
  }

  return {
    onPhase,
    /* The colour bar is of something else now. */
    onBar: () => {
      panel?.refresh();
      const view = store.current();
      const mapping = plot.bar()?.mapping || colors.current();
      if (!view || !mapping || panel?.isDragging()) return;
      controls(view);
      bounds(view, mapping);
    },
    /** The colours have changed. @param {View} view @param {ColorMapping} mapping */
    follow: (view, mapping) => {
      if (panel && !plot.bar()) panel.follow(mapping);
      // Fields are React's, and have it when the handle is let go.
      if (!panel || !panel.isDragging()) bounds(view, plot.bar()?.mapping || mapping);
    },
    auto: () => load().then((loaded) => loaded.auto()),
  };
}
