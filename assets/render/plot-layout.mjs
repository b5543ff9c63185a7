/* What Plotly is given: margins, axes and traces of a scene. */

import { axisTicks, axisTitle } from '../model/axes.mjs';
import { colorbarTicks } from '../model/colorbar.mjs';
import { colorStops } from '../model/colormap.mjs';
import { escapeMarkup } from '../model/cells.mjs';
import { directed } from '../model/plane.mjs';
/** @import { Axis } from '../model/axes.mjs' */
/** @import { PlotArea } from '../model/pinch.mjs' */
/** @import { Range } from '../model/viewport.mjs' */
/** @import { PlotScene } from './values-request.mjs' */

/**
 * @typedef {{width: number, height: number, most?: number}} Size In px; `most` is the most of them for a column.
 * @typedef {ReturnType<typeof boxOf>} Box
 */

const BAR_WIDTH = 12;
const BAR_GAP = 14;

// A side of the plot that would be shorter (px) is filled instead: voxels lose their shape then.
const MIN_SIDE = 40;
const MAX_TICKS = 8;
const TICK_HEIGHT = 18;
const DIGIT_WIDTH = 7;
// Of characters beside the colour bar.
const LONGEST_UNIT = 10;

/** The least margins of a frame of a size, and what is left for the plot area. @param {Size} size */
export function spaceOf(size) {
  const width = Math.max(size.width, 160);
  const height = Math.max(size.height, 160);
  const narrow = width < 520;
  const left = narrow ? 46 : 60;
  const top = 10;
  const space = { width: width - left - (narrow ? 72 : 84), height: height - top - 44 };
  return { width, height, left, top, space };
}

/** Margins that make the plot area as wide for its height as what it shows, so that nothing is left blank
 * beside the picture and the colour bar stands right beside it.
 * @param {Pick<PlotScene, 'shape' | 'x' | 'y' | 'aspect'>} scene @param {Size} size */
export function boxOf(scene, size) {
  const { width, height, left, top, space } = spaceOf(size);
  const seen = scene.x && scene.y ? [scene.y[1] - scene.y[0], scene.x[1] - scene.x[0]] : scene.shape;
  const ratio = seen[1] / (seen[0] * (scene.aspect || 1));
  const wide = Math.min(space.width, space.height * ratio);
  const inShape = scene.aspect !== null && Math.min(wide, wide / ratio) >= MIN_SIDE;
  const shown = Math.min(wide, (size.most ?? Infinity) * seen[1]);
  const [w, h] = inShape ? pixels(shown, ratio) : [space.width, space.height];
  const x = Math.max(0, Math.floor((space.width - w) / 2));
  const y = Math.max(0, Math.floor((space.height - h) / 2));
  return {
    width,
    height,
    inShape,
    plotWidth: w,
    plotHeight: h,
    margin: {
      l: left + x,
      r: width - left - x - w,
      t: top + y,
      b: height - top - y - h,
      pad: 0,
      autoexpand: false,
    },
  };
}

/** Where the axes of a scene will lie in a frame of `size`, and the voxels at their edges, as Plotly makes them: of sides
 * that are not in the voxels' ratio, it shows a strip beyond the slice along one.
 * @param {Pick<PlotScene, 'shape' | 'x' | 'y' | 'aspect' | 'flip'>} scene @param {Size} size @returns {PlotArea} */
export function areaOf(scene, size) {
  const { margin, plotWidth: width, plotHeight: height, inShape } = boxOf(scene, size);
  const x = scene.x || [-0.5, scene.shape[1] - 0.5];
  const y = scene.y || [-0.5, scene.shape[0] - 0.5];
  const accessed = [width / (x[1] - x[0]), height / (y[1] - y[0]) / (scene.aspect || 1)];
  const each = inShape ? Math.min(...accessed) : 0;
  /** @param {Range} range @param {number} px @returns {Range} */
  const shown = ([from, to], px) => {
    const more = each ? Math.max(px / each - (to - from), 0) / 2 : 0;
    return [from - more, to + more];
  };
  return {
    left: margin.l,
    top: margin.t,
    width,
    height,
    x: directed(shown(x, width), scene.flip.x),
    y: directed(shown(y, height / (scene.aspect || 1)), scene.flip.y),
  };
}

