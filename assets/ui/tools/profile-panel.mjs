/* The profile along a line: while the line is dragged, of the values that the page has, which are pooled where the picture
   is; at rest, and where the page has not all of them, as the server has it. */

import { datesOf } from '../../model/dates.mjs';
import { frozenAt, withFrozen } from '../../model/frozen.mjs';
import { isTransposed } from '../../model/plane.mjs';
import { profileOf } from '../../model/line-profile.mjs';
import { shorten } from '../../model/link-plane.mjs';
import { csvOf, lengthText, scalesOf } from '../../model/measures.mjs';
import { valueUnit } from '../../model/meaning.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { MAX_WIDTH } from '../../model/tools.mjs';
import { createChart } from '../../render/measure-chart.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { createFollowing } from './following.mjs';
import { askProfile, createFrozenProfiles } from './frozen.mjs';
import { button, createPanel, createRequests, make, saveCsv, sliceKeyOf } from './panel.mjs';
import { nameOf } from './words.mjs';
/** @import { Dates } from '../../model/dates.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Curve } from '../../render/measure-chart.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Shown } from './following.mjs' */
/** @import { Kept, Profile } from './frozen.mjs' */
/** @import { Entry } from './layer.mjs' */
/** @import { Panel } from './measure.mjs' */

const FROZEN_COLORS = ['#8b969e', '#b07aa1', '#76b7b2', '#9c755f', '#59a14f'];
const DIGITS = 6;
// Dates are as exact as so many steps of their range.
const DATE_STEPS = 1e4;

/** `change(by)` gives the line another width or the like.
 * @param {ToolParts} parts @param {{change: (by: Partial<Tool>) => void, reported: () => void}} hooks @returns {Panel} */
