/* Taking things along: the menu, what is downloaded with its progress, and what is copied. */

import { copyText } from '../data/copy-text.mjs';
import { isAborted } from '../data/api.mjs';
import { download, save } from '../data/download.mjs';
import { formatLink } from '../model/link-text.mjs';
import { axisOf, coordinateText, nameOf } from '../model/axes.mjs';
import { formatBytes } from '../model/number-format.mjs';
import { channelDimension } from '../model/kinds.mjs';
import { projectionText } from '../model/projection.mjs';
import { bytesOf, codeOf, regionOf, spansOf } from '../model/region.mjs';
import { element, setText, setVisible } from '../render/dom.mjs';
import { snapshot } from '../render/snapshot.mjs';
/** @import { Api, Query } from '../data/api.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Language } from '../model/region.mjs' */
/** @import { Span } from '../model/viewport.mjs' */
/** @import { ColorMappings } from '../render/color-mapping.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */

/** @typedef {'npy' | 'tiff' | 'csv' | 'h5'} Format */

const COPIED_MS = 4000;

/** `seen()` is the view on the screen, null before there is one. `signsIn`: the server asks for sign-in.
 * @param {{api: Pick<Api, 'url' | 'fetchOk'>, bridge: Pick<DashBridge, 'set'>, seen: () => View | null,
 *   colors: Pick<ColorMappings, 'current'>, prefix: string, signsIn: boolean}} parts */
