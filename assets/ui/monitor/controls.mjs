/* The monitor's controls: time span, rows, filters, switches, pause, wall. They show the state and change it. */

import { formatState, RANGES, SWITCHES, switchOf, withFilter } from '../../model/monitor/address.mjs';
import { clockTime } from '../../model/monitor/format.mjs';
import { element, setText, setVisible } from '../../render/dom.mjs';
import { keep, make } from '../../render/monitor/elements.mjs';
/** @import { Span, State } from '../../model/monitor/address.mjs' */
/** @import { MonitorStore } from './store.mjs' */

/** @typedef {ReturnType<typeof createControls>} Controls */

/** `filters` says in which rows a filter is of use: {name: rows}.
 * @param {{store: MonitorStore, filters: Record<string, string[]>, onPause: () => void}} parts */
export function createControls({ store, filters, onPause }) {
  /* The span before one that was dragged, for the way back. */
  const clearSpan = () => store.change({ span: null });

  function start() {
    element('monitor-ranges').append(...RANGES.map(({ name, label }) => {
      const button = make('button', 'range', label);
      button.dataset.range = name;
      button.addEventListener('click', () => store.change({ range: name, span: null }));
      return button;
    }));
    element('monitor-span-clear').addEventListener('click', clearSpan);
    element('monitor-pause').addEventListener('click', onPause);
    const tabs = element('monitor-rows');
    tabs.addEventListener('click', ({ target }) => {
      const row = target instanceof HTMLElement && target.dataset.row;
      if (row) store.change({ row });
    });
    tabs.addEventListener('keydown', moveFocus);
    element('monitor-filters').addEventListener('change', ({ target }) => {
      if (!(target instanceof HTMLSelectElement)) return;
      const name = target.dataset.filter || '';
      store.change({ filters: withFilter(store.current().filters, name, target.value) });
    });
    Object.keys(SWITCHES).forEach((name) => {
      element('switch-' + name).addEventListener('click', ({ target }) => {
        const value = target instanceof HTMLElement && target.dataset.value;
        if (value) store.change({ switches: { ...store.current().switches, [name]: value } });
      });
    });
  }

  /** Arrow keys, Home and End go from tab to tab, as in every list of tabs. @param {KeyboardEvent} event */
  function moveFocus(event) {
    const tabs = Array.from(element('monitor-rows').querySelectorAll('button'));
    const at = tabs.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    /** @type {Record<string, number | undefined>} */
    const places = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
    const to = places[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    next.focus();
    next.click();
  }

  /** @param {State} state */
  function show(state) {
    element('monitor-ranges').querySelectorAll('button').forEach((button) => {
      button.setAttribute('aria-pressed', String(!state.span && button.dataset.range === state.range));
    });
    element('monitor-rows').querySelectorAll('button').forEach((button) => {
      const isOn = button.dataset.row === state.row;
      button.setAttribute('aria-selected', String(isOn));
      button.tabIndex = isOn ? 0 : -1;
      setVisible('row-' + button.dataset.row, isOn);
    });
    Object.keys(SWITCHES).forEach((name) => {
      element('switch-' + name).querySelectorAll('button').forEach((button) => {
        button.setAttribute('aria-pressed', String(button.dataset.value === switchOf(state, name)));
      });
    });
    Object.entries(filters).forEach(([name, rows]) => {
      const label = /** @type {HTMLElement} */ (element('filter-' + name).parentElement);
      label.classList.toggle('hidden', !rows.includes(state.row));
    });
    setVisible('monitor-span-clear', Boolean(state.span));
    const wall = /** @type {HTMLAnchorElement} */ (element('monitor-wall'));
    wall.href = location.pathname + formatState({ ...state, wall: true });
  }

  /** The options of a filter: {value: label}; one that is set stays, also where there is nothing of it.
   * @param {string} name @param {Record<string, string>} options */
  function setOptions(name, options) {
    const select = /** @type {HTMLSelectElement} */ (element('filter-' + name));
    const value = store.current().filters[name] || '';
    // Names that are numbers would come first in an object.
    const all = [['', 'all'], ...Object.entries({ ...(value ? { [value]: value } : {}), ...options })];
    keep(select, all, () =>
      all.map(([key, label]) => {
        const option = /** @type {HTMLOptionElement} */ (make('option', '', label));
        option.value = key;
        return option;
      }));
    select.value = value;
  }

  /** The time that the figures are of. @param {Span} span @param {State} state */
  function setSpan({ from, to }, state) {
    const now = Date.now() / 1000;
    const text = `${clockTime(from, now)} – ${clockTime(to, now)}`;
    setText('monitor-span', state.span ? text : '');
    element('monitor-ranges').title = text;
  }

  /** @param {boolean} on */
  function setPaused(on) {
    element('monitor-pause').setAttribute('aria-pressed', String(on));
    setText('monitor-pause', on ? 'Go on' : 'Pause');
  }

  return { start, show, setOptions, setSpan, setPaused };
}
