/* What Dash calls when a control changes; the graph is in dashboard/web/page/viewer_callbacks.py. Each callback takes the
   values of its inputs and `triggered`, the names of the properties that have changed (`slice-slider.value`). */

import { datesOf, parseBound } from '../model/dates.mjs';
import { isCategorical } from '../model/kinds.mjs';
import { parseLabels } from '../model/labels.mjs';
import { SIDES } from '../model/plane.mjs';
import { SLICES } from '../model/projection.mjs';
import { element, setText } from '../render/dom.mjs';
import { NO_OVERLAY } from './dash-bridge.mjs';
/** @import { Bookmarks } from './bookmarks.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Dimensions } from './dimensions.mjs' */
/** @import { Dock } from './dock.mjs' */
/** @import { Focus } from './focus.mjs' */
/** @import { Newest } from './newest.mjs' */
/** @import { Panels } from './panels.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { PrefetchPause } from './prefetch-pause.mjs' */
/** @import { Residency } from './residency.mjs' */
/** @import { Shell } from './shell.mjs' */
/** @import { Status } from './status.mjs' */
/** @import { Tree } from './tree.mjs' */
/** @import { Viewer } from './viewer.mjs' */

/**
 * @typedef {object} CallbackParts
 * @property {Bookmarks} bookmarks
 * @property {DashBridge} bridge
 * @property {Dimensions} dimensions
 * @property {Dock} dock
 * @property {Focus} focus
 * @property {Newest} newest
 * @property {Panels} panels
 * @property {Player} player
 * @property {PrefetchPause} prefetchPause
 * @property {Residency} residency
 * @property {Shell} shell
 * @property {Status} status
 * @property {Tree} tree
 * @property {Viewer} viewer
 */

/** @typedef {Record<string, (values: DashProps, triggered: string[]) => void>} Callbacks */

// As the popovers of DIALOGS in dashboard/web/page/viewer_callbacks.py.
const POPOVER_BUTTONS = ['play-settings', 'export-button'];