/** Whole pixels, a little smaller where the ratio then comes out better: Plotly makes up for the rest by
 * showing a strip beyond the slice. @param {number} width @param {number} ratio @returns {[w: number, h: number]} */
function pixels(width, ratio) {
  let best = { w: 0, h: 0, off: Infinity };
  for (let w = Math.floor(width); w > Math.max(width - 24, 30); w -= 1) {
    const h = Math.max(40, Math.round(w / ratio));
    const off = Math.abs(w / h - ratio) / ratio;
    if (off < best.off - 1e-4) best = { w, h, off };
  }
  return [best.w, best.h];
}

/** Ticks of an axis over `range` (voxels) that is `px` long: at whole voxels or round coordinates, and no more than fit
 * with `each(text)` px for one. Never by a fixed distance, which makes thousands of them when the axis is zoomed out.
 * @param {Axis} axis @param {Range} range @param {number} px @param {(text: string) => number} each */
function ticks(axis, range, px, each) {
  for (let count = MAX_TICKS; count > 0; count -= 1) {
    const found = axisTicks(axis, range, count);
    if (!found) break;
    if (count > 1 && found.positions.length * Math.max(...found.texts.map(each), 1) > px) continue;
    return { tickmode: 'array', tickvals: found.positions, ticktext: found.texts, nticks: MAX_TICKS };
  }
  return voxelTicks(range, px, each(String(Math.ceil(Math.max(Math.abs(range[0]), Math.abs(range[1]))))));
}

/** @param {Range} range @param {number} px @param {number} each */
function voxelTicks(range, px, each) {
  const most = Math.max(1, Math.min(MAX_TICKS, Math.floor(px / each)));
  const span = range[1] - range[0];
  if (span <= 1) {
    const voxel = Math.round((range[0] + range[1]) / 2);
    return { tickmode: 'array', tickvals: [voxel], ticktext: [String(voxel)], nticks: most };
  }
  // Plotly rounds the distance up to 1, 2 or 5: one tick more than voxels are in view makes it 1 at least.
  return { tickmode: 'auto', nticks: Math.min(most, Math.floor(span) + 1), tickvals: null, ticktext: null };
}

/** The ticks of both axes over these ranges, both from low to high, in a plot area of this size (px).
 * @param {PlotScene['axes']} axes @param {Range} x @param {Range} y @param {number} width @param {number} height */
export function ticksOf([rows, cols], x, y, width, height) {
  return {
    x: ticks(cols, x, width, (text) => text.length * DIGIT_WIDTH + 12),
    y: ticks(rows, y, height, () => TICK_HEIGHT),
  };
}

/** The layout of a scene in a frame of `size`.
 * @param {PlotScene} scene @param {Size} size @param {string | false} dragMode @returns {Plotly} */
