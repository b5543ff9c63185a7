/* From a link to a view: which dataset it names, and which slice of it there is. What does not fit is clamped or left
   out, with a note; what cannot be shown is an Error that says why. */
(function (lamella) {
  'use strict';

  const CHANGED = 'This file changed on disk.';
  const PARTS = ['abs', 'real', 'imag', 'phase'];
  const defaults = { pool: 'mean', window: 'volume', norm: 'linear', colorscale: 'gray', reverse: false };

  /* The record of the dataset that a link names, else of the first that can be shown. */
  async function find(link) {
    if (link.file && link.dataset) {
      const record = await lamella.tree.find(link.file, link.dataset);
      if (!record.browsable) throw new Error(record.dataset + ' cannot be shown. ' + (record.reason || ''));
      return { file: link.file, record: record };
    }
    const found = await lamella.tree.first(link.file);
    if (!found) throw new Error(nothing(link.file));
    return { file: found.file, record: await lamella.tree.find(found.file, found.dataset) };
  }

  /* Why there is nothing to show, in one file or in all. */
  function nothing(file) {
    const failures = lamella.tree.failures(file);
    const reasons = failures.length ? ' ' + failures[0] : '';
    const more = failures.length > 1 ? ' The list of files names the reasons of the others.' : '';
    if (file) return file + ' has no dataset with slices to show.' + reasons + more;
    if (lamella.tree.empty()) return 'There are no HDF5 files here.';
    return 'No file here has a dataset with slices to show.' + reasons + more;
  }

  /* The view that a link asks for; what it leaves open comes from `look`, the view before it (or null). `keep` tells
     whether its norm stays as well. Returns {view, notes}. */
  function view(found, link, look, keep) {
    const { record } = found;
    const place = lamella.address.plan(record.shape, link);
    const complex = /^complex/.test(record.dtype);
    const like = look || defaults;
    const made = {
      file: found.file,
      dataset: record.dataset,
      listed: lamella.tree.version(found.file),
      shape: record.shape,
      dtype: record.dtype,
      complex: complex,
      axis: place.axis,
      rows: place.rows,
      cols: place.cols,
      position: place.position,
      x: place.x,
      y: place.y,
      part: complex ? (PARTS.includes(link.part) ? link.part : 'abs') : null,
      pool: link.pool || like.pool,
      norm: link.norm || (keep ? like.norm : defaults.norm),
      colorscale: link.colorscale || like.colorscale,
      reverse: link.colorscale ? link.reverse : like.reverse,
      window: link.window || (like.window === 'slice' ? 'slice' : defaults.window),
    };
    made.generation = lamella.versions.of(made.file, made.dataset, made.listed);
    // What a dataset that can be shown has to say is a warning: parts of it are missing.
    const warnings = record.reason ? [record.reason] : [];
    return { view: made, notes: (link.unknown || []).concat(place.notes, warnings) };
  }

  /* A view of a dataset whose file is another one now: the same slice where there is one. */
  function again(found, was) {
    const { record } = found;
    const link = { axis: null, index: null, selection: null, x: was.x, y: was.y };
    const alike = record.shape.length === was.shape.length;
    if (alike && was.axis !== null) {
      link.axis = String(was.axis);
      link.selection = was.position.map((at, d) => (d === was.rows || d === was.cols ? ':' : String(at))).join(',');
    } else if (!alike) Object.assign(link, { x: null, y: null });
    const fits = record.dtype === was.dtype;
    Object.assign(link, {
      part: was.part, pool: was.pool, norm: was.norm, colorscale: was.colorscale, reverse: was.reverse,
      window: Array.isArray(was.window) && !fits ? 'volume' : was.window,
    });
    return view(found, link, was, true);
  }

  /* The name of what is opened. */
  function named({ file, dataset }) {
    return dataset ? dataset + ' of ' + file : file || 'files';
  }

  /* What has become of a dataset. */
  function changes(was, now) {
    const told = [CHANGED];
    if (String(was.shape) !== String(now.shape)) {
      told.push('Its shape was ' + was.shape.join(' × ') + ' and is ' + now.shape.join(' × ') + '.');
    }
    if (was.dtype !== now.dtype) told.push('Its type was ' + was.dtype + ' and is ' + now.dtype + '.');
    return told.join(' ');
  }

  function pause(ms) {
    return ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : Promise.resolve();
  }

  lamella.opening = {
    CHANGED: CHANGED, find: find, view: view, again: again, named: named, changes: changes, pause: pause,
  };
})((window.lamella = window.lamella || {}));
