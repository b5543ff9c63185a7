/* The canvas under Plotly's plot area. Codes become colours by a table of 256, and cells lie where Plotly would
   put them. All on the main thread: a frame takes 1 to 4 ms, and a worker's message alone costs half of that. */
(function (lamella) {
  'use strict';

  const GAP = 255;

  let canvas = null;
  let buffer = null;
  let image = null;
  let words = null;
  let picture = null;
  let gap = '';
  let tables = { key: '', table: null };

  function hex(text) {
    const digits = text.replace('#', '');
    return [0, 2, 4].map((i) => parseInt(digits.slice(i, i + 2), 16));
  }

  /* The colour of each code as a little-endian RGBA word; code 255 is a gap. */
  function table(look, missing) {
    const key = [look.colorscale, look.reverse, missing].join();
    if (tables.key === key) return tables.table;
    const words_ = new Uint32Array(256);
    for (let code = 0; code < GAP; code += 1) words_[code] = word(lamella.scale.colour(look, code / 254));
    words_[GAP] = word(hex(missing));
    tables = { key: key, table: words_ };
    return words_;
  }

  function word([r, g, b]) {
    return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }

  /* The codes of values under a look, as the server makes them. */
  function codes(cells, look) {
    const out = new Uint8Array(cells.rows * cells.cols);
    const map = lamella.scale.mapping(look.norm, look.lo, look.hi);
    const linear = look.norm === 'linear';
    const part = lamella.scale.partOf(map, look.lo, look.hi);
    const from = map.to(look.lo) * part;
    const scale = 254 / (map.to(look.hi) * part - from);
    let at = 0;
    for (const row of cells.z) {
      for (let c = 0; c < cells.cols; c += 1, at += 1) {
        const v = row[c];
        if (v === cells.fill) {
          out[at] = GAP;
          continue;
        }
        const t = ((linear ? v : map.to(v)) * part - from) * scale;
        // A value that is none has no colour; one that the norm cannot take has the lowest.
        out[at] = t > 0 ? (t < 254 ? t + 0.5 : 254) : v !== v ? GAP : 0;
      }
    }
    return out;
  }

  /* Asked for when the theme changes only: the styles of a page take long to compute. */
  function readGap() {
    gap = getComputedStyle(document.documentElement).getPropertyValue('--l-gap').trim();
  }

  function connect() {
    canvas = lamella.controls.element('slice-canvas');
    buffer = document.createElement('canvas');
    // The theme has a colour of its own for gaps.
    readGap();
    new MutationObserver(() => {
      readGap();
      again();
    }).observe(document.documentElement, {
      attributes: true, attributeFilter: ['data-mantine-color-scheme'],
    });
  }

  /* Paint a frame {codes, rows, cols, rowStep, colStep, row0, col0}; says how long colours and drawing took (ms). */
  function paint(frame, look) {
    picture = { frame: frame, look: look };
    const begun = performance.now();
    colour(frame, look);
    const coloured = performance.now();
    place(lamella.plot.area());
    return {
      convert: lamella.telemetry.stage('convert', begun, coloured - begun),
      draw: lamella.telemetry.stage('draw', coloured, performance.now() - coloured),
    };
  }

  function colour(frame, look) {
    if (!image || image.width !== frame.cols || image.height !== frame.rows) {
      buffer.width = frame.cols;
      buffer.height = frame.rows;
      image = new ImageData(frame.cols, frame.rows);
      words = new Uint32Array(image.data.buffer);
    }
    const colours = table(look, gap);
    const { codes: source } = frame;
    for (let i = 0; i < source.length; i += 1) words[i] = colours[source[i]];
    buffer.getContext('2d', { alpha: false }).putImageData(image, 0, 0);
  }

  /* Draw what is in the buffer where the axes have it; `area` is {left, top, width, height, x, y}. */
  function place(area) {
    if (!picture || !area) return;
    const { frame } = picture;
    const density = window.devicePixelRatio || 1;
    const width = Math.max(1, Math.round(area.width * density));
    const height = Math.max(1, Math.round(area.height * density));
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const css = [area.left, area.top, area.width, area.height].join();
    if (canvas.dataset.place !== css) {
      canvas.dataset.place = css;
      Object.assign(canvas.style, {
        left: area.left + 'px', top: area.top + 'px', width: area.width + 'px', height: area.height + 'px',
      });
    }
    const context = canvas.getContext('2d', { alpha: false });
    const perCol = width / (area.x[1] - area.x[0]);
    const perRow = height / (area.y[1] - area.y[0]);
    const left = (frame.col0 - 0.5 - area.x[0]) * perCol;
    const top = (frame.row0 - 0.5 - area.y[0]) * perRow;
    const w = frame.cols * frame.colStep * perCol;
    const h = frame.rows * frame.rowStep * perRow;
    if (left > 0.5 || top > 0.5 || left + w < width - 0.5 || top + h < height - 0.5) {
      context.fillStyle = gap;
      context.fillRect(0, 0, width, height);
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(buffer, 0, 0, frame.cols, frame.rows, left, top, w, h);
  }

  /* The same frame once more, after the axes, the theme or the colours have changed. */
  function again(look) {
    if (picture) paint(picture.frame, look || picture.look);
  }

  lamella.painter = {
    connect: connect,
    paint: paint,
    place: place,
    again: again,
    codes: codes,
    table: (look, missing) => table(look, missing || gap),
    forget: () => {
      picture = null;
    },
  };
})((window.lamella = window.lamella || {}));
