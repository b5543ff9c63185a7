/* The colour mapping of a slice: the contrast window that is in force, norm and colour scale. */

import { windowOf as parseWindow } from '../data/slice-loader.mjs';
import { isCategorical } from '../model/kinds.mjs';
import { parseLabels } from '../model/labels.mjs';
import { overlayOf } from '../model/overlay.mjs';
import { singleValue } from '../model/cells.mjs';
import { markedWindow } from '../model/clip-marks.mjs';
import { linearWindow, placeInWindow, validWindow, widenedWindow } from '../model/colormap.mjs';
import { formatNumber } from '../model/number-format.mjs';
import { selectionOf } from '../model/viewport.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { Values, ValuesRequest } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */
/** @import { Overlay } from '../model/overlay.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Range } from '../model/viewport.mjs' */

/** @typedef {ReturnType<typeof createColorMapping>} ColorMappings */

const REMEMBERED = 2000;

/** `show.error(text)` says why a norm cannot be applied, `show.bounds(view, mapping)` the window that is in force.
 * @param {{api: Pick<Api, 'url' | 'fetchOk'>,
 *   show: {error: (text: string) => void, bounds: (view: View, mapping: ColorMapping) => void}}} parts */
export function createColorMapping({ api, show }) {
  /** @type {Map<string, Promise<Range | null>>} */
  const volumeWindows = new Map();
  /** @type {Map<string, Range>} */
  const sliceWindows = new Map();
  /** @type {ColorMapping | null} */
  let last = null;
  /** The value of the middle colour, where each slice has a window of its own. @type {number | null} */
  let ownCentre = null;

  /** The colour mapping of a slice with these values; shows its window, or why the norm cannot be applied.
   * @param {View} view @param {ValuesRequest} request @param {Values} values @returns {Promise<ColorMapping>} */
  async function resolve(view, request, values) {
    if (view.kind !== 'values') return plain(view);
    const [lo, hi] = await windowOf(view, request, values);
    const found = validWindow(view.norm, lo, hi, values.smallest);
    const isValid = 'lo' in found;
    show.error(isValid ? '' : found.sentence);
    const range = isValid ? found : linearWindow(lo, hi);
    const norm = isValid ? view.norm : 'linear';
    ownCentre = view.window === 'slice' ? view.centre : null;
    last = {
      lo: range.lo,
      hi: range.hi,
      norm,
      middle: view.centre === null ? null : placeInWindow(norm, range, view.centre),
      marked: view.clip && view.window !== 'slice' ? markedWindow(norm, range.lo, range.hi) : null,
      colorscale: view.colorscale,
      reverse: view.reverse,
      overlay: overlayIn(view),
      key: keyOf(view),
      empty: false,
      single: '',
    };
    const only = singleValue(values);
    // A fallback window has no values to name.
    const none = !Number.isFinite(values.min) && isFallback(last);
    last.empty = none && !Array.isArray(view.window);
    // Integers of 64 bits that are the same double have no text of their own.
    const alike = values.integers && values.min === values.max ? formatNumber(values.min, 3) : '';
    const isWidened = last.lo === values.min && last.hi === widenedWindow(values.min).hi;
    last.single = isWidened ? only || alike : '';
    show.bounds(view, last);
    return last;
  }

  /** The colour mapping of a frame with this window. @param {Range | null} window_ @returns {ColorMapping} */
  function ofFrame(window_) {
    const mapping = /** @type {ColorMapping} */ (last);
    if (ownCentre === null || !window_) return mapping;
    const [lo, hi] = window_;
    return { ...mapping, lo, hi, middle: placeInWindow(mapping.norm, { lo, hi }, ownCentre) };
  }

  /** Labels and colours have no window. @param {View} view @returns {ColorMapping} */
  function plain(view) {
    show.error('');
    const { colorscale, reverse, kind } = view;
    const labels = isCategorical(view) ? parseLabels(view.labels) || undefined : undefined;
    ownCentre = null;
    const { lo, hi, norm } = { lo: 0, hi: 255, norm: /** @type {const} */ ('linear') };
    last = { lo, hi, norm, colorscale, reverse, kind, labels, key: keyOf(view), empty: false, single: '' };
    return last;
  }

  /** @param {View} view @param {ValuesRequest} request @param {Values} values @returns {Promise<Range>} */
  async function windowOf(view, request, values) {
    /** @type {Range} */
    const own = Number.isFinite(values.min) ? [values.min, values.max] : [0, 1];
    if (Array.isArray(view.window)) return /** @type {Range} */ (view.window);
    if (view.window === 'slice') return sliceWindow(request, own);
    return (await volumeWindow(view, request)) || own;
  }

  /** Zooming in must not change the contrast: the whole slice's window holds if it was seen.
   * @param {ValuesRequest} request @param {Range} own @returns {Range} */
  function sliceWindow(request, own) {
    const fixed = request.position.filter((_, d) => d !== request.rows && d !== request.cols);
    const key = JSON.stringify([
      request.generation,
      request.rows,
      request.cols,
      fixed,
      request.query.part,
      request.query.decode,
      request.query.project,
    ]);
    if (!request.viewport.rows && !request.viewport.cols) {
      if (sliceWindows.size >= REMEMBERED) sliceWindows.clear();
      sliceWindows.set(key, own);
    }
    return sliceWindows.get(key) || own;
  }

  /** The window of the whole volume that an answer brought.
   * @param {ValuesRequest} request @param {Range | null} found */
  function keepWindow(request, found) {
    if (found) volumeWindows.set(volumeKey(request, request.query.norm), Promise.resolve(found));
  }

  /** @param {ValuesRequest} request @param {string | undefined} norm @returns {string} */
  function volumeKey(request, norm) {
    const { part, decode, project } = request.query;
    return JSON.stringify([request.generation, part, decode, project, norm]);
  }

  /** The server's window for the whole volume; requested by way of a single voxel where no answer brought it, as for
   * another norm. Null if there is none.
   * @param {View} view @param {ValuesRequest} request @returns {Promise<Range | null> | undefined} */
  function volumeWindow(view, request) {
    const key = volumeKey(request, view.norm);
    if (!volumeWindows.has(key)) {
      const { viewport } = request;
      const one = selectionOf(request, {
        rowStep: 1,
        colStep: 1,
        rows: [viewport.row0, viewport.row0 + 1],
        cols: [viewport.col0, viewport.col0 + 1],
      });
      const address = api.url('/api/v1/slice', {
        file: request.query.file,
        dataset: request.query.dataset,
        selection: one,
        format: 'u8',
        window: 'volume',
        norm: view.norm,
        part: request.query.part,
        decode: request.query.decode,
        project: request.query.project,
        axis: request.query.axis,
      });
      const answer = api.fetchOk(address, {}, request.generation).then(
        (response) => parseWindow(response.headers.get('X-Slice-Window')),
      ).catch(() => {
        volumeWindows.delete(key);
        return null;
      });
      volumeWindows.set(key, answer);
    }
    return volumeWindows.get(key);
  }

  return { resolve, keepWindow, ofFrame, current: () => last };
}

