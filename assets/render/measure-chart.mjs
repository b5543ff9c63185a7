/* Small charts of what is measured, drawn by Plotly. */

/** @import { Dates } from '../model/dates.mjs' */

/**
 * @typedef {object} Curve
 * @property {ArrayLike<number>} x
 * @property {ArrayLike<number | null>} y NaN or null where there is no value.
 * @property {string} color
 * @property {string} name
 * @property {'line' | 'faint' | 'bars'} [kind]
 * @property {string[]} [ranges] What the bars are of.
 *
 * @typedef {object} Chart
 * @property {Curve[]} curves
 * @property {string} xTitle
 * @property {string} yTitle
 * @property {Dates | null} [xDates] Where these values are dates; the title is what all have in common then.
 * @property {Dates | null} [yDates]
 * @property {number | null} [marker] Where a line stands across the x axis.
 *
 * @typedef {ReturnType<typeof createChart>} MeasureChart
 */

const CONFIG = { displayModeBar: false, showTips: false, doubleClick: false, scrollZoom: false };
// For how long axes may be those of the curve before, and where the curve goes beyond them.
const AXES_MS = 150;
const OUTSIDE_MS = 60;
const TICKS = 4;
const MARGIN = { l: 52, r: 8, t: 6, b: 34 };

/** `onClick(x)` is called for a click on the chart.
 * @param {HTMLElement} host @param {(x: number) => void} [onClick] */
export function createChart(host, onClick) {
  let drawn = false;
  let drawnAt = -Infinity;
  let timer = 0;
  const sizes = new ResizeObserver(() => {
    if (drawn && host.clientWidth) globalThis.Plotly.Plots.resize(host);
  });

  /** @param {Chart} chart @param {boolean} [isLive] More are to come: it may stand on the axes of the one before for a
   * moment, since those take most of the time. */
  function draw(chart, isLive = false) {
    clearTimeout(timer);
    const now = performance.now();
    if (isLive && now - drawnAt < AXES_MS) {
      const fits = follow(chart.curves);
      if (fits || fits !== null && now - drawnAt < OUTSIDE_MS) {
        timer = setTimeout(() => draw(chart), AXES_MS);
        return;
      }
    }
    drawnAt = now;
    drawAll(chart);
  }

  /** Put the last curve where the last one is drawn: whether all of it is on the axes, null where that cannot be done.
   * @param {Curve[]} curves @returns {boolean | null} */
  function follow(curves) {
    const { xaxis, yaxis } = /** @type {Plotly} */ (host)._fullLayout || {};
    const lines = host.querySelectorAll('.scatterlayer .js-line');
    const { x, y } = curves[curves.length - 1];
    if (!xaxis || lines.length !== curves.length) return null;
    let path = '';
    let isGap = true;
    let fits = true;
    for (let i = 0; i < x.length; i += 1) {
      const value = y[i];
      if (value === null || Number.isNaN(value)) {
        isGap = true;
        continue;
      }
      fits &&= value >= yaxis.range[0] && value <= yaxis.range[1] && x[i] <= xaxis.range[1];
      path += (isGap ? 'M' : 'L') + xaxis.c2p(x[i]).toFixed(1) + ',' + yaxis.c2p(value).toFixed(1);
      isGap = false;
    }
    lines[lines.length - 1].setAttribute('d', path || 'M0,0');
    return fits;
  }

  /** @param {Chart} chart */
  function drawAll({ curves, xTitle, yTitle, xDates = null, yDates = null, marker = null }) {
    const x = ticksOf(xDates, curves.map((curve) => curve.x));
    const y = ticksOf(yDates, curves.map((curve) => curve.y));
    const axis = {
      tickfont: { size: 10 },
      nticks: 5,
      separatethousands: false,
      exponentformat: 'power',
      minexponent: 5,
      showline: false,
      zeroline: false,
      automargin: false,
      fixedrange: true,
    };
    const layout = {
      margin: MARGIN,
      autosize: true,
      paper_bgcolor: 'rgba(0,0,0,0)',
      plot_bgcolor: 'rgba(0,0,0,0)',
      showlegend: false,
      hovermode: 'x',
      dragmode: false,
      bargap: 0,
      hoverlabel: { font: { size: 11, color: '#ffffff' }, bgcolor: '#22282d', bordercolor: '#56616a' },
      xaxis: { ...axis, ...x?.axis, title: { text: x ? x.note : xTitle, font: { size: 10 }, standoff: 4 } },
      yaxis: { ...axis, ...y?.axis, title: { text: y ? y.note : yTitle, font: { size: 10 }, standoff: 2 } },
      shapes: marker === null ? [] : [{
        type: 'line',
        x0: marker,
        x1: marker,
        yref: 'paper',
        y0: 0,
        y1: 1,
        line: { color: '#8b969e', width: 1, dash: 'dot' },
      }],
    };
    globalThis.Plotly.react(host, curves.map((curve) => traceOf(curve, yDates)), layout, CONFIG);
    if (drawn) return;
    drawn = true;
    sizes.observe(host);
    if (onClick) {
      host.addEventListener('click', ({ clientX }) => {
        const box = host.querySelector('.nsewdrag')?.getBoundingClientRect();
        const { xaxis } = /** @type {Plotly} */ (host)._fullLayout;
        if (box && clientX >= box.left && clientX <= box.right) onClick(xaxis.p2d(clientX - box.left));
      });
    }
  }

  function clear() {
    clearTimeout(timer);
    if (drawn) {
      globalThis.Plotly.react(
        host,
        [],
        { margin: MARGIN, xaxis: { visible: false }, yaxis: { visible: false } },
        CONFIG,
      );
    }
  }

  return { draw, clear };
}

/** The ticks of an axis of dates; null for numbers. @param {Dates | null} dates @param {ArrayLike<number | null>[]} along
 * @returns {{axis: Plotly, note: string} | null} */
function ticksOf(dates, along) {
  if (!dates) return null;
  let [lo, hi] = [Infinity, -Infinity];
  for (const values of along) {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? NaN;
      if (value < lo) lo = value;
      if (value > hi) hi = value;
    }
  }
  // A single one would not say how far apart others are.
  const few = dates.ticks(lo, hi, TICKS);
  const { values, texts, note } = few.values.length > 1 ? few : dates.ticks(lo, hi, 2 * TICKS);
  const ticktext = texts.map((text) => text.replace('\n', '<br>'));
  return { axis: { tickmode: 'array', tickvals: values, ticktext }, note };
}

/** @param {Curve} curve @param {Dates | null} yDates @returns {Plotly} */
function traceOf({ x, y, color, name, kind = 'line', ranges }, yDates) {
  if (kind === 'bars') {
    return {
      type: 'bar',
      x,
      y,
      marker: { color, line: { width: 0 } },
      name,
      customdata: ranges,
      hovertemplate: (ranges ? '%{customdata}' : '%{x}') + ': %{y}<extra></extra>',
    };
  }
  return {
    type: 'scatter',
    mode: y.length < 3 ? 'markers' : 'lines',
    x,
    y,
    name,
    line: { color, width: kind === 'faint' ? 1 : 1.5, dash: kind === 'faint' ? 'dash' : 'solid' },
    customdata: yDates ? Array.from(y, (value) => yDates.text(value ?? NaN)) : undefined,
    hovertemplate: (yDates ? '%{customdata}' : '%{y}') + '<extra>' + (kind === 'faint' ? '%{fullData.name}' : '') +
      '</extra>',
  };
}
