/* The sliders below that of the moving axis: one for each dimension that is not on the screen. A dimension that is moved
   becomes the moving axis, which keys, playing and prefetching follow; the sliders change places when it is let go. */

import { axisOf, coordinateText, nameOf } from '../model/axes.mjs';
import { channelDimension } from '../model/kinds.mjs';
import { element } from '../render/dom.mjs';
/** @import { Axis } from '../model/axes.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Range } from '../model/viewport.mjs' */

/**
 * @typedef {object} DimensionEvents
 * @property {(dimension: number, index: number) => void} move Along a dimension, which is dragged.
 * @property {() => void} release
 * @property {(dimension: number, index: number) => void} typed
 * @property {(dimension: number) => void} choose As the moving axis.
 * @property {(dimension: number) => void} play
 */

/** @typedef {ReturnType<typeof createDimensions>} Dimensions */

/** @typedef {{row: HTMLElement, slider: HTMLInputElement, field: HTMLInputElement, value: HTMLElement, axis: Axis}} Row */

/** @param {{on: DimensionEvents}} parts */
export function createDimensions({ on }) {
  /** @type {Map<number, Row>} */
  let rows = new Map();
  let drawn = '';
  let dragged = false;
  /** Between which slices is played, by dataset and dimension. @type {Map<string, Range>} */
  const ranges = new Map();

  /** @param {View} view */
  function sync(view) {
    // Rows that are rebuilt under the pointer would be lost to it.
    if (dragged) return;
    const shown = [view.axis, view.rows, view.cols, channelDimension(view)];
    const hidden = view.shape.map((_, d) => d).filter((d) => !shown.includes(d));
    const name = JSON.stringify([view.generation, view.axis, view.voxel, hidden]);
    if (name !== drawn) {
      drawn = name;
      rows = new Map(hidden.map((d) => [d, rowOf(view, d)]));
      element('dimension-sliders').replaceChildren(...Array.from(rows.values(), ({ row }) => row));
    }
    follow(view);
    showRange(view);
  }

  /** @param {View} view @param {number} d @returns {Row} */
  function rowOf(view, d) {
    const end = view.shape[d] - 1;
    const name = nameOf(view, d);
    const row = made('div', { className: 'dimension' });
    const slider = made('input', {
      id: 'fixed-slider-' + d,
      type: 'range',
      min: '0',
      max: String(end),
      disabled: end === 0,
      ariaLabel: 'Position along ' + name,
    });
    slider.addEventListener('input', () => {
      dragged = true;
      on.move(d, Number(slider.value));
    });
    slider.addEventListener('change', () => {
      dragged = false;
      on.release();
    });
    const field = made('input', {
      id: 'fixed-index-' + d,
      className: 'dimension-index number-field',
      inputMode: 'numeric',
      autocomplete: 'off',
      ariaLabel: 'Index along ' + name,
    });
    field.addEventListener('change', () => {
      const index = Number(field.value);
      if (field.value.trim() !== '' && Number.isInteger(index)) on.typed(d, index);
      else field.value = slider.value;
    });
    const value = made('span', { className: 'dimension-value' });
    row.append(
      button('dimension-play', 'Play along ' + name, made('span', { className: 'icon icon-play' }), () => on.play(d)),
      button('dimension-name', 'Let keys and playing move along ' + name, name, () => on.choose(d)),
      slider,
      field,
      made('span', { className: 'dimension-end', textContent: 'of 0–' + end }),
      value,
    );
    return { row, slider, field, value, axis: axisOf(view, d) };
  }

  /** The sliders as the view has moved. @param {View} view */
  function follow(view) {
    for (const [d, { slider, field, value, axis }] of rows) {
      const text = String(view.position[d]);
      if (!dragged && slider.value !== text) slider.value = text;
      if (document.activeElement !== field && field.value !== text) field.value = text;
      value.textContent = coordinateText(axis, view.position[d]);
    }
  }

  function clear() {
    rows = new Map();
    drawn = '';
    dragged = false;
    element('dimension-sliders').replaceChildren();
    element('play-range').hidden = true;
  }

  /* Playing */

  /** @param {View} view */
  const rangeKey = (view) => JSON.stringify([view.file, view.dataset, view.axis]);

  /** The first and the last slice that playing shows. @param {View} view @returns {Range} */
  function rangeOf(view) {
    const last = view.shape[/** @type {number} */ (view.axis)] - 1;
    const [from, to] = ranges.get(rangeKey(view)) || [0, last];
    return [Math.min(from, last), Math.min(to, last)];
  }

  /** Play from one slice to another, in whichever order they are given; null for what is missing.
   * @param {View} view @param {number | null} from @param {number | null} to */
  function setRange(view, from, to) {
    const last = view.shape[/** @type {number} */ (view.axis)] - 1;
    const ends = [from ?? 0, to ?? last].map((index) => Math.min(Math.max(index, 0), last)).sort((a, b) => a - b);
    ranges.set(rangeKey(view), [ends[0], ends[1]]);
    showRange(view);
  }

  /** @param {View} view */
  function showRange(view) {
    const mark = element('play-range');
    const last = view.axis === null ? 0 : view.shape[view.axis] - 1;
    const [from, to] = last ? rangeOf(view) : [0, 0];
    mark.hidden = to - from === last;
    mark.style.left = 100 * from / (last || 1) + '%';
    mark.style.width = 100 * (to - from) / (last || 1) + '%';
  }

  return { sync, follow, clear, rangeOf, setRange };
}

/** @template {keyof HTMLElementTagNameMap} T @param {T} tag @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @returns {HTMLElementTagNameMap[T]} */
function made(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

/** @param {string} className @param {string} label @param {string | Node} content @param {() => void} press */
function button(className, label, content, press) {
  const node = made('button', { className, title: label, ariaLabel: label, type: 'button' });
  node.append(content);
  node.addEventListener('click', press);
  return node;
}
