/* Which slice: the deep link in the address bar, and the selection that the server is asked for. */
(function (lamella) {
  'use strict';

  const SPAN = /^([+-]?\d*):([+-]?\d*)(?::\d*)?$/;
  const WHOLE = /^[+-]?\d+$/;

  function pair(text) {
    if (!text) return null;
    const parts = text.split(',');
    const values = parts.map(Number);
    if (parts.length !== 2 || parts.some((p) => p.trim() === '') || !values.every(Number.isFinite)) return null;
    return values[0] < values[1] ? values : null;
  }

  /* The link as it stands in the address bar; what is not there is null. */
  function parse(search) {
    const query = new URLSearchParams(search);
    const colour = (query.get('colorscale') || '').toLowerCase();
    const name = colour.replace(/_r$/, '');
    const window_ = query.get('window');
    return {
      file: query.get('file'),
      dataset: query.get('dataset'),
      axis: query.get('axis'),
      index: query.get('index'),
      selection: query.get('selection'),
      part: query.get('part'),
      pool: ['mean', 'max', 'nearest'].includes(query.get('pool')) ? query.get('pool') : null,
      norm: lamella.scale.norms.includes(query.get('norm')) ? query.get('norm') : null,
      colorscale: lamella.scale.names.includes(name) ? name : null,
      reverse: /_r$/.test(colour),
      window: window_ === 'volume' || window_ === 'slice' ? window_ : pair(window_),
      x: pair(query.get('x')),
      y: pair(query.get('y')),
    };
  }

  function format(view) {
    const query = [['file', view.file], ['dataset', view.dataset]];
    if (view.axis !== null && view.shape.length === 3) {
      query.push(['axis', view.axis], ['index', view.position[view.axis]]);
    } else if (view.axis !== null) {
      query.push(['selection', selection(view)], ['axis', view.axis]);
    }
    if (view.part) query.push(['part', view.part]);
    query.push(['window', Array.isArray(view.window) ? view.window.join(',') : view.window]);
    query.push(['norm', view.norm]);
    query.push(['colorscale', view.colorscale + (view.reverse ? '_r' : '')]);
    if (view.pool !== 'mean') query.push(['pool', view.pool]);
    if (view.x) query.push(['x', view.x.map(short).join(',')]);
    if (view.y) query.push(['y', view.y.map(short).join(',')]);
    return '?' + query.map(([key, value]) => key + '=' + encode(value)).join('&');
  }

  function short(value) {
    return String(Number(value.toFixed(2)));
  }

  /* As encodeURIComponent, but what may stand in a query stays legible. */
  function encode(value) {
    return encodeURIComponent(value).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':');
  }

  function whole(text, length, what) {
    if (!WHOLE.test(text)) throw new Error('The link asks for ' + what + ' “' + text + '”, which is no whole number.');
    const value = Number(text);
    if (value >= length || value < -length) {
      throw new Error('The link asks for ' + what + ' ' + text + ', but there are only 0 to ' + (length - 1) + '.');
    }
    return value < 0 ? value + length : value;
  }

  /* Axis, plane and position for a shape: as the link wishes, else the middle of the first axis.
     Throws an Error with a sentence when the link does not fit the dataset. */
  function plan(shape, link) {
    const rank = shape.length;
    const position = shape.map((n) => Math.floor(n / 2));
    if (rank === 2) return { axis: null, rows: 0, cols: 1, position: position, x: null, y: null };
    if (link.selection) return fromSelection(shape, link, position);
    const axis = link.axis === null ? 0 : whole(link.axis, rank, 'axis');
    const plane = shape.map((_, d) => d).filter((d) => d !== axis).slice(-2);
    if (link.index !== null) position[axis] = whole(link.index, shape[axis], 'slice');
    return { axis: axis, rows: plane[0], cols: plane[1], position: position, x: null, y: null };
  }

  function fromSelection(shape, link, position) {
    const items = link.selection.split(',').map((item) => item.trim());
    if (items.length !== shape.length) {
      throw new Error('The link has a selection of ' + items.length + ' dimensions, but the dataset has ' +
        shape.length + '.');
    }
    const plane = [];
    const bounds = [];
    items.forEach((item, d) => {
      const span = SPAN.exec(item);
      if (!span) {
        position[d] = whole(item, shape[d], 'index');
        return;
      }
      plane.push(d);
      bounds.push(extent(span, shape[d]));
    });
    if (plane.length !== 2) throw new Error('The selection of the link needs exactly two slices, as in 700,:,:.');
    const fixed = shape.map((_, d) => d).filter((d) => !plane.includes(d));
    const axis = link.axis === null ? fixed[0] : whole(link.axis, shape.length, 'axis');
    if (!fixed.includes(axis)) throw new Error('The link slices axis ' + axis + ', which its selection shows whole.');
    return { axis: axis, rows: plane[0], cols: plane[1], position: position, y: bounds[0], x: bounds[1] };
  }

  /* The voxels that a span names as a range of the plot's axis, null for all of them. */
  function extent(span, length) {
    const at = (text, dflt) => {
      if (text === '') return dflt;
      const value = Number(text);
      return Math.min(Math.max(value < 0 ? value + length : value, 0), length);
    };
    const start = at(span[1], 0);
    const stop = at(span[2], length);
    if (stop <= start) throw new Error('The selection of the link is empty.');
    return start === 0 && stop === length ? null : [start - 0.5, stop - 0.5];
  }

  function span(range, length, step) {
    if (!range && step === 1) return ':';
    if (!range) return '::' + step;
    const text = range[0] + ':' + Math.min(range[1], length);
    return step === 1 ? text : text + ':' + step;
  }

  /* The selection of a view in NumPy's syntax, of the voxels in `port` alone if that is given. */
  function selection(view, port) {
    return view.shape.map((length, d) => {
      if (d === view.rows) return span(port && port.rows, length, port ? port.step : 1);
      if (d === view.cols) return span(port && port.cols, length, port ? port.step : 1);
      return String(view.position[d]);
    }).join(',');
  }

  /* The voxels in view and the step at which they are at most `limit` cells.
     Starts and stops are multiples of the step, so that blocks stay the same ones while the view moves. */
  function port(view, limit) {
    const rows = view.shape[view.rows];
    const cols = view.shape[view.cols];
    const seen = (range, length) => {
      if (!range) return [0, length];
      const start = Math.min(Math.max(Math.floor(range[0] + 0.5 + 1e-6), 0), length - 1);
      const stop = Math.max(Math.min(Math.ceil(range[1] + 0.5 - 1e-6), length), start + 1);
      return [start, stop];
    };
    const r = seen(view.y, rows);
    const c = seen(view.x, cols);
    const aligned = ([start, stop], length, step) => [
      Math.floor(start / step) * step,
      Math.min(Math.ceil(stop / step) * step, length),
    ];
    const cells = ([start, stop], step) => Math.ceil((stop - start) / step);
    let step = Math.max(1, Math.ceil(Math.sqrt(((r[1] - r[0]) * (c[1] - c[0])) / limit)));
    let rowSpan = aligned(r, rows, step);
    let colSpan = aligned(c, cols, step);
    while (cells(rowSpan, step) * cells(colSpan, step) > limit) {
      step += 1;
      rowSpan = aligned(r, rows, step);
      colSpan = aligned(c, cols, step);
    }
    const all = (range, length) => (range[0] === 0 && range[1] === length ? null : range);
    return {
      step: step,
      rows: all(rowSpan, rows),
      cols: all(colSpan, cols),
      row0: rowSpan[0],
      col0: colSpan[0],
      row1: rowSpan[1],
      col1: colSpan[1],
    };
  }

  lamella.address = { parse: parse, format: format, plan: plan, selection: selection, port: port, encode: encode };
})((window.lamella = window.lamella || {}));