export function createProfilePanel({ api, plot, store, viewer }, { change, reported }) {
  const requests = createRequests(api);
  const frozen = createFrozenProfiles(api, redraw);
  /** Whether frozen profiles are shown without a line. */
  let isAlone = false;

  const width = /** @type {HTMLInputElement} */ (make('input'));
  Object.assign(width, { type: 'number', min: '1', max: String(MAX_WIDTH), step: '1' });
  width.setAttribute('aria-label', 'Width of the line in voxels');
  width.addEventListener('change', () => {
    const value = Number(width.value);
    const isWidth = Number.isInteger(value) && value >= 1 && value <= MAX_WIDTH;
    const asked = width.value;
    if (isWidth) change({ width: value });
    else width.value = String(following.shown()?.entry.tool.width ?? 1);
    wrong.textContent = isWidth ? '' : 'A line is 1 to ' + MAX_WIDTH + ' voxels wide' +
      (asked ? ', not ' + shorten(asked) : '') + ': it stays ' + width.value + '.';
  });
  const reduce = /** @type {HTMLSelectElement} */ (make('select'));
  reduce.append(...['mean', 'sum'].map((name) => new Option(name)));
  reduce.setAttribute('aria-label', 'How the values across the line become one');
  reduce.addEventListener('change', () => change({ sum: reduce.value === 'sum' }));
  const options = make('div', 'measured-options');
  options.append('width', width, reduce);
  const wrong = make('div', 'field-error');
  wrong.setAttribute('role', 'alert');
  const chartHost = make('div', 'measured-chart');
  const chart = createChart(chartHost);
  const freezing = button('Freeze', freeze, 'Freeze this profile in the chart for comparison');
  const thawing = button('Clear', () => viewer.setFrozen(''), 'Clear the frozen profiles from the chart');
  const saving = button('CSV', saveValues, 'Save the profile as CSV');
  [freezing, saving].forEach((node) => node.classList.add('hidden'));
  const panel = createPanel('profile-panel', [freezing, thawing, saving], [chartHost, options, wrong], reported);
  const following = createFollowing({
    requests,
    panel,
    keyOf,
    ask: ({ tool }, view) => askProfile(requests, tool, view),
    draw,
    clear: () => {
      if (!isAlone) draw(null);
    },
  });

  /** @param {View} view @param {Tool} tool */
  function keyOf(view, { points, width: wide, sum }) {
    return JSON.stringify([sliceKeyOf(view), points, wide, sum]);
  }

  /** @param {Entry} entry @param {View} view */
  function live(entry, view) {
    head(entry, view);
    const found = atHand(entry, view);
    if (found) following.put({ entry, view, found });
    else following.live(entry, view);
  }

  /** From the values on the screen. @param {Entry} entry @param {View} view */
  function atHand({ tool }, view) {
    const scene = plot.scene();
    if (!scene || scene.request.generation !== view.generation) return null;
    if (sliceKeyOf(scene.request.view) !== sliceKeyOf(view)) return null;
    const { cells } = scene;
    const [first, second] = tool.plane;
    const found = profileOf(cells, tool, isTransposed(view), [view.shape[first], view.shape[second]]);
    const isPooled = cells.step > 1;
    return found &&
      { ...found, cells: isPooled ? 'of cells of ' + cells.colStep + ' × ' + cells.rowStep + ' voxels' : '' };
  }

  /** @param {Entry} entry @param {View} view @param {boolean} isAtRest */
  function show(entry, view, isAtRest) {
    head(entry, view);
    frozen.follow(view, isAtRest);
    following.show(entry, view, isAtRest);
  }

  /** @param {Entry} entry @param {View} view */
  function head({ tool, index }, view) {
    open(false, nameOf(tool, index) + ' · ' + lengthText(view, tool));
    width.value = String(tool.width);
    reduce.value = tool.sum ? 'sum' : 'mean';
  }

  /** @param {boolean} alone @param {string} name */
  function open(alone, name) {
    isAlone = alone;
    panel.show(true);
    panel.name(name);
    options.classList.toggle('hidden', alone);
    wrong.textContent = '';
    thawing.classList.toggle('hidden', !store.current()?.frozen);
  }

  /** No line is chosen: the frozen ones stay, unless another shape is. @param {View | null} [view]
   * @param {boolean} [isAtRest] */
  function hide(view, isAtRest = false) {
    const was = isAlone;
    isAlone = Boolean(view && view.frozen);
    if (!isAlone) panel.show(false);
    following.hide();
    if (!view || !isAlone) return;
    open(true, 'Frozen profiles');
    frozen.follow(view, isAtRest);
    if (!was) redraw();
  }

  function redraw() {
    if (panel.isShown()) draw(following.shown());
  }

  /** @param {Shown<Profile> | null} now @param {boolean} [isLast] */
  function draw(now, isLast = true) {
    const view = panel.isShown() ? store.current() : null;
    const kept = view ? frozen.of(view) : [];
    const failure = frozen.failure();
    freezing.classList.toggle('hidden', !now);
    saving.classList.toggle('hidden', !now && !kept.length);
    const texts = [
      now && (now.found.cells || summary(now.found.values, now.entry.tool.sum ? null : datesOf(now.view))),
      failure && 'A frozen profile is missing: ' + failure,
    ];
    // Without figures it says why there are none.
    if (now || isAlone) panel.say(texts.filter(Boolean).join(' · '));
    if (!view || !(now || kept.length)) {
      chart.clear();
      return;
    }
    const { curves, unit } = curvesOf(view, now, kept);
    const shown = now ? now.view : view;
    const isSum = now?.entry.tool.sum || kept.some(({ line }) => line.sum);
    const yDates = isSum ? null : datesOf(shown);
    chart.draw({ curves, xTitle: unit, yTitle: valueUnit(shown) || '', yDates }, !isLast);
  }

  /** The frozen profiles, and that of the line last. @param {View} view @param {Shown<Profile> | null} now
   * @param {Kept[]} kept @returns {{curves: Curve[], unit: string}} */
  function curvesOf(view, now, kept) {
    const { factors, unit } = scalesOf(view, [...(now ? [now.entry.tool] : []), ...kept.map(({ line }) => line)]);
    const own = now ? 1 : 0;
    const curves = kept.map(({ profile, name }, i) => ({
      ...curveOf(profile, factors[own + i], name, FROZEN_COLORS[i % FROZEN_COLORS.length]),
      kind: /** @type {const} */ ('faint'),
    }));
    if (!now) return { curves, unit };
    const { found, entry: { tool, index } } = now;
    return { curves: [...curves, curveOf(found, factors[0], nameOf(tool, index), colorOf(index))], unit };
  }

  /** @param {Profile} of @param {number} factor @param {string} name @param {string} color @returns {Curve} */
  function curveOf({ values, positions }, factor, name, color) {
    return { x: Array.from(positions, (at) => at * factor), y: values, name, color };
  }

  function freeze() {
    const now = following.shown();
    const view = store.current();
    if (!now || !view) return;
    const added = frozenAt(now.view, now.entry.tool);
    if (!now.found.cells) frozen.put(added, now.view, now.found);
    viewer.setFrozen(withFrozen(view.frozen, added));
  }

  function saveValues() {
    const now = following.shown();
    const view = store.current();
    if (!view) return;
    const { curves, unit } = curvesOf(view, now, frozen.of(view));
    // Frozen ones have positions of their own.
    const others = now ? curves.slice(0, -1) : curves;
    /** @type {[title: string, values: ArrayLike<number | null>][]} */
    const columns = others.flatMap(({ x, y, name }) => [[name + ' position [' + unit + ']', x], [name, y]]);
    if (now) {
      const { x, y, name } = curves[curves.length - 1];
      columns.unshift(['position [voxels]', now.found.positions], ['position [' + unit + ']', x], [name, y]);
      if (unit === 'voxels') columns.splice(1, 1);
    }
    const values = columns.map(([, list]) => list);
    const rows = Array.from(
      { length: Math.max(...values.map((list) => list.length)) },
      (_, i) => values.map((list) => list[i] ?? null),
    );
    saveCsv(
      csvOf(columns.map(([title]) => title), rows),
      view,
      now ? curves[curves.length - 1].name : 'frozen-profiles',
    );
  }

  return { fits: (tool) => tool.kind === 'line', show, live, hide, headline: panel.headline };
}

/** @param {ArrayLike<number | null>} values @param {Dates | null} dates */
function summary(values, dates) {
  let [n, sum, min, max] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i];
    if (value === null || Number.isNaN(value)) continue;
    n += 1;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (!n) return 'There are no values along it.';
  /** @param {number} value */
  const text = (value) =>
    dates
      ? dates.text(value, max > min ? (max - min) / DATE_STEPS : undefined)
      : formatNumber(Number(value.toPrecision(DIGITS)), DIGITS);
  return text(min) + ' to ' + text(max) + ', mean ' + text(sum / n);
}