/** @param {CallbackParts} parts @returns {Callbacks} */
export function createCallbacks(
  {
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
  },
) {
  const { isUserChange } = bridge;

  /** What buttons do, by their ids. @type {Record<string, () => unknown>} */
  const actions = {
    'tree-toggle': () => shell.toggleTree(),
    'tree-reload': () => {
      residency.poll();
      return tree.reload();
    },
    'bookmarks-button': () => bookmarks.open(),
    'controls-toggle': () => dock.toggleControls(),
    'controls-close': () => dock.closeControls(),
    'panels-toggle': () => shell.togglePanels(),
    'details-button': () => shell.showTree(),
    'zoom-reset': () => viewer.showAll(),
    'plot-retry': () => status.retry(),
    'plot-leave': () => viewer.cancel(),
    'plot-offer': () => status.acceptOffer(),
    'plot-files': () => shell.toggleTree(),
    'prefetch-pause': () => prefetchPause.toggle(),
    'plot-note-action': () => status.runNoteAction(),
    'plot-note-close': () => status.clearNote(),
    'plot-cancel': () => viewer.cancel(),
    'slice-previous': () => viewer.step(-1),
    'slice-next': () => viewer.step(1),
    'slice-play': () => player.toggle(),
    'newest-toggle': () => newest.toggle(),
    'transpose': () => viewer.setPlane({ type: 'transpose' }),
    'flip-rows': () => viewer.flip('rows'),
    'flip-cols': () => viewer.flip('cols'),
  };

  /** @param {DashProps} lo @param {DashProps} hi What the fields have. */
  function setManualWindow(lo, hi) {
    const view = viewer.current();
    const [low, high] = [lo, hi].map((text) => parseBound(view, String(text ?? '')));
    let sentence = '';
    if (!Number.isFinite(low) || !Number.isFinite(high)) {
      sentence = view && datesOf(view) ? 'The window needs two dates, or numbers.' : 'The window needs two numbers.';
    } else if (low >= high) sentence = 'The lower end has to be below the upper one.';
    setText('window-error', sentence);
    if (!sentence) viewer.setWindow([low, high]);
  }

  return {
    index: ([slider, field], triggered) => {
      const [id] = triggered[0].split('.');
      const value = id === 'slice-slider' ? slider : field;
      const view = viewer.current();
      if (!view || view.axis === null || typeof value !== 'number' || !isUserChange(id, value)) return;
      viewer.goTyped(view.axis, value);
    },
    axis: ([value]) => {
      if (isUserChange('axis-select', value)) viewer.setPlane({ type: 'axis', axis: Number(value) });
    },
    sides: (values) => {
      SIDES.forEach((side, i) => {
        if (isUserChange(side + '-select', values[i])) {
          viewer.setPlane({ type: 'side', side, dimension: Number(values[i]) });
        }
      });
    },
    range: ([from, to]) => {
      const view = viewer.current();
      /** @param {DashProps} value */
      const index = (value) => typeof value === 'number' ? value : null;
      if (view && view.axis !== null) dimensions.setRange(view, index(from), index(to));
    },
    voxel: ([text]) => {
      if (!isUserChange('voxel-size', text)) return;
      const isRight = viewer.setVoxelSize(text || '');
      setText('voxel-size-error', isRight ? '' : 'A number and a unit, as in 0.65 µm or 2 × 0.65 × 0.65 µm.');
    },
    aspect: ([value]) => {
      if (isUserChange('aspect-select', value)) viewer.setAspect(value);
    },
    kind: ([value]) => {
      if (isUserChange('kind-select', value)) viewer.setKind(value);
    },
    labels: ([text]) => {
      if (!isUserChange('labels-input', text)) return;
      const choice = parseLabels(text || '');
      setText('labels-error', choice ? '' : 'Numbers, as in 7, 12, or -3, -5 for all but those.');
      if (choice) viewer.setLabels(choice);
    },
    overlay: ([dataset]) => {
      const view = viewer.current();
      if (!view || !isUserChange('overlay-select', dataset)) return;
      if (!isCategorical(view)) viewer.setOverlay(dataset === NO_OVERLAY ? '' : dataset);
      else if (dataset !== NO_OVERLAY) viewer.openUnder(dataset);
    },
    opacity: ([percent]) => {
      if (isUserChange('overlay-opacity', percent)) viewer.setOpacity(percent / 100);
    },
    project: ([reduction, count]) => {
      const user = [isUserChange('project-select', reduction), isUserChange('project-count', count)];
      if (!user.some(Boolean)) return;
      viewer.setProjection(reduction === 'none' ? '' : reduction + ':' + (count > 0 ? count : SLICES));
    },
    decode: ([value]) => {
      if (isUserChange('decode-select', value)) viewer.setDecode(value === '1');
    },
    pool: ([value]) => {
      if (isUserChange('pool-select', value)) viewer.setPool(value);
    },
    part: ([value]) => {
      if (isUserChange('part-select', value)) viewer.setPart(value);
    },
    colours: ([colorscale, reverse, norm]) => {
      const user = [
        isUserChange('colorscale-select', colorscale),
        isUserChange('colorscale-reverse', reverse, 'checked'),
        isUserChange('norm-select', norm),
      ];
      const chosen = Object.entries({ colorscale, reverse, norm }).filter((_, i) => user[i]);
      if (chosen.length) viewer.setColors(Object.fromEntries(chosen));
    },
    mode: ([value]) => {
      if (!isUserChange('window-mode', value)) return;
      if (value === 'manual') viewer.freezeWindow();
      else viewer.setWindow(value);
    },
    bounds: ([lo, hi]) => {
      const user = [isUserChange('window-lo', lo), isUserChange('window-hi', hi)];
      if (user.some(Boolean)) setManualWindow(lo, hi);
    },
    playing: ([speed, direction, end, timing]) =>
      player.configure({ speed: Number(speed), direction: Number(direction), end, timing }),
    press: (_clicks, triggered) => {
      const action = actions[triggered[0].split('.')[0]];
      if (action) action();
      focus.restoreIfLost();
    },
    dialog: ([drawer, ...popovers], [name]) => {
      POPOVER_BUTTONS.forEach((id, i) => element(id).setAttribute('aria-expanded', String(Boolean(popovers[i]))));
      const isOpen = [drawer, ...popovers].some(Boolean);
      if (!isOpen && !name.startsWith('export')) focus.focusPicture();
    },
    panels: ([parts]) => {
      panels.update(parts);
      shell.updateInterval();
    },
  };
}
