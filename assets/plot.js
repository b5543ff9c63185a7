/* The one writer of the slice graph: a heatmap and its colour bar. */
(function (lamella) {
  'use strict';

  const BAR_WIDTH = 12;
  const BAR_GAP = 14;
  // A side of the plot that would be shorter (px) is filled instead: voxels are no longer square then.
  const MIN_SIDE = 40;
  const MAX_TICKS = 8;
  const TICK_HEIGHT = 18;
  const DIGIT_WIDTH = 7;

  let gd = null;
  let scene = null;
  let writing = 0;
  let dragMode = 'zoom';
  let listeners = {};
  let ready = null;
  let covered = false;
  // Where a mouse or pen is over the picture (px of the window), null where none is.
  let pointer = null;
  // All that decided the last drawing but values and picture; null when the axes have changed since.
  let drawn = null;

  /* Wait for Dash to draw the empty graph; `on` = {zoom, hover, unhover, reset}. */
  function connect(on) {
    listeners = on;
    ready = new Promise((resolve) => {
      const look = () => {
        const found = document.querySelector('#slice-graph .js-plotly-plot');
        if (found && found.on && window.Plotly && !found.classList.contains('dash-graph--pending')) {
          gd = found;
          lamella.heatmap.connect(gd);
          listen();
          resolve();
        } else requestAnimationFrame(look);
      };
      look();
    });
  }

  function listen() {
    // Dash answers these by writing the figure as it knows it, an empty one, over what is drawn here.
    gd.removeAllListeners('plotly_relayout');
    gd.removeAllListeners('plotly_restyle');
    gd.on('plotly_relayout', (change) => {
      drawn = null;
      lamella.painter.place(area());
      rehover();
      if (writing || !scene || !Object.keys(change).some((key) => /^[xy]axis/.test(key))) return;
      const x = gd.layout.xaxis.range.slice();
      const y = gd.layout.yaxis.range.slice().reverse();
      retick(x, y);
      listeners.zoom(x, y);
    });
    // A drag has not changed the axes yet, but tells where they are.
    gd.on('plotly_relayouting', (change) => lamella.painter.place(area(change)));
    gd.on('plotly_doubleclick', () => listeners.reset());
    gd.on('plotly_hover', (event) => {
      // The heatmap is another slice than the one that is seen.
      if (covered) return;
      const point = event.points.find((p) => p.curveNumber === 0);
      if (point) listeners.hover(point.pointNumber[0], point.pointNumber[1]);
    });
    gd.on('plotly_unhover', () => listeners.unhover());
    // A pointer may have been there before the picture, and then does not move.
    for (const type of ['pointermove', 'pointerover', 'wheel']) {
      frame().addEventListener(type, (event) => {
        pointer = event.pointerType === 'touch' ? null : { clientX: event.clientX, clientY: event.clientY };
      }, { capture: true, passive: true });
    }
    frame().addEventListener('pointerleave', () => {
      pointer = null;
    });
    new ResizeObserver(() => {
      if (scene && !writing) fit();
    }).observe(frame());
  }

  /* Ticks that fit the range that the user has zoomed to. */
  function retick(x, y) {
    const { xaxis, yaxis } = gd._fullLayout;
    const marks = ticksOf(x, y, xaxis._length, yaxis._length);
    const change = {};
    Object.entries(marks).forEach(([name, wanted]) => Object.entries(wanted).forEach(([key, value]) => {
      const now = gd.layout[name + 'axis'][key];
      if (JSON.stringify(now || null) !== JSON.stringify(value || null)) change[name + 'axis.' + key] = value;
    }));
    if (Object.keys(change).length) write(() => window.Plotly.relayout(gd, change));
  }

  function frame() {
    return document.getElementById('plot-frame');
  }

  /* Margins that make the plot area as wide for its height as what it shows, so that nothing is left blank
     beside the picture and the colour bar stands right beside it. */
  function box(shape) {
    const width = Math.max(frame().clientWidth, 160);
    const height = Math.max(frame().clientHeight, 160);
    const narrow = width < 520;
    const left = narrow ? 46 : 60;
    const right = narrow ? 72 : 84;
    const top = 10;
    const bottom = 44;
    const room = { w: width - left - right, h: height - top - bottom };
    const seen = scene.x && scene.y ? [scene.y[1] - scene.y[0], scene.x[1] - scene.x[0]] : shape;
    const ratio = seen[1] / seen[0];
    const wide = Math.min(room.w, room.h * ratio);
    const square = Math.min(wide, wide / ratio) >= MIN_SIDE;
    const [w, h] = square ? pixels(wide, ratio) : [room.w, room.h];
    const x = Math.max(0, Math.floor((room.w - w) / 2));
    const y = Math.max(0, Math.floor((room.h - h) / 2));
    return {
      width: width,
      height: height,
      square: square,
      plotWidth: w,
      plotHeight: h,
      margin: {
        l: left + x, r: width - left - x - w, t: top + y, b: height - top - y - h, pad: 0, autoexpand: false,
      },
    };
  }

  /* Whole pixels, a little smaller where the ratio then comes out better: Plotly makes up for the rest by
     showing a strip beyond the slice. */
  function pixels(width, ratio) {
    let best = null;
    for (let w = Math.floor(width); w > Math.max(width - 24, 30); w -= 1) {
      const h = Math.max(40, Math.round(w / ratio));
      const off = Math.abs(w / h - ratio) / ratio;
      if (!best || off < best.off - 1e-4) best = { w: w, h: h, off: off };
    }
    return [best.w, best.h];
  }

  /* Ticks of an axis over `range` (voxels) that is `px` long: at whole voxels, and no more than fit with `each` px for
     one. Never by a fixed distance, which makes thousands of them when the axis is zoomed out. */
  function ticks(range, px, each) {
    const most = Math.max(1, Math.min(MAX_TICKS, Math.floor(px / each)));
    const span = range[1] - range[0];
    if (span <= 1) {
      const voxel = Math.round((range[0] + range[1]) / 2);
      return { tickmode: 'array', tickvals: [voxel], ticktext: [String(voxel)], nticks: most };
    }
    // Plotly rounds the distance up to 1, 2 or 5: one tick more than voxels are in view makes it 1 at least.
    return { tickmode: 'auto', nticks: Math.min(most, Math.floor(span) + 1), tickvals: null, ticktext: null };
  }

  /* The ticks of both axes over these ranges, both from low to high, in a plot area of so many px. */
  function ticksOf(x, y, width, height) {
    const digits = String(Math.ceil(Math.max(Math.abs(x[0]), Math.abs(x[1])))).length;
    return { x: ticks(x, width, digits * DIGIT_WIDTH + 12), y: ticks(y, height, TICK_HEIGHT) };
  }

  function layout() {
    const place = box(scene.shape);
    const x = scene.x || [-0.5, scene.shape[1] - 0.5];
    const y = scene.y || [-0.5, scene.shape[0] - 0.5];
    const marks = ticksOf(x, y, place.plotWidth, place.plotHeight);
    const axis = {
      showgrid: false, zeroline: false, autorange: false, ticks: 'outside', ticklen: 4, automargin: false,
      tickfont: { size: 11 }, showline: false, separatethousands: false, tickformat: 'd',
      exponentformat: 'none', fixedrange: dragMode === false,
    };
    return {
      width: place.width,
      height: place.height,
      autosize: false,
      margin: place.margin,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: '#c9d0d4',
      showlegend: false,
      hovermode: 'closest',
      hoverdistance: 1,
      dragmode: dragMode,
      annotations: offsetNote(place),
      hoverlabel: { font: { size: 12, color: '#ffffff' }, bgcolor: '#22282d', bordercolor: '#56616a', align: 'left' },
      xaxis: Object.assign({}, axis, marks.x, {
        range: x,
        title: { text: scene.titles[1], font: { size: 11 }, standoff: 4 },
        constrain: 'range', scaleanchor: place.square ? 'y' : false, scaleratio: 1,
      }),
      yaxis: Object.assign({}, axis, marks.y, {
        range: y.slice().reverse(),
        title: { text: scene.titles[0], font: { size: 11 }, standoff: 6 },
        constrain: 'range',
      }),
    };
  }

  /* Below the colour bar, what its ticks are distances from. */
  function offsetNote(place) {
    const { offset } = lamella.scale.ticks(scene.look);
    if (!offset) return [];
    return [{
      xref: 'paper', x: 1 + (place.margin.r - 4) / place.plotWidth, xanchor: 'right',
      yref: 'paper', y: 0, yanchor: 'top', yshift: -24,
      text: offset + ' +', showarrow: false, font: { size: 11 },
    }];
  }

  function traces() {
    const look = scene.look;
    const scales = lamella.scale.stops(look);
    const ticks = lamella.scale.ticks(look);
    const place = box(scene.shape);
    const cells = scene.cells;
    return [
      {
        type: 'heatmap',
        z: cells.z,
        // Cells are placed by first centre and step: Plotly draws evenly spaced ones many times faster. A last
        // block that the edge cuts is drawn whole, and what is outside the slice is outside the axes too.
        x0: cells.col0 + (cells.colStep - 1) / 2,
        dx: cells.colStep,
        y0: cells.row0 + (cells.rowStep - 1) / 2,
        dy: cells.rowStep,
        zauto: false,
        zmin: look.lo,
        zmax: look.hi,
        colorscale: scales.warped,
        showscale: false,
        zsmooth: false,
        hoverongaps: true,
        hovertext: hoverTexts,
        hoverinfo: 'text',
        meta: cells.meta,
        name: '',
      },
      {
        // The heatmap's own colour bar would show the warped scale: this trace has no points, but a plain one.
        type: 'scatter',
        x: [null],
        y: [null],
        mode: 'markers',
        hoverinfo: 'skip',
        showlegend: false,
        marker: {
          color: [0],
          cmin: 0,
          cmax: 1,
          colorscale: scales.plain,
          showscale: true,
          colorbar: {
            x: 1 + BAR_GAP / place.plotWidth,
            xpad: 0,
            ypad: 0,
            xanchor: 'left',
            y: 0.5,
            yanchor: 'middle',
            len: Math.max(1, 60 / place.plotHeight),
            thickness: BAR_WIDTH,
            outlinewidth: 0,
            tickmode: 'array',
            tickvals: ticks.places,
            ticktext: ticks.texts,
            ticks: 'outside',
            ticklen: 4,
            tickfont: { size: 11 },
          },
        },
      },
    ];
  }

  /* The hover label of each cell, made when Plotly asks for it: half a million texts would cost more than
     drawing the slice. Plotly wants an array of arrays, and these read as such. */
  const hoverTexts = new Proxy([], {
    get(target, row) {
      if (!isIndex(row)) return target[row];
      return new Proxy([], {
        get: (inner, col) => (isIndex(col) && scene ? scene.label(Number(row), Number(col)) : inner[col]),
      });
    },
  });

  /* Who copies an array asks it for symbols too. */
  function isIndex(key) {
    return typeof key === 'string' && Number.isInteger(Number(key));
  }

  async function write(job) {
    writing += 1;
    try {
      await job();
    } finally {
      writing -= 1;
    }
  }

  /* Draw a scene, once `ready` has resolved: {cells: {z, rows, cols, rowStep, colStep, row0, col0, meta}, shape, titles, look, x, y,
     label(row, col)}, with the picture of its cells (heatmap.js). Resolves when the browser has that ready to be shown. */
  async function draw(next, picture) {
    scene = next;
    frame().classList.add('painted');
    const [heat, bar] = traces();
    const place = layout();
    const rest = JSON.stringify([Object.assign({}, heat, { z: null, meta: null }), bar, place, scene.cells.rows, scene.cells.cols]);
    if (rest !== drawn || !lamella.heatmap.swap(picture, heat.meta)) {
      lamella.heatmap.show(picture);
      await write(() => window.Plotly.react(gd, [heat, bar], place));
      drawn = rest;
    }
    rehover();
    const image = gd.querySelector('.heatmaplayer image');
    if (image) await lamella.heatmap.readable(image);
  }

  /* New colours for the same values. */
  function recolour(look, picture) {
    return draw(Object.assign(scene, { look: look }), picture);
  }

  /* Move the axes to a range of voxels, null for the whole slice. */
  async function zoom(x, y) {
    if (!scene) return;
    scene.x = x;
    scene.y = y;
    drawn = null;
    // The whole layout: whether voxels are square, and the ticks, depend on the range.
    await write(() => window.Plotly.relayout(gd, layout()));
  }

  async function fit() {
    if (!scene) return;
    drawn = null;
    await write(() => window.Plotly.react(gd, traces(), layout()));
    lamella.painter.place(area());
    rehover();
  }

  /* Show what is painted under the plot instead of the heatmap, whose hover label is of another slice then. */
  function cover(on) {
    covered = on;
    if (on) {
      // Plotly says nothing of it where no event of the mouse is behind it.
      window.Plotly.Fx.unhover(gd, {});
      listeners.unhover();
    }
    frame().classList.toggle('moving', on);
    rehover();
  }

  /* The hover label of what is under the pointer, which has not moved: the picture has. */
  function rehover() {
    const target = gd.querySelector('.nsewdrag');
    if (!pointer || covered || !scene || !target) return;
    window.Plotly.Fx.hover(gd, Object.assign({ target: target }, pointer), 'xy');
  }

  /* The plot area in px of the frame, and the voxels at its edges; null before there is one. */
  function area(change) {
    const full = gd && gd._fullLayout;
    if (!scene || !full || !full.xaxis || !full.yaxis) return null;
    const { xaxis, yaxis } = full;
    const end = (name, i, range) => {
      const told = change && change[name + '.range[' + i + ']'];
      return told === undefined ? range[i] : told;
    };
    return {
      left: xaxis._offset,
      top: yaxis._offset,
      width: xaxis._length,
      height: yaxis._length,
      x: [end('xaxis', 0, xaxis.range), end('xaxis', 1, xaxis.range)],
      y: [end('yaxis', 1, yaxis.range), end('yaxis', 0, yaxis.range)],
    };
  }

  function drag(mode) {
    dragMode = mode;
    if (scene) window.Plotly.relayout(gd, { dragmode: mode });
  }

  lamella.plot = {
    connect: connect,
    ready: () => ready,
    draw: draw,
    recolour: recolour,
    zoom: zoom,
    drag: drag,
    cover: cover,
    rehover: rehover,
    area: area,
    scene: () => scene,
  };
})((window.lamella = window.lamella || {}));
