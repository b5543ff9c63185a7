/* The handles of the contrast window on a histogram: both ends, and the centre of a centred scale. A drag between the ends
   moves both. */

import { formatBound } from '../../model/number-format.mjs';
/** @import { Ends } from '../../model/colormap.mjs' */
/** @import { ValueAxis } from '../../model/histogram.mjs' */

/**
 * @typedef {'lo' | 'hi' | 'centre'} Handle
 * @typedef {Ends & {centre: number | null}} HandleValues
 * @typedef {ReturnType<typeof createHandles>} Handles
 */

/** @type {[Handle, string][]} */
const HANDLES = [['lo', 'Lower end of the window'], ['hi', 'Upper end of the window'], [
  'centre',
  'Centre of the colours',
]];
/** @type {Record<string, number>} */
const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };
const STEP = 0.01;

// A press this close to a handle (px) is on it.
const REACH_PX = 10;

// After the last key (ms), the window is as it is meant to be.
const KEY_MS = 300;

/** `track` is what they lie on. `on` has what is called: begin() and end() around changes, move(values) for each.
 * @param {HTMLElement} track
 * @param {{begin: () => void, move: (values: HandleValues) => void, end: () => void}} on */
export function createHandles(track, on) {
  /** @type {ValueAxis} */
  let axis;
  /** @type {HandleValues} */
  let values;
  let isVertical = true;
  /** Where the pointer was, and what it moves. @type {{id: number, place: number, moves: Handle | 'both'} | null} */
  let grip = null;
  let keyTimer = 0;

  const nodes = Object.fromEntries(HANDLES.map(([name, label]) => {
    const node = document.createElement('div');
    node.className = 'handle handle-' + name;
    node.tabIndex = 0;
    node.setAttribute('role', 'slider');
    node.setAttribute('aria-label', label);
    node.append(document.createElement('span'));
    node.addEventListener('keydown', (event) => onKey(name, event));
    node.addEventListener('blur', finishKeys);
    track.append(node);
    return [name, node];
  }));
  track.addEventListener('pointerdown', onDown);
  track.addEventListener('pointermove', onMove);
  track.addEventListener('pointerup', onUp);
  track.addEventListener('pointercancel', onUp);

  /** `textOf` says a value.
   * @param {ValueAxis} axis_ @param {HandleValues} values_ @param {boolean} isVertical_
   * @param {(value: number) => string} textOf */
  function place(axis_, values_, isVertical_, textOf) {
    axis = axis_;
    values = values_;
    isVertical = isVertical_;
    for (const [name] of HANDLES) {
      const value = values[name];
      const node = nodes[name];
      node.hidden = value === null;
      if (value === null) continue;
      const share = Math.min(Math.max(axis.place(value), 0), 1);
      node.style.setProperty('--place', String(share));
      node.setAttribute('aria-orientation', isVertical ? 'vertical' : 'horizontal');
      node.setAttribute('aria-valuemin', String(axis.lo));
      node.setAttribute('aria-valuemax', String(axis.hi));
      node.setAttribute('aria-valuenow', String(value));
      const text = textOf(value);
      node.setAttribute('aria-valuetext', text);
      // Date and time are below each other where there is no space for both.
      if (node.firstChild) node.firstChild.textContent = isVertical ? text.replace(' ', '\n') : text;
    }
  }

  /** Where the pointer is on the axis, 0…1, and px for all of it. @param {PointerEvent} event */
  function placeOf({ clientX, clientY }) {
    const box = track.getBoundingClientRect();
    return isVertical
      ? { at: (box.bottom - clientY) / box.height, px: box.height }
      : { at: (clientX - box.left) / box.width, px: box.width };
  }

  /** @param {PointerEvent} event */
  function onDown(event) {
    if (event.button || grip || !values) return;
    event.preventDefault();
    const { at, px } = placeOf(event);
    const shown = HANDLES.map(([name]) => name).filter((name) => values[name] !== null);
    const away = (/** @type {Handle} */ name) => Math.abs(axis.place(Number(values[name])) - at) * px;
    const [nearest] = shown.sort((a, b) => away(a) - away(b));
    const value = axis.value(at);
    const isBetween = value > values.lo && value < values.hi && away(nearest) > REACH_PX;
    const ends = away('lo') < away('hi') ? 'lo' : 'hi';
    grip = { id: event.pointerId, place: at, moves: isBetween ? 'both' : away(nearest) > REACH_PX ? ends : nearest };
    track.setPointerCapture(event.pointerId);
    on.begin();
    if (!isBetween && away(nearest) > REACH_PX) onMove(event);
  }

  /** @param {PointerEvent} event */
  function onMove(event) {
    if (!grip || event.pointerId !== grip.id) return;
    const { at } = placeOf(event);
    if (grip.moves === 'both') {
      const shifted = (/** @type {number} */ value) =>
        axis.value(axis.place(value) + at - /** @type {any} */ (grip).place);
      const [lo, hi] = [shifted(values.lo), shifted(values.hi)];
      grip.place = at;
      move({ lo, hi });
    } else move({ [grip.moves]: axis.value(Math.min(Math.max(at, 0), 1)) });
  }

  /** @param {PointerEvent} event */
  function onUp(event) {
    if (!grip || event.pointerId !== grip.id) return;
    grip = null;
    on.end();
  }

  /** Round numbers, as exact as the axis tells them apart, and the lower end below the upper one.
   * @param {Partial<HandleValues>} change */
  function move(change) {
    const next = { ...values };
    for (const [name] of HANDLES) {
      const value = change[name];
      if (typeof value === 'number') next[name] = Number(formatBound(value, axis.lo, axis.hi));
    }
    if (next.lo < next.hi && Number.isFinite(next.lo) && Number.isFinite(next.hi)) on.move(next);
  }

  /** @param {Handle} name @param {KeyboardEvent} event */
  function onKey(name, event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const ends = /** @type {Record<string, number>} */ ({ Home: 0, End: 1 });
    const step = STEPS[event.key];
    if (step === undefined && !(event.key in ends)) return;
    event.preventDefault();
    event.stopPropagation();
    const place = step === undefined ? ends[event.key] : axis.place(Number(values[name])) + step * STEP;
    if (!keyTimer) on.begin();
    clearTimeout(keyTimer);
    keyTimer = setTimeout(finishKeys, KEY_MS);
    move({ [name]: axis.value(place) });
  }

  function finishKeys() {
    if (!keyTimer) return;
    clearTimeout(keyTimer);
    keyTimer = 0;
    on.end();
  }

  return { place, isDragging: () => Boolean(grip || keyTimer) };
}
