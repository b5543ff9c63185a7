/* The bar over a comparison: with which dataset, in which way, both values under the pointer; and the handle of the swipe. */

import { choicesFor, choiceText, fittingIn } from '../../model/compare-choices.mjs';
import { compared, MODES, SHARE } from '../../model/compare.mjs';
import { formatNumber, typedNumber } from '../../model/number-format.mjs';
import { element } from '../../render/dom.mjs';
import { made } from './pane.mjs';
/** @import { Datasets } from '../../data/datasets.mjs' */
/** @import { Mode } from '../../model/compare.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { View } from '../../model/view.mjs' */

/** @type {Record<Mode, string>} */
const NAMES = { side: 'Side by side', swipe: 'Swipe', difference: 'Difference', overlay: 'Blend' };
const STEP = 0.02;
// A longer list is of no use; the command palette has all.
const MOST_CHOICES = 400;

/**
 * @typedef {object} BarEvents
 * @property {(compare: string) => void} choose With which dataset, as `FILE|DATASET`.
 * @property {(mode: Mode) => void} setMode
 * @property {(half: number | null) => void} setHalf Of the window of the difference; null for one by its values.
 * @property {() => void} moved Swipe or blend are at another place.
 * @property {(share: number) => void} setShare They are let go there.
 * @property {(isDragged: boolean) => void} onDragged The swipe is taken by a pointer, or let go.
 * @property {() => void} close
 */

