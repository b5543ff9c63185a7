/* The controls' values, written and read. The view is the truth: a control that the user works is read,
   every other change is written to it. */

import { browserClock } from '../data/clock.mjs';
import { axisOf, coordinateText, nameOf, parseVoxelSize, voxelSizeText } from '../model/axes.mjs';
import { gradient } from '../model/colormap.mjs';
import { differenceColoring } from '../model/difference.mjs';
import { boundText } from '../model/dates.mjs';
import { isCategorical, kindsOf } from '../model/kinds.mjs';
import { isDecodable } from '../model/meaning.mjs';
import { overlayOf, overlaysFor } from '../model/overlay.mjs';
import { isFlipped, SIDES } from '../model/plane.mjs';
import { projectionOf, SLICES } from '../model/projection.mjs';
import { formatBound } from '../model/number-format.mjs';
import { poolOf } from '../model/viewport.mjs';
import { element, isField, setText, setVisible } from '../render/dom.mjs';
import { createEchoFilter } from './echo-filter.mjs';
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Kind } from '../model/meaning.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { DatasetRecord, View } from '../model/view.mjs' */
/** @import { Dimensions } from './dimensions.mjs' */

/** @typedef {ReturnType<typeof createDashBridge>} DashBridge */

/** @type {Record<Kind, string>} */
const KIND_NAMES = { values: 'Values', color: 'Colour', labels: 'Labels', mask: 'Mask' };

// As dashboard/web/page/choices.py has them; a difference has one by its values.
const MANUAL = { value: 'manual', label: 'Manual' };
const WINDOWS = [{ value: 'volume', label: 'Volume' }, { value: 'slice', label: 'Slice' }, MANUAL];
const WINDOWS_OVER = [{ value: 'slice', label: 'Difference' }, MANUAL];
// What stands for no dataset, all of which begin with a slash.
export const NO_OVERLAY = 'none';

// For this long (ms) after a field has lost the focus, what Dash reports of it is what was typed.
const TYPED_MS = 1000;
// What is disabled while nothing is chosen.
const CONTROLS = ['slice-slider', 'index-input', 'axis-select', 'slice-previous', 'slice-next', 'slice-play']
  .concat('rows-select', 'cols-select', 'transpose', 'flip-rows', 'flip-cols');

/** `dimensions` are the other sliders, `recordsOf(file)` the datasets that are known of a file, `isOver()` is true while a
 * difference lies over the picture, which then has the colours, `onDragged()` is called when the slider is released.
 * @param {{dimensions: Pick<Dimensions, 'sync' | 'follow' | 'clear'>, recordsOf: (file: string) => DatasetRecord[],
 *   isOver: () => boolean, onDragged: () => void, clock?: Clock}} parts */