/** Whether a window is one of those that stand for none: the page's own, and the server's (dashboard/frames/window.py).
 * @param {ColorMapping} mapping @returns {boolean} */
function isFallback({ lo, hi, norm }) {
  if (norm !== 'log') return lo === 0 && hi === 1;
  const own = validWindow(norm, 0, 1, Infinity);
  return ('lo' in own && lo === own.lo && hi === own.hi) || (lo === 1 && hi === 10);
}

/** How labels are drawn over a view. @param {View} view @returns {Overlay | undefined} */
function overlayIn(view) {
  const labels = overlayOf(view) ? parseLabels(view.labels) : null;
  return labels ? { labels, opacity: view.opacity } : undefined;
}

/** The colours of a second picture beside that of a view: its own where one of them has labels or colours and the other values,
 * which then span those that are shown. @param {View} view @param {View} other @param {ColorMapping} mapping That of the view.
 * @param {Values} values @returns {ColorMapping} */
export function mappingBeside(view, other, mapping, { min, max }) {
  if (view.kind === other.kind) return mapping;
  const { kind } = other;
  const { colorscale, reverse } = view;
  const plain = { colorscale, reverse, norm: /** @type {const} */ ('linear'), empty: false, single: '' };
  const key = mapping.key + kind;
  if (kind === 'values') return { ...plain, ...linearWindow(min, max), key };
  const labels = isCategorical(other) ? parseLabels('') || undefined : undefined;
  return { ...plain, lo: 0, hi: 255, kind, labels, key };
}

/** @param {View} view @returns {string} */
function keyOf(view) {
  const { window, norm, colorscale, reverse, centre, clip, kind, labels } = view;
  return JSON.stringify([window, norm, colorscale, reverse, centre, clip, kind, labels, overlayIn(view)]);
}

/** Whether a colour mapping is still the one that was chosen.
 * @param {View} view @param {ColorMapping} mapping @returns {boolean} */
export function matches(view, mapping) {
  return mapping.key === keyOf(view);
}