/** @param {Datasets} datasets @param {BarEvents} on */
export function createCompareBar(datasets, on) {
  const node = made('div', { className: 'compare-bar' });
  const select = made('select', { id: 'compare-select', ariaLabel: 'Compare with' });
  const modes = made('select', { id: 'compare-mode', ariaLabel: 'Way of comparing' });
  modes.append(...MODES.map((mode) => made('option', { value: mode, textContent: NAMES[mode] })));
  const blend = made('input', { type: 'range', id: 'compare-blend', min: '0', max: '1', step: '0.01', value: '0.5' });
  blend.ariaLabel = 'How much of the second picture is seen';
  const scale = made('label', { className: 'compare-scale', title: 'The ends of the difference’s colours' });
  const half = made('input', {
    type: 'text',
    id: 'compare-half',
    className: 'number-field',
    inputMode: 'decimal',
    autocomplete: 'off',
  });
  half.ariaLabel = 'Window of the difference, from minus to plus this; empty for one by its values';
  const unit = made('span', {});
  scale.append('±', half, unit);
  const values = made('output', { className: 'compare-values' });
  const close = made('button', { type: 'button', className: 'compare-close', textContent: '×' });
  close.ariaLabel = close.title = 'End the comparison';
  const note = made('span', { className: 'compare-note' });
  note.setAttribute('role', 'status');
  node.append(select, modes, blend, scale, values, close, note);

  const handle = made('div', { id: 'compare-handle', className: 'compare-handle', tabIndex: 0, hidden: true });
  handle.setAttribute('role', 'slider');
  handle.ariaLabel = 'Where the second picture begins';
  handle.ariaValueMin = '0';
  handle.ariaValueMax = '100';
  /** @type {PlotArea | null} */
  let box = null;
  let share = SHARE;
  // By a pointer that is down.
  let isDragged = false;
  let listed = '';
  /** @type {View | null} */
  let view = null;

  /** @param {number} next */
  function moveTo(next) {
    share = Math.min(Math.max(Math.round(1000 * next) / 1000, 0), 1);
    blend.value = String(share);
    place();
    on.moved();
  }

  function letGo() {
    isDragged = false;
    on.setShare(share);
  }

  function place() {
    if (!box) return;
    Object.assign(handle.style, {
      left: box.left + share * box.width + 'px',
      top: box.top + 'px',
      height: box.height + 'px',
    });
    handle.ariaValueNow = String(Math.round(100 * share));
  }

  /** The datasets of a file that were not known: the one of the same name, or the only one; otherwise they are listed.
   * @param {string} file @param {View} of */
  async function listFile(file, of) {
    try {
      const fitting = fittingIn(of, file, await datasets.loadFile(file));
      const same = fitting.find((dataset) => dataset === of.dataset) || (fitting.length === 1 ? fitting[0] : null);
      if (same) on.choose(file + '|' + same);
      else if (fitting.length) say(fitting.length + ' datasets of ' + file + ' may fit: choose one of them.');
      else say(file + ' has no dataset of this size.');
    } catch (error) {
      say(/** @type {Error} */ (error).message);
    }
    if (view) list(view);
  }

  select.addEventListener('change', () => {
    const [file, dataset] = JSON.parse(select.value);
    say('');
    if (dataset) on.choose(file + '|' + dataset);
    else if (view) listFile(file, view);
  });
  modes.addEventListener('change', () => on.setMode(/** @type {Mode} */ (modes.value)));
  half.addEventListener('change', () => {
    const text = half.value.trim().replace(/^±\s*/, '').replace(',', '.');
    const value = Number(text);
    if (!text) on.setHalf(null);
    else if (value > 0 && Number.isFinite(value)) on.setHalf(value);
    else say('The window of a difference is a number above zero.');
  });
  blend.addEventListener('input', () => {
    isDragged = true;
    moveTo(Number(blend.value));
  });
  blend.addEventListener('change', letGo);
  close.addEventListener('click', () => on.close());
  handle.addEventListener('pointerdown', (event) => {
    handle.setPointerCapture(event.pointerId);
    isDragged = true;
    on.onDragged(true);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  handle.addEventListener('pointermove', (event) => {
    if (!handle.hasPointerCapture(event.pointerId) || !box) return;
    moveTo((event.clientX - element('stage').getBoundingClientRect().left - box.left) / box.width);
  });
  handle.addEventListener('lostpointercapture', letGo);
  // Wherever that is: the comparison may have been ended meanwhile.
  ['pointerup', 'pointercancel'].forEach((name) => addEventListener(name, () => on.onDragged(false)));

  /** @param {View} next */
  function show(next) {
    view = next;
    modes.value = next.mode;
    node.dataset.mode = next.compare ? next.mode : 'none';
    modes.hidden = !next.compare;
    if (!isDragged && share !== next.share) moveTo(next.share);
    list(next);
  }

  /** What there is to compare with. @param {View} of */
  function list(of) {
    const target = compared(of.compare);
    const choices = choicesFor(of, datasets.files() || [], datasets.known).slice(0, MOST_CHOICES);
    const now = target ? JSON.stringify([target.file, target.dataset]) : '';
    const text = JSON.stringify([choices, of.compare]);
    if (text !== listed) {
      listed = text;
      const first = made('option', { value: '', disabled: true, hidden: Boolean(target) });
      first.textContent = choices.length ? 'Compare with …' : 'Nothing to compare with';
      select.replaceChildren(
        first,
        ...choices.map((choice) =>
          made('option', { value: JSON.stringify([choice.file, choice.dataset]), textContent: choiceText(choice) })
        ),
      );
    }
    select.value = now;
    select.title = target ? target.dataset + ' of ' + target.file : '';
  }

  /** @param {string} text */
  function say(text) {
    if (note.textContent !== text) note.textContent = text;
  }

  return {
    node,
    handle,
    show,
    say,
    focus: () => select.focus(),
    /** Both values under the pointer. @param {string} text */
    showValues: (text) => {
      values.textContent = text;
    },
    share: () => share,
    /** @param {boolean} busy */
    setBusy: (busy) => node.classList.toggle('busy', busy),
    /** Whether the pictures have a difference, as colours have not. @param {boolean} has */
    allowDifference: (has) => {
      const option = /** @type {HTMLOptionElement} */ (modes.querySelector('[value=difference]'));
      option.disabled = !has;
    },
    /** The window of a difference: `half` is what was chosen. @param {number | null} chosen @param {number} inForce
     * @param {string} name Of the unit. */
    showHalf: (chosen, inForce, name) => {
      if (document.activeElement !== half) half.value = chosen === null ? '' : typedNumber(chosen);
      half.placeholder = formatNumber(inForce, 4);
      unit.textContent = name;
    },
    /** The handle of the swipe; null hides it. @param {PlotArea | null} area In px of the stage. */
    placeHandle: (area) => {
      box = area;
      handle.hidden = !area;
      if (!area) isDragged = false;
      place();
    },
    /** Whether a key moves the swipe. @param {KeyboardEvent} event */
    onKey: (event) => {
      const by = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[event.key];
      if (document.activeElement !== handle || by === undefined || event.shiftKey) return false;
      moveTo(share + by);
      letGo();
      return true;
    },
  };
}