export function layoutOf(scene, size, dragMode) {
  const box = boxOf(scene, size);
  const x = scene.x || [-0.5, scene.shape[1] - 0.5];
  const y = scene.y || [-0.5, scene.shape[0] - 0.5];
  const marks = ticksOf(scene.axes, x, y, box.plotWidth, box.plotHeight);
  const axis = {
    showgrid: false,
    zeroline: false,
    autorange: false,
    ticks: 'outside',
    ticklen: 4,
    automargin: false,
    tickfont: { size: 11 },
    showline: false,
    separatethousands: false,
    tickformat: 'd',
    exponentformat: 'none',
    fixedrange: dragMode === false,
  };
  return {
    width: box.width,
    height: box.height,
    autosize: false,
    margin: box.margin,
    paper_bgcolor: 'rgba(0,0,0,0)',
    plot_bgcolor: '#c9d0d4',
    showlegend: false,
    hovermode: 'closest',
    hoverdistance: 1,
    dragmode: dragMode,
    annotations: barNote(scene, box),
    hoverlabel: { font: { size: 12, color: '#ffffff' }, bgcolor: '#22282d', bordercolor: '#56616a', align: 'left' },
    xaxis: Object.assign({}, axis, marks.x, {
      // New arrays: Plotly writes into ranges, and those of a view are frozen.
      range: directed(x, scene.flip.x),
      title: { text: escapeMarkup(axisTitle(scene.axes[1])), font: { size: 11 }, standoff: 4 },
      constrain: 'range',
      scaleanchor: box.inShape ? 'y' : false,
      scaleratio: 1 / (scene.aspect || 1),
    }),
    yaxis: Object.assign({}, axis, marks.y, {
      // Plotly's axes go up.
      range: directed(y, !scene.flip.y),
      title: { text: escapeMarkup(axisTitle(scene.axes[0])), font: { size: 11 }, standoff: 6 },
      constrain: 'range',
    }),
  };
}

/** What the colour bar is of. @param {PlotScene} scene */
const barOf = ({ bar, mapping, dates, unit }) => bar ? { ...bar, dates: null } : { mapping, dates, unit, name: '' };

/** Below the colour bar: its name, the unit, and what its ticks are distances from, or leave out.
 * @param {PlotScene} scene @param {Box} box */
function barNote(scene, box) {
  const { mapping, dates, unit, name } = barOf(scene);
  if (mapping.kind) return [];
  const { offset, note } = colorbarTicks(mapping, dates);
  const last = note ?? [offset && offset + ' +', escapeMarkup(unit)].filter(Boolean).join(' ');
  const text = [name, last].filter(Boolean).join(',<br>');
  const isLong = Boolean(offset || note) || unit.length > LONGEST_UNIT;
  if (!text) return [];
  return [{
    xref: 'paper',
    // The unit stands below the bar; what is longer has all of the margin.
    x: 1 + (isLong ? box.margin.r - 4 : BAR_GAP) / box.plotWidth,
    xanchor: isLong ? 'right' : 'left',
    yref: 'paper',
    y: 0,
    yanchor: 'top',
    // Two lines begin where the last tick ends.
    yshift: name ? -12 : -24,
    align: isLong ? 'right' : 'left',
    text,
    showarrow: false,
    font: { size: 11 },
  }];
}

/** The heatmap and its colour bar; `hoverTexts` are the labels of the cells.
 * @param {PlotScene} scene @param {Size} size @param {Plotly} hoverTexts @returns {[heat: Plotly, bar: Plotly]} */
export function tracesOf(scene, size, hoverTexts) {
  const { mapping } = scene;
  const scales = colorStops(mapping);
  const ofBar = barOf(scene);
  const barTicks = colorbarTicks(ofBar.mapping, ofBar.dates);
  const box = boxOf(scene, size);
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
      zmin: mapping.lo,
      zmax: mapping.hi,
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
        colorscale: colorStops(ofBar.mapping).plain,
        // Labels and colours have no scale.
        showscale: !ofBar.mapping.kind,
        colorbar: {
          x: 1 + BAR_GAP / box.plotWidth,
          xpad: 0,
          ypad: 0,
          xanchor: 'left',
          y: 0.5,
          yanchor: 'middle',
          len: Math.max(1, 60 / box.plotHeight),
          thickness: BAR_WIDTH,
          outlinewidth: 0,
          tickmode: 'array',
          tickvals: barTicks.positions,
          ticktext: barTicks.texts.map((text) => text.replace('\n', '<br>')),
          ticks: 'outside',
          ticklen: 4,
          tickfont: { size: 11 },
        },
      },
    },
  ];
}