export function createDashBridge({ dimensions, recordsOf, isOver, onDragged, clock = browserClock }) {
  /** Fields whose value Dash has not reported since something was typed. @type {Set<string>} */
  const typed = new Set();
  /** When the user may have changed a control last (ms). */
  let touchedAt = -Infinity;
  const echoes = createEchoFilter({
    isBeingEdited,
    wasTyped: (id) => typed.delete(id),
    touchedAt: () => touchedAt,
    clock,
  });
  /** Its id. @type {string | null} */
  let draggedControl = null;
  /** The axis that the slider is for. @type {number | null} */
  let sliderAxis = null;

  /** @param {string} id @param {Record<string, DashProps>} props */
  function set(id, props) {
    globalThis.dash_clientside.set_props(id, props);
  }

  /** Write a control's value (or what `prop` names) unless it has it.
   * @param {string} id @param {DashProps} value @param {string} prop */
  function setControl(id, value, prop = 'value') {
    if (!isBeingEdited(id) && echoes.write(id, prop, value)) set(id, { [prop]: value });
  }

  /** Whether the user is at this control just now: it is not written then. @param {string} id @returns {boolean} */
  function isBeingEdited(id) {
    if (draggedControl === id) return true;
    const focused = document.activeElement;
    return Boolean(focused && focused.id === id && isField(focused));
  }

  /** @param {() => void} onRelease */
  function start(onRelease) {
    document.addEventListener('pointerdown', (event) => {
      draggedControl = event.target instanceof Element && event.target.closest('#slice-slider') ? 'slice-slider' : null;
    }, true);
    const release = () => {
      if (!draggedControl) return;
      draggedControl = null;
      onDragged();
      onRelease();
    };
    document.addEventListener('pointerup', () => setTimeout(release, 0), true);
    document.addEventListener('pointercancel', release, true);
    const touch = (/** @type {Event} */ event) => {
      // Escape leaves what is awaited, and no control has it.
      if (!(event instanceof KeyboardEvent && event.key === 'Escape')) touchedAt = clock.now();
    };
    for (const type of ['pointerdown', 'keydown', 'click', 'input']) document.addEventListener(type, touch, true);
    // Enter reports a value when the picture has the focus again.
    document.addEventListener('input', ({ target }) => target instanceof Element && typed.add(target.id), true);
    document.addEventListener('focusout', ({ target }) => {
      setTimeout(onRelease, 0);
      setTimeout(() => target instanceof Element && typed.delete(target.id), TYPED_MS);
    }, true);
  }

  /** All controls as a view has them. @param {View} view */
  function sync(view) {
    sliderAxis = view.axis;
    syncAxes(view);
    dimensions.sync(view);
    const end = view.axis === null ? 0 : view.shape[view.axis] - 1;
    const still = view.axis === null || end === 0;
    set('slice-slider', { min: 0, max: Math.max(end, 1), disabled: still });
    set('index-input', { max: end, disabled: still });
    ['slice-previous', 'slice-next', 'slice-play'].forEach((id) => set(id, { disabled: still }));
    setText('index-last', view.axis === null ? '' : 'of 0–' + end);
    setVisible('part-field', view.complex);
    if (view.complex) setControl('part-select', view.part);
    setControl('pool-select', poolOf(view));
    syncColors(view);
    syncPosition(view);
  }

  /** @param {View} view */
  function syncAxes(view) {
    const rank = view.shape.length;
    /** @param {number} d */
    const name = (d) => view.meaning?.axes[d]?.name || String(d);
    const data = view.shape.map((n, d) => ({ value: String(d), label: rank > 4 ? name(d) : name(d) + ' · ' + n }));
    setVisible('axis-field', view.axis !== null);
    setText('slice-name', view.axis === null ? '' : nameOf(view, view.axis));
    if (view.axis !== null) {
      set('axis-select', { data, disabled: false });
      setControl('axis-select', String(view.axis));
    }
    // These are narrow: lengths are at the axis to slice, and in the breadcrumb.
    const names = view.shape.map((_, d) => ({ value: String(d), label: name(d) }));
    SIDES.forEach((side) => {
      set(side + '-select', { data: names, disabled: false });
      setControl(side + '-select', String(view[side]));
      set('flip-' + side, { disabled: false });
      element('flip-' + side).setAttribute('aria-pressed', String(isFlipped(view, side)));
    });
    set('transpose', { disabled: false });
    const size = parseVoxelSize(view.voxel);
    setControl('voxel-size', size ? voxelSizeText(size) : '');
    setControl('aspect-select', view.aspect);
    syncProjection(view);
    setVisible('newest-toggle', view.growable && view.axis !== null);
    setVisible('voxel-size-field', view.shape.some((_, d) => !view.meaning?.axes[d]?.coordinates));
  }

  /** @param {View} view */
  function syncProjection(view) {
    const projection = projectionOf(view);
    setVisible('project-field', view.axis !== null && view.kind === 'values');
    setControl('project-select', projection ? projection.reduction : 'none');
    element('project-field').classList.toggle('with-count', projection !== null);
    if (view.axis === null) return;
    const most = view.shape[view.axis];
    set('project-count', { max: most });
    setControl('project-count', projection ? projection.count : Math.min(SLICES, most));
  }

  /* Nothing is chosen. */
  function clear() {
    CONTROLS.forEach((id) => set(id, { disabled: true }));
    setText('index-last', '');
    setText('slice-name', '');
    setText('slice-value', '');
    setVisible('axis-field', false);
    setVisible('project-field', false);
    setVisible('newest-toggle', false);
    dimensions.clear();
    setControl('slice-slider', 0);
    setControl('index-input', '');
  }

  /** @param {View} view */
  function syncPosition(view) {
    followPosition(view);
    if (view.axis !== sliderAxis) return;
    const index = view.axis === null ? 0 : view.position[view.axis];
    setControl('slice-slider', index);
    setControl('index-input', index);
  }

  /** Slider and number field as the view moves. Written past React, which takes 25 ms for both and hears of the
   * same values when the view rests. @param {View} view */
  function followPosition(view) {
    dimensions.follow(view);
    if (view.axis === null || view.axis !== sliderAxis) return;
    const index = view.position[view.axis];
    const end = view.shape[view.axis] - 1;
    setText('slice-value', coordinateText(axisOf(view, view.axis), index));
    const field = /** @type {HTMLInputElement} */ (element('index-input'));
    if (!isBeingEdited('index-input') && field.value !== String(index)) field.value = String(index);
    const thumb = /** @type {HTMLElement} */ (document.querySelector('#slice-slider [role=slider]'));
    if (isBeingEdited('slice-slider') || !thumb) return;
    const share = (100 * index) / Math.max(end, 1) + '%';
    thumb.setAttribute('aria-valuenow', String(index));
    thumb.style.setProperty('--slider-thumb-offset', share);
    const bar = /** @type {HTMLElement} */ (document.querySelector('#slice-slider .mantine-Slider-bar'));
    bar.style.setProperty('--slider-bar-width', 'calc(' + share + ' + 2 * var(--slider-size))');
  }

  /** @param {View} view */
  function syncColors(view) {
    const over = isOver();
    const { colorscale, reverse, norm } = over ? differenceColoring(view) : view;
    setControl('colorscale-select', colorscale);
    setControl('colorscale-reverse', reverse, 'checked');
    setControl('norm-select', norm);
    const kinds = kindsOf(view.meaning, view.dtype);
    setVisible('kind-field', kinds.length > 1);
    set('kind-select', { data: kinds.map((kind) => ({ value: kind, label: KIND_NAMES[kind] })) });
    setControl('kind-select', view.kind);
    setVisible('labels-field', isCategorical(view) || Boolean(overlayOf(view)));
    syncOverlay(view);
    setControl('labels-input', view.labels.replaceAll(',', ', '));
    element('tab-display-panel').classList.toggle('without-scale', view.kind !== 'values');
    setVisible('decode-field', isDecodable(view.meaning) && view.kind === 'values');
    setControl('decode-select', view.decode ? '1' : '0');
    setControl('window-mode', over ? WINDOWS_OVER : WINDOWS, 'data');
    setControl('window-mode', isManual(view) ? 'manual' : over ? 'slice' : view.window);
    document.documentElement.style.setProperty('--scale', gradient(colorscale, reverse));
  }

  /** What labels can be drawn over, or over what; the list of the file may come later. @param {View} view */
  function syncOverlay(view) {
    const overlay = overlayOf(view);
    const names = overlaysFor(view, recordsOf(view.file));
    if (overlay && !names.includes(overlay)) names.push(overlay);
    setVisible('overlay-field', names.length > 0);
    setVisible('overlay-opacity-field', Boolean(overlay));
    const data = [{ value: NO_OVERLAY, label: 'None' }, ...names.map((name) => ({ value: name, label: name }))];
    setControl('overlay-select', data, 'data');
    setControl('overlay-select', overlay || NO_OVERLAY);
    setControl('overlay-opacity', Math.round(100 * view.opacity));
  }

  /** Whether the window was given by its ends. @param {View} view */
  const isManual = (view) => isOver() ? view.difference !== null : Array.isArray(view.window);

  /** The ends of the window that is in force, to start from when it is set by hand.
   * @param {View} view @param {ColorMapping} mapping */
  function syncBounds(view, mapping) {
    const manual = isManual(view);
    element('window-control').classList.toggle('manual', manual);
    if (!manual) return;
    const { lo, hi } = mapping;
    /** @param {number} end */
    const text = (end) => isOver() ? formatBound(end, lo, hi) : boundText(view, end, lo, hi);
    setControl('window-lo', text(lo));
    setControl('window-hi', text(hi));
  }

  return {
    start,
    set,
    setControl,
    isUserChange: echoes.isUserChange,
    sync,
    syncAxes,
    clear,
    syncPosition,
    followPosition,
    syncColors,
    syncOverlay,
    syncBounds,
  };
}
