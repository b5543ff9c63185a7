/* What belongs to the histogram in the dock: percentiles, and behind "More" what is counted, how, and the marks. */

import { DIVERGING } from '../../model/color-tables.mjs';
import { datesOf, parseBound } from '../../model/dates.mjs';
import { formatNumber } from '../../model/number-format.mjs';
import { percentText } from '../../model/histogram.mjs';
/** @import { Histogram } from '../../model/histogram.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Scope } from './panel.mjs' */

/**
 * @typedef {{below: number, above: number, n: number}} Clipped
 * @typedef {object} ControlEvents
 * @property {(percent: number) => void} percent
 * @property {() => void} auto
 * @property {(scope: Scope) => void} scope
 * @property {(isLog: boolean) => void} counts
 * @property {(on: boolean) => void} clip
 * @property {(centre: number | null) => void} centre
 */

const PERCENTS = [0.1, 1, 2, 5];
/** @type {[Scope, string][]} */
const SCOPES = [['slice', 'This slice'], ['volume', 'Whole volume']];
/** @type {[string, string][]} */
const COUNTS = [['log', 'Logarithm'], ['linear', 'As they are']];

/** @param {HTMLElement} host @param {ControlEvents} on */
export function createControls(host, on) {
  /** @type {View | null} */
  let view = null;
  const custom = field('Percent left out at either end', '%', (text) => {
    const value = number(text);
    if (!text.trim()) return;
    if (value !== null && value >= 0 && value < 50) on.percent(value);
    else say('A percentage is a number from 0 up to 50.');
  });
  const presets = PERCENTS.map((percent) =>
    button(percent + ' %', 'Leave out ' + percent + ' % of the values at either end', () => on.percent(percent))
  );
  const auto = button('Auto', 'Auto contrast of what is in view (A)', on.auto);
  const scopes = choice('Values that are counted', SCOPES, (value) => on.scope(/** @type {Scope} */ (value)));
  const counts = choice('Height of the bars', COUNTS, (value) => on.counts(value === 'log'));
  const clip = document.createElement('input');
  clip.type = 'checkbox';
  clip.id = 'clip-marks';
  clip.addEventListener('change', () => on.clip(clip.checked));
  const centre = field('Value of the middle colour', 'none', (text) => {
    const value = parseBound(view, text);
    if (!text.trim()) on.centre(null);
    else if (Number.isFinite(value)) on.centre(value);
    else say(view && datesOf(view) ? 'The centre is a date, or a number.' : 'The centre is a number.');
  });
  centre.id = 'centre-input';
  custom.id = 'percent-input';
  const centreField = labelled('Centre', centre);
  const message = document.createElement('div');
  message.className = 'field-error';
  message.setAttribute('role', 'alert');
  const words = document.createElement('p');
  words.className = 'clipped-words';
  const more = document.createElement('details');
  const summary = document.createElement('summary');
  summary.textContent = 'More';
  const marks = document.createElement('label');
  marks.className = 'clip-marks';
  marks.append(clip, 'Mark what is clipped');
  const scopeField = labelled('Histogram of', scopes.node);
  more.append(summary, row(scopeField, labelled('Counts', counts.node)), marks, words);
  const group = row(...presets, custom);
  group.className = 'presets';
  group.setAttribute('role', 'group');
  group.setAttribute('aria-label', 'Percent of the values left out at either end');
  // What was wrong is not so of what is chosen next.
  for (const name of ['change', 'click']) host.addEventListener(name, () => say(''), true);
  host.append(labelled('Clip', group), labelled('In view', auto), centreField, message, more);

  /** @param {string} text */
  function say(text) {
    message.textContent = text;
  }

  /** `ends` are those of the window as text, `over` names what lies over the picture and has these values instead; empty for none.
   * @param {{view: View, over: string, scope: Scope, isLog: boolean, percent: number, histogram: Histogram | null,
   *   clipped: Clipped | null, ends: string[]}} state */
  function show({ view: next, over, scope, isLog, percent, histogram, clipped, ends }) {
    view = next;
    scopes.show(scope);
    counts.show(isLog ? 'log' : 'linear');
    clip.checked = view.clip;
    scopeField.hidden = Boolean(over);
    centreField.hidden = Boolean(over) || !DIVERGING.includes(view.colorscale) && view.centre === null;
    if (document.activeElement !== centre) centre.value = centreText(view);
    if (document.activeElement !== custom) custom.value = PERCENTS.includes(percent) ? '' : String(percent);
    if (clipped && more.open) words.textContent = sentenceOf(over, scope, histogram, clipped, ends);
  }

  more.addEventListener('toggle', () => on.counts(counts.value() === 'log'));

  return { say, show, wordsOf };
}

