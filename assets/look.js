/* The look of a slice: the contrast window that is in force, norm and colour scale. */
(function (lamella) {
  'use strict';

  // The window is asked for a moment after the slice, so that it is the slice which leads the decoding.
  const PREPARE_MS = 60;
  const REMEMBERED = 2000;

  const volumeWindows = new Map();
  const sliceWindows = new Map();
  let last = null;

  /* The look of a slice with these values; shows its window, or why the norm cannot be. */
  async function of(view, wanted, values) {
    const [lo, hi] = await windowOf(view, wanted, values);
    const found = lamella.scale.usable(view.norm, lo, hi, values.smallest);
    lamella.controls.text('window-error', found.sentence || '');
    const range = found.sentence ? lamella.scale.usable('linear', lo, hi, 0) : found;
    last = {
      lo: range.lo,
      hi: range.hi,
      norm: found.sentence ? 'linear' : view.norm,
      colorscale: view.colorscale,
      reverse: view.reverse,
      chosen: choice(view),
    };
    const only = lamella.remark.single(values);
    // A window that is there for want of another one has no other value to name.
    const none = !Number.isFinite(values.min) && last.lo === 0 && last.hi === 1;
    last.empty = none && !Array.isArray(view.window);
    // Integers of 64 bits that are the same double have no text of their own.
    const alike = values.integers && values.min === values.max ? lamella.scale.number(values.min, 3) : '';
    const isWidened = last.lo === values.min && last.hi === lamella.scale.widened(values.min).hi;
    last.single = isWidened ? only || alike : '';
    lamella.controls.bounds(view, last);
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

  /* The server's window for the whole volume, asked for once by way of a single voxel; null if there is none. */
  function volumeWindow(view, wanted) {
    const key = JSON.stringify([wanted.generation, wanted.query.part, view.norm]);
    if (!volumeWindows.has(key)) {
      const port = wanted.port;
      const one = lamella.address.selection(wanted, {
        rowStep: 1, colStep: 1, rows: [port.row0, port.row0 + 1], cols: [port.col0, port.col0 + 1],
      });
      const address = lamella.source.url('/api/v1/slice', {
        file: wanted.query.file, dataset: wanted.query.dataset, selection: one, format: 'u8', window: 'volume',
        norm: view.norm, part: wanted.query.part,
      });
      const answer = lamella.source.ask(address, {}, wanted.generation).then((response) => {
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

  function prepare(view, wanted) {
    if (view.window !== 'volume') return;
    setTimeout(() => {
      if (lamella.viewer.current() === view) volumeWindow(view, wanted);
    }, PREPARE_MS);
  }

  function choice(view) {
    return JSON.stringify([view.window, view.norm, view.colorscale, view.reverse]);
  }

  /* Whether a look is still the one that was chosen. */
  function holds(view, look) {
    return look.chosen === choice(view);
  }

  lamella.look = { of: of, holds: holds, prepare: prepare, last: () => last };
})((window.lamella = window.lamella || {}));
