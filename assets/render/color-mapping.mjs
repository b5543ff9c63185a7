/* The colour mapping of a slice: the contrast window that is in force, norm and colour scale. */

import { singleValue } from '../model/cells.mjs';
import { validWindow, widenedWindow } from '../model/colormap.mjs';
import { formatNumber } from '../model/number-format.mjs';
import { selectionOf } from '../model/viewport.mjs';

// The window is requested a moment after the slice, so that the slice leads the decoding.
const PREFETCH_DELAY_MS = 60;
const REMEMBERED = 2000;

/* `show.error(text)` says why a norm cannot be applied, `show.bounds(view, mapping)` the window that is in force;
   `isCurrent(view)` tells whether a view is still wanted. */
export function createColorMapping({ api, show, isCurrent }) {
  const volumeWindows = new Map();
  const sliceWindows = new Map();
  let last = null;

  /* The colour mapping of a slice with these values; shows its window, or why the norm cannot be applied. */
  async function resolve(view, wanted, values) {
    const [lo, hi] = await windowOf(view, wanted, values);
    const found = validWindow(view.norm, lo, hi, values.smallest);
    show.error(found.sentence || '');
    const range = found.sentence ? validWindow('linear', lo, hi, 0) : found;
    last = {
      lo: range.lo,
      hi: range.hi,
      norm: found.sentence ? 'linear' : view.norm,
      colorscale: view.colorscale,
      reverse: view.reverse,
      key: keyOf(view),
      empty: false,
      single: '',
    };
    const only = singleValue(values);
    // A fallback window has no values to name.
    const none = !Number.isFinite(values.min) && last.lo === 0 && last.hi === 1;
    last.empty = none && !Array.isArray(view.window);
    // Integers of 64 bits that are the same double have no text of their own.
    const alike = values.integers && values.min === values.max ? formatNumber(values.min, 3) : '';
    const isWidened = last.lo === values.min && last.hi === widenedWindow(values.min).hi;
    last.single = isWidened ? only || alike : '';
    show.bounds(view, last);
    return last;
  }

  async function windowOf(view, wanted, values) {
    const own = Number.isFinite(values.min) ? [values.min, values.max] : [0, 1];
    if (Array.isArray(view.window)) return view.window;
    if (view.window === 'slice') return sliceWindow(wanted, own);
    return (await volumeWindow(view, wanted)) || own;
  }

  /* Zooming in must not change the contrast: the whole slice's window holds if it was seen. */
  function sliceWindow(wanted, own) {
    const fixed = wanted.position.filter((_, d) => d !== wanted.rows && d !== wanted.cols);
    const key = JSON.stringify([wanted.generation, wanted.rows, wanted.cols, fixed, wanted.query.part]);
    if (!wanted.port.rows && !wanted.port.cols) {
      if (sliceWindows.size >= REMEMBERED) sliceWindows.clear();
      sliceWindows.set(key, own);
    }
    return sliceWindows.get(key) || own;
  }

  /* The server's window for the whole volume, requested once by way of a single voxel; null if there is none. */
  function volumeWindow(view, wanted) {
    const key = JSON.stringify([wanted.generation, wanted.query.part, view.norm]);
    if (!volumeWindows.has(key)) {
      const port = wanted.port;
      const one = selectionOf(wanted, {
        rowStep: 1,
        colStep: 1,
        rows: [port.row0, port.row0 + 1],
        cols: [port.col0, port.col0 + 1],
      });
      const address = api.url('/api/v1/slice', {
        file: wanted.query.file,
        dataset: wanted.query.dataset,
        selection: one,
        format: 'u8',
        window: 'volume',
        norm: view.norm,
        part: wanted.query.part,
      });
      const answer = api.fetchOk(address, {}, wanted.generation).then((response) => {
        const ends = (response.headers.get('X-Slice-Window') || '').split(',').map(Number);
        return ends.length === 2 && ends.every(Number.isFinite) ? ends : null;
      }).catch(() => {
        volumeWindows.delete(key);
        return null;
      });
      volumeWindows.set(key, answer);
    }
    return volumeWindows.get(key);
  }

  function prefetchWindow(view, wanted) {
    if (view.window !== 'volume') return;
    setTimeout(() => {
      if (isCurrent(view)) volumeWindow(view, wanted);
    }, PREFETCH_DELAY_MS);
  }

  return { resolve, prefetchWindow, current: () => last };
}

function keyOf(view) {
  return JSON.stringify([view.window, view.norm, view.colorscale, view.reverse]);
}

/* Whether a colour mapping is still the one that was chosen. */
export function matches(view, mapping) {
  return mapping.key === keyOf(view);
}