/** The short texts at the histogram.
 * @param {{scope: Scope, histogram: Histogram | null, clipped: Clipped | null, isRough: boolean}} state */
function wordsOf({ scope, histogram, clipped, isRough }) {
  const share = (/** @type {'below' | 'above'} */ side) => clipped ? percentText(clipped[side], clipped.n) : '';
  const seen = histogram && histogram.seen < 1 ? percentText(histogram.seen, 1) : 'exact';
  return {
    texts: { below: share('below'), above: share('above') },
    counted: scope === 'slice' ? (isRough ? '≈ slice' : 'slice') : histogram ? 'vol. ' + seen : 'vol. …',
  };
}

/** @param {View} view */
function centreText(view) {
  return view.centre === null ? '' : datesOf(view)?.text(view.centre) || String(view.centre);
}

/** @param {string} over @param {Scope} scope @param {Histogram | null} histogram @param {Clipped} clipped @param {string[]} ends */
function sentenceOf(over, scope, histogram, { below, above, n }, ends) {
  const part = (/** @type {number} */ count) => formatNumber(Math.round(count), 4) + ' (' + percentText(count, n) + ')';
  const of = over
    ? 'the ' + over + ' on the screen'
    : scope === 'slice'
    ? 'this slice'
    : histogram && histogram.seen < 1
    ? 'the ' + percentText(histogram.seen, 1) + ' of the volume seen so far'
    : 'the whole volume, exact';
  return part(below) + ' below and ' + part(above) + ' above the window from ' + ends.join(' to ') + ', of ' +
    formatNumber(n, 4) + ' values of ' + of + '.';
}

/** @param {string} text @returns {number | null} */
function number(text) {
  const value = Number(text.trim().replace('−', '-').replace(/%$/, ''));
  return text.trim() && Number.isFinite(value) ? value : null;
}

/** @param {...HTMLElement} nodes */
function row(...nodes) {
  const node = document.createElement('div');
  node.className = 'row';
  node.append(...nodes);
  return node;
}

/** @param {string} caption @param {HTMLElement} content */
function labelled(caption, content) {
  const node = document.createElement('div');
  node.className = 'field';
  const text = document.createElement('div');
  text.className = 'caption';
  text.setAttribute('aria-hidden', 'true');
  text.textContent = caption;
  node.append(text, content);
  return node;
}

/** @param {string} text @param {string} label @param {() => void} press */
function button(text, label, press) {
  const node = document.createElement('button');
  node.type = 'button';
  node.className = 'small-button';
  node.textContent = text;
  node.title = label;
  node.setAttribute('aria-label', label);
  node.addEventListener('click', press);
  return node;
}

/** @param {string} label @param {string} placeholder @param {(text: string) => void} enter */
function field(label, placeholder, enter) {
  const node = document.createElement('input');
  Object.assign(node, { type: 'text', className: 'small-field', placeholder, title: label, inputMode: 'decimal' });
  node.setAttribute('aria-label', label);
  node.addEventListener('change', () => enter(node.value));
  return node;
}

/** Buttons of which one is pressed. @param {string} label @param {[string, string][]} options
 * @param {(value: string) => void} choose */
function choice(label, options, choose) {
  const node = row();
  node.className = 'presets';
  node.setAttribute('role', 'group');
  node.setAttribute('aria-label', label);
  let chosen = '';
  const buttons = options.map(([value, text]) => ({ value, button: button(text, text, () => choose(value)) }));
  node.append(...buttons.map((one) => one.button));
  return {
    node,
    value: () => chosen,
    /** @param {string} value */
    show: (value) => {
      chosen = value;
      buttons.forEach((one) => one.button.setAttribute('aria-pressed', String(one.value === value)));
    },
  };
}