export function createExportMenu({ api, bridge, seen, colors, prefix, signsIn }) {
  /** @type {AbortController | null} */
  let running = null;
  let hideTimer = 0;
  /** The slices that the fields were filled for, so that what is typed stays. @type {string | null} */
  let filledFor = null;

  const field = (/** @type {string} */ id) => /** @type {HTMLInputElement} */ (element(id));

  /* What the menu says of the view, when it is opened. */
  function describe() {
    const view = seen();
    element('export-menu').classList.toggle('empty', !view);
    if (!view) return;
    const [rows, cols] = spansOf(view).map(([from, to]) => to - from);
    setText('export-region', rows + ' × ' + cols + ' voxels, ' + formatBytes(bytesOf(view)));
    setVisible('export-slices', view.axis !== null);
    if (view.axis === null) return;
    const length = view.shape[view.axis];
    const key = [view.file, view.dataset, view.axis, view.position[view.axis]].join('\n');
    if (filledFor !== key) {
      filledFor = key;
      const from = view.position[view.axis];
      ['export-from', 'export-to'].forEach((id, number) =>
        bridge.set(id, { value: number ? Math.min(from + 9, length - 1) : from, max: length - 1 })
      );
    }
  }

  /** The slices that the fields name, the last one included; null where they name none.
   * @param {View} view @returns {Span | null} */
  function slicesOf(view) {
    const [from, to] = ['export-from', 'export-to'].map((
      id,
    ) => (field(id).value === '' ? NaN : Number(field(id).value)));
    const length = view.axis === null ? 0 : view.shape[view.axis];
    return Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to < length
      ? [from, to + 1]
      : null;
  }

  /** @param {Format} format @param {boolean} stack */
  async function exportFile(format, stack) {
    const view = seen();
    if (!view) return;
    const slices = stack ? slicesOf(view) : undefined;
    if (slices === null) {
      say('The slices go from a first to a last one, of 0 to ' + (view.shape[Number(view.axis)] - 1) + '.');
      return;
    }
    /** @type {Query} */
    const query = { file: view.file, dataset: view.dataset, selection: regionOf(view, slices, true), format };
    if (format === 'tiff' && stack) query.axis = view.axis;
    if (format === 'tiff') query.channels = channelDimension(view);
    if (view.decode) query.decode = 1;
    await run(format.toUpperCase(), api.url('/api/v1/export', query));
  }

  /** @param {string} what @param {string} address */
  async function run(what, address) {
    if (running) {
      say('One export is still being received: cancel it first, or wait.');
      return;
    }
    const mine = new AbortController();
    running = mine;
    show(what + ' …', true);
    try {
      const found = await download(api, address, mine.signal, (bytes, size) => {
        const share = size ? ' of ' + formatBytes(size) + ' · ' + Math.floor((100 * bytes) / size) + ' %' : '';
        show(what + ' · ' + formatBytes(bytes) + share, true);
        element('export-bar').style.width = size ? (100 * bytes) / size + '%' : '';
      });
      save(found.blob, found.name || 'export');
      say((found.name || what) + ' · ' + formatBytes(found.blob.size) + ' saved.');
    } catch (error) {
      if (isAborted(error)) say('Cancelled: nothing was saved.');
      else show(/** @type {Error} */ (error).message, false);
    } finally {
      running = null;
    }
  }

  /* The picture as it is on the screen. */
  async function exportPicture() {
    const view = seen();
    if (!view) return;
    const title = titleOf(view);
    try {
      save(await snapshot(title), fileNameOf(view) + '.png');
    } catch (error) {
      show(/** @type {Error} */ (error).message, false);
    }
  }

  /** @param {string} text @param {string} what */
  function copy(text, what) {
    if (copyText(text)) say(what + ' is copied.');
    else show('The browser lets nothing be copied. Copy it from here: ' + text, false);
  }

  /** @param {Language} language */
  function copyCode(language) {
    const view = seen();
    if (!view) return;
    const mapping = colors.current();
    const bounds = mapping && { lo: mapping.lo, hi: mapping.hi };
    copy(codeOf(language, view, { address: location.origin + prefix, bounds, signsIn }), 'The code');
  }

  function copyLink() {
    const view = seen();
    if (view) copy(location.origin + location.pathname + formatLink(view), 'The link');
  }

  /* The line that says what is received. */

  /** @param {string} text @param {boolean} active Whether it can be cancelled, or else is closed. */
  function show(text, active) {
    clearTimeout(hideTimer);
    setText('export-text', text);
    setText('export-cancel', active ? 'Cancel' : 'Close');
    element('export-status').classList.toggle('active', active);
    setVisible('export-status', true);
  }

  /** Say something that goes away by itself. @param {string} text */
  function say(text) {
    if (running && !running.signal.aborted && element('export-status').classList.contains('active')) {
      // Its end is said in any case.
      if (!/saved/.test(text)) {
        show(text, true);
        return;
      }
    }
    show(text, false);
    hideTimer = setTimeout(() => setVisible('export-status', false), COPIED_MS);
  }

  function cancel() {
    if (running) running.abort();
    else setVisible('export-status', false);
  }

  /** What the buttons of the menu do, by their names. @type {Record<string, () => unknown>} */
  const actions = {
    picture: exportPicture,
    npy: () => exportFile('npy', false),
    tiff: () => exportFile('tiff', false),
    csv: () => exportFile('csv', false),
    'stack-tiff': () => exportFile('tiff', true),
    'stack-h5': () => exportFile('h5', true),
    'stack-npy': () => exportFile('npy', true),
    h5py: () => copyCode('h5py'),
    client: () => copyCode('client'),
    curl: () => copyCode('curl'),
    link: copyLink,
    cancel,
  };

  /* The menu is drawn by React, which may replace what is in it: the listener is the document's. */
  function start() {
    document.addEventListener('click', ({ target }) => {
      if (!(target instanceof Element)) return;
      if (target.closest('#export-button')) describe();
      const button = /** @type {HTMLElement | null} */ (target.closest('[data-export]'));
      const action = button && actions[button.dataset.export || ''];
      if (action) action();
    });
  }

  return { start };
}

/** @param {View} view */
function titleOf(view) {
  const hidden = view.shape.map((_, d) => d).filter((d) => d !== view.rows && d !== view.cols);
  const where = hidden.map((d) => {
    const coordinate = coordinateText(axisOf(view, d), view.position[d]);
    return nameOf(view, d) + ' ' + view.position[d] + (coordinate && ' (' + coordinate + ')');
  });
  return [[view.dataset, ...where, projectionText(view)].filter(Boolean).join(' · '), view.file];
}

/** The name of a file for the view: letters, digits and `._-`. @param {View} view */
function fileNameOf(view) {
  const text = view.file.split('/').pop() + view.dataset + '_' + regionOf(view);
  return text.replace(/[^\w.-]+/g, '_').replace(/_+$/, '').slice(0, 150);
}
