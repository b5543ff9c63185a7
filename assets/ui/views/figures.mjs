/* The point of three views in figures: its indices, which can be typed, where that is in units, and the exact value. */

import { axisOf, coordinateText, nameOf } from '../../model/axes.mjs';
import { channelDimension } from '../../model/kinds.mjs';
import { made } from './pane.mjs';
/** @import { Api } from '../../data/api.mjs' */
/** @import { Clock } from '../../data/clock.mjs' */
/** @import { View } from '../../model/view.mjs' */

// The value is asked for once the point has stayed for so long.
const VALUE_DELAY_MS = 120;

/** @param {{api: Pick<Api, 'json'>, clock: Clock, setPoint: (position: readonly number[]) => void}} parts */
export function createFigures({ api, clock, setPoint }) {
  const node = made('section', { id: 'point-figures', className: 'point-figures' });
  node.setAttribute('aria-label', 'The point');
  const value = made('output', { className: 'point-value' });
  const list = made('div', { className: 'point-list' });
  const wrong = made('div', { className: 'field-error' });
  wrong.setAttribute('role', 'alert');
  node.append(value, list, wrong);
  /** @type {{d: number, field: HTMLInputElement, place: HTMLElement, time: HTMLElement}[]} */
  let rows = [];
  let built = '';
  let asked = '';
  let timer = 0;
  /** @type {View | null} */
  let view = null;

  /** @param {View} next */
  function show(next) {
    view = next;
    const name = JSON.stringify([next.generation, next.axis, next.rows, next.cols, next.voxel]);
    if (name !== built) build(next, name);
    for (const { d, field, place } of rows) {
      if (document.activeElement !== field) field.value = String(next.position[d]);
      place.textContent = coordinateText(axisOf(next, d), next.position[d]);
    }
    ask(next);
  }

  /** @param {View} of @param {string} name */
  function build(of, name) {
    built = name;
    rows = [of.axis, of.rows, of.cols].filter((d) => d !== null).map((d) => {
      const field = made('input', {
        className: 'point-index',
        inputMode: 'numeric',
        autocomplete: 'off',
        ariaLabel: 'Point along ' + nameOf(of, d),
      });
      field.addEventListener('change', () => {
        const index = Number(field.value);
        const { position, shape } = /** @type {View} */ (view);
        const isIndex = /^\d+$/.test(field.value.trim()) && index < shape[d];
        wrong.textContent = isIndex
          ? ''
          : nameOf(of, d) + ' goes from 0 to ' + (shape[d] - 1) + ': this is ' + position[d] + '.';
        if (!isIndex) field.value = String(position[d]);
        else setPoint(position.map((at, dimension) => (dimension === d ? index : at)));
      });
      return {
        d,
        field,
        place: made('span', { className: 'point-place' }),
        time: made('span', { className: 'point-time' }),
      };
    });
    list.replaceChildren(...rows.map(({ d, field, place, time }) => {
      const row = made('label', { className: 'point-row' });
      const end = made('span', { className: 'point-end', textContent: '0–' + (of.shape[d] - 1) });
      row.append(made('span', { className: 'point-name', textContent: nameOf(of, d) }), field, end, place, time);
      return row;
    }));
  }

  /** @param {View} of */
  function ask(of) {
    const query = {
      file: of.file,
      dataset: of.dataset,
      index: of.position.join(','),
      decode: of.decode ? 1 : null,
    };
    const key = JSON.stringify([of.generation, query]);
    if (key === asked) return;
    asked = key;
    clock.cancel(timer);
    if (channelDimension(of) !== null) return;
    timer = clock.later(async () => {
      try {
        const { text, name, unit } = await api.json('/api/v1/value', query);
        if (asked === key) value.textContent = [text, unit, name && '· ' + name].filter(Boolean).join(' ');
      } catch {
        // The pictures say what is wrong; the next move asks again.
        if (asked === key) value.textContent = asked = '';
      }
    }, VALUE_DELAY_MS);
  }

  /** How long the slice across a dimension took (ms). @param {number | null} axis @param {number | undefined} ms */
  function took(axis, ms) {
    const row = rows.find(({ d }) => d === axis);
    if (row && ms !== undefined) row.time.textContent = Math.max(1, Math.round(ms)) + ' ms';
  }

  return { node, show, took };
}
