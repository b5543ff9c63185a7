/* The bar over a comparison: with which dataset, in which way, both values under the pointer; and the handle of the swipe. */

import { compared, MODES } from '../../model/compare.mjs';
import { cellIn, differenceOf, mayLie } from '../../model/comparison.mjs';
import { cellText } from '../../model/cells.mjs';
import { gradient } from '../../model/colormap.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { element } from '../../render/dom.mjs';
import { made } from './pane.mjs';
/** @import { Datasets } from '../../data/datasets.mjs' */
/** @import { Cells } from '../../model/cells.mjs' */
/** @import { ColorMapping } from '../../model/colormap.mjs' */
/** @import { Mode } from '../../model/compare.mjs' */
/** @import { Laid } from '../../model/comparison.mjs' */
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { View } from '../../model/view.mjs' */

/** @type {Record<Mode, string>} */
const NAMES = { side: 'Side by side', swipe: 'Swipe', difference: 'Difference', overlay: 'Blend' };
const STEP = 0.02;

/** `choose(compare)` has `FILE|DATASET`; `setShare()` hears that swipe or blend have changed.
 * @param {{datasets: Datasets, choose: (compare: string) => void, setMode: (mode: Mode) => void, setShare: () => void}} parts */
export function createCompareBar({ datasets, choose, setMode, setShare }) {
  const node = made('div', { className: 'compare-bar' });
  const select = made('select', { id: 'compare-select', ariaLabel: 'Compare with' });
  const modes = made('select', { id: 'compare-mode', ariaLabel: 'Way of comparing' });
  modes.append(...MODES.map((mode) => made('option', { value: mode, textContent: NAMES[mode] })));
  const blend = made('input', { type: 'range', id: 'compare-blend', min: '0', max: '1', step: '0.01', value: '0.5' });
  blend.ariaLabel = 'How much of the second picture is seen';
  const scale = made('span', { className: 'compare-scale' });
  const [low, ramp, high] = [made('span', {}), made('span', { className: 'ramp' }), made('span', {})];
  scale.append(low, ramp, high);
  const values = made('output', { className: 'compare-values' });
  const note = made('span', { className: 'compare-note' });
  note.setAttribute('role', 'status');
  node.append(select, modes, blend, scale, values, note);

  const handle = made('div', { id: 'compare-handle', className: 'compare-handle', tabIndex: 0, hidden: true });
  handle.setAttribute('role', 'slider');
  handle.ariaLabel = 'Where the second picture begins';
  handle.ariaValueMin = '0';
  handle.ariaValueMax = '100';
  /** @type {PlotArea | null} */
  let box = null;
  let share = 0.5;
  let listed = '';

  /** @param {number} next */
  function moveTo(next) {
    share = Math.min(Math.max(next, 0), 1);
    blend.value = String(share);
    place();
    setShare();
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

  select.addEventListener('change', async () => {
    const [file, dataset] = JSON.parse(select.value);
    if (dataset) {
      choose(file + '|' + dataset);
      return;
    }
    // Of a file whose datasets are not known: the one of the same name, else its main one.
    try {
      const records = await datasets.loadFile(file);
      const same = records.find((record) => record.browsable && record.dataset === select.dataset.dataset);
      const target = same ? { dataset: same.dataset } : await datasets.first(file);
      if (target) choose(file + '|' + target.dataset);
      else say(file + ' has no dataset with slices.');
    } catch (error) {
      say(/** @type {Error} */ (error).message);
    }
  });
  modes.addEventListener('change', () => setMode(/** @type {Mode} */ (modes.value)));
  blend.addEventListener('input', () => moveTo(Number(blend.value)));
  handle.addEventListener('pointerdown', (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  handle.addEventListener('pointermove', (event) => {
    if (!handle.hasPointerCapture(event.pointerId) || !box) return;
    moveTo((event.clientX - element('stage').getBoundingClientRect().left - box.left) / box.width);
  });

  /** @param {View} view */
  function show(view) {
    modes.value = view.mode;
    node.dataset.mode = view.mode;
    select.dataset.dataset = view.dataset;
    list(view);
  }

  /** What there is to compare with: datasets that may fit in files that are known, and the other files.
   * @param {View} view */
  function list(view) {
    const target = compared(view.compare);
    const files = Array.from(
      new Set([view.file, ...(target ? [target.file] : []), ...(datasets.files() || []).map((f) => f.file)]),
    );
    const groups = files.map((file) => {
      const known = datasets.known(file)?.list;
      const fitting = (known || []).filter((record) => record.browsable && mayLie(view, record.shape)).map((record) =>
        record.dataset
      );
      if (target && target.file === file && !fitting.includes(target.dataset)) fitting.unshift(target.dataset);
      return { file, known: Boolean(known), fitting };
    });
    const name = JSON.stringify([groups, view.compare]);
    if (name === listed) return;
    listed = name;
    select.replaceChildren(
      ...groups.filter(({ known, fitting }) => !known || fitting.length).map(({ file, known, fitting }) => {
        const group = made('optgroup', { label: file });
        group.append(...fitting.map((dataset) => optionOf(file, dataset, dataset)));
        if (!known && !fitting.length) group.append(optionOf(file, null, 'its dataset of this name'));
        return group;
      }),
    );
    if (target) select.value = JSON.stringify([target.file, target.dataset]);
  }

  /** @param {string} file @param {string | null} dataset @param {string} textContent */
  const optionOf = (file, dataset, textContent) =>
    made('option', { value: JSON.stringify([file, dataset]), textContent });

  /** @param {string} text */
  function say(text) {
    if (note.textContent !== text) note.textContent = text;
  }

  /** The values of both datasets in a cell of the first one, and their difference.
   * @param {Cells | null} own @param {Cells | null} other @param {number} row @param {number} col
   * @param {Laid | null} laid */
  function showValues(own, other, row, col, laid) {
    const at = own && other && laid && cellIn(own, row, col, other, laid);
    if (!own || !other || !at || row >= own.rows || col >= own.cols) {
      values.textContent = '';
      return;
    }
    const texts = [cellText(own, row, col), cellText(other, at.row, at.col)];
    const both = [oneCell(own, row, col), oneCell(other, at.row, at.col)];
    const { z } = differenceOf(both[0], both[1]);
    const isNumber = !own.pixels && !other.pixels && Number.isFinite(z[0][0]);
    values.textContent = texts.join(' | ') + (isNumber ? ' (' + signed(z[0][0]) + ')' : '');
  }

  return {
    node,
    handle,
    show,
    say,
    showValues,
    share: () => share,
    /** @param {boolean} busy */
    setBusy: (busy) => node.classList.toggle('busy', busy),
    /** The colours of a difference. @param {ColorMapping} mapping */
    showScale: ({ lo, hi, colorscale, reverse }) => {
      low.textContent = formatNumber(lo, 4);
      high.textContent = '+' + formatNumber(hi, 4);
      ramp.style.background = gradient(colorscale, reverse);
    },
    /** The handle of the swipe; null hides it. @param {PlotArea | null} area In px of the stage. */
    placeHandle: (area) => {
      box = area;
      handle.hidden = !area;
      place();
    },
    /** Whether a key moves the swipe. @param {KeyboardEvent} event */
    onKey: (event) => {
      const by = { ArrowLeft: -STEP, ArrowRight: STEP, Home: -1, End: 1 }[event.key];
      if (document.activeElement !== handle || by === undefined || event.shiftKey) return false;
      moveTo(share + by);
      return true;
    },
  };
}

/** @param {Cells} cells @param {number} row @param {number} col @returns {Cells} */
function oneCell(cells, row, col) {
  const i = row * cells.cols + col;
  const { integers } = cells;
  return {
    ...cells,
    z: [cells.z[row].subarray(col, col + 1)],
    integers: integers && integers.slice(i, i + 1),
    rows: 1,
    cols: 1,
  };
}

/** @param {number} value */
const signed = (value) => (value > 0 ? '+' : '') + formatNumber(value, 6);
