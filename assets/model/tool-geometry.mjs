/* How tools are drawn, taken hold of and moved. A place is [R, C] in voxels, as in model/tools.mjs. */

/** @import { PlotArea } from './pinch.mjs' */
/** @import { Plane, Tool, ToolKind } from './tools.mjs' */

/**
 * @typedef {readonly [number, number]} Place
 * @typedef {{x: number, y: number}} Pixel
 * @typedef {{part: 'handle', handle: number} | {part: 'edge'} | {part: 'inside'}} Hit
 * @typedef {readonly [rows: number, cols: number]} Size Of the plane, in voxels.
 */

// A new tool that is placed by a key is this share of what is in view.
const PLACED_SHARE = 0.4;

/** The places of a tool. @param {Pick<Tool, 'points'>} tool @returns {Place[]} */
export function placesOf({ points }) {
  return Array.from({ length: points.length / 2 }, (_, i) => [points[2 * i], points[2 * i + 1]]);
}

/** @param {Pick<Tool, 'kind'>} tool */
const isBox = ({ kind }) => kind === 'rect' || kind === 'ellipse';

/** @param {Pick<Tool, 'kind'>} tool */
export const isRegion = (tool) => isBox(tool) || tool.kind === 'poly';

/** What can be taken hold of: of rectangles and ellipses the four corners, in turn.
 * @param {Tool} tool @returns {Place[]} */
export function handlesOf(tool) {
  if (!isBox(tool)) return placesOf(tool);
  const [r0, c0, r1, c1] = tool.points;
  return [[r0, c0], [r0, c1], [r1, c1], [r1, c0]];
}

/** The tool with one handle at another place. @param {Tool} tool @param {number} handle @param {Place} place
 * @returns {Tool} */
export function withHandle(tool, handle, [row, col]) {
  const points = tool.points.slice();
  if (isBox(tool)) {
    points[handle < 2 ? 0 : 2] = row;
    points[handle === 0 || handle === 3 ? 1 : 3] = col;
  } else [points[2 * handle], points[2 * handle + 1]] = [row, col];
  return { ...tool, points };
}

/** The tool moved by so many voxels, as far as it stays on the plane.
 * @param {Tool} tool @param {Place} by @param {Size} size @returns {Tool} */
export function movedBy(tool, by, size) {
  const shift = by.map((step, d) => {
    const along = tool.points.filter((_, i) => i % 2 === d);
    const edge = tool.kind === 'point' ? 0 : 0.5;
    const least = Math.min(-edge - Math.min(...along), 0);
    const most = Math.max(size[d] - 1 + edge - Math.max(...along), 0);
    return Math.min(Math.max(step, least), most);
  });
  return { ...tool, points: tool.points.map((value, i) => value + shift[i % 2]) };
}

/** A place on the plane. @param {Place} place @param {Size} size @returns {Place} */
export function within([row, col], [rows, cols]) {
  /** @param {number} value @param {number} length */
  const clamped = (value, length) => Math.min(Math.max(value, -0.5), length - 0.5);
  return [clamped(row, rows), clamped(col, cols)];
}

/** The tool as it is kept: points on voxels, rectangles and ellipses along the edges of voxels and never empty, with the
 * lower corner first, other places to a tenth of a voxel. @param {Tool} tool @param {Size} size @returns {Tool} */
export function snapped(tool, size) {
  const { kind, points } = tool;
  if (kind === 'point') {
    return { ...tool, points: points.map((v, d) => Math.min(Math.max(Math.round(v), 0), size[d] - 1)) };
  }
  if (!isBox(tool)) return { ...tool, points: points.map((value) => Math.round(value * 10) / 10 || 0) };
  const [r0, c0, r1, c1] = points;
  /** @param {number} a @param {number} b @param {number} length */
  const edges = (a, b, length) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)].map((v) => Math.round(v + 0.5) - 0.5);
    if (high > low) return [low, high];
    const voxel = Math.min(Math.max(Math.round((a + b) / 2), 0), length - 1);
    return [voxel - 0.5, voxel + 0.5];
  };
  const [[top, bottom], [left, right]] = [edges(r0, r1, size[0]), edges(c0, c1, size[1])];
  return { ...tool, points: [top, left, bottom, right] };
}

/** Whether there is nothing to measure: a line from a place to itself, a polygon without an inside.
 * @param {Tool} tool */
export function isEmpty(tool) {
  if (isBox(tool) || tool.kind === 'point') return false;
  const places = placesOf(tool);
  if (tool.kind !== 'poly') return String(places[0]) === String(places[1]);
  return new Set(places.map(String)).size < 3;
}

/** A new tool in the middle of what is in view. @param {ToolKind} kind @param {Plane} plane
 * @param {readonly [Place, Place]} inView First and last row and column. @param {Size} size @returns {Tool} */
export function placed(kind, plane, [[r0, c0], [r1, c1]], size) {
  const middle = [(r0 + r1) / 2, (c0 + c1) / 2];
  const half = [(r1 - r0) * PLACED_SHARE / 2, (c1 - c0) * PLACED_SHARE / 2];
  /** @param {number} r @param {number} c @returns {[number, number]} */
  const at = (r, c) => [middle[0] + r * half[0], middle[1] + c * half[1]];
  /** @type {Record<ToolKind, number[]>} */
  const points = {
    point: middle,
    line: [...at(0, -1), ...at(0, 1)],
    ruler: [...at(0, -1), ...at(0, 1)],
    rect: [...at(-1, -1), ...at(1, 1)],
    ellipse: [...at(-1, -1), ...at(1, 1)],
    poly: [...at(-1, 0), ...at(0, 1), ...at(1, 0), ...at(0, -1)],
  };
  return snapped({ kind, plane, points: points[kind], width: 1, sum: false }, size);
}

/** A polygon with a vertex more, in the middle of the side after `handle`; the largest one stays as it is.
 * @param {Tool} tool @param {number} handle @param {number} most @returns {Tool} */
export function withVertex(tool, handle, most) {
  const places = placesOf(tool);
  if (tool.kind !== 'poly' || places.length >= most) return tool;
  const [a, b] = [places[handle], places[(handle + 1) % places.length]];
  places.splice(handle + 1, 0, [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  return { ...tool, points: places.flat() };
}

/** Where a place is on the screen (px of the frame). @param {PlotArea} area @param {boolean} transposed
 * @param {Place} place @returns {Pixel} */
export function pixelOf({ left, top, width, height, x, y }, transposed, [row, col]) {
  const [across, down] = transposed ? [row, col] : [col, row];
  return { x: left + (across - x[0]) / (x[1] - x[0]) * width, y: top + (down - y[0]) / (y[1] - y[0]) * height };
}

/** @param {PlotArea} area @param {boolean} transposed @param {Pixel} at @returns {Place} */
export function placeAt({ left, top, width, height, x, y }, transposed, at) {
  const across = x[0] + (at.x - left) / width * (x[1] - x[0]);
  const down = y[0] + (at.y - top) / height * (y[1] - y[0]);
  return transposed ? [across, down] : [down, across];
}

/** The outline of a tool as a line through places; an ellipse by as many as look round.
 * @param {Tool} tool @returns {Place[]} */
export function outline(tool) {
  if (tool.kind === 'ellipse') {
    const [r0, c0, r1, c1] = tool.points;
    return Array.from({ length: 49 }, (_, i) => {
      const angle = i / 24 * Math.PI;
      return [(r0 + r1) / 2 + (r1 - r0) / 2 * Math.sin(angle), (c0 + c1) / 2 + (c1 - c0) / 2 * Math.cos(angle)];
    });
  }
  const places = handlesOf(tool);
  return isRegion(tool) ? [...places, places[0]] : places;
}

/** The corners of what a line covers that is wider than a voxel. @param {Tool} line @returns {Place[]} */
export function bandOf({ points: [r0, c0, r1, c1], width }) {
  const half = width / 2 / (Math.hypot(r1 - r0, c1 - c0) || 1);
  const [dr, dc] = [(c1 - c0) * half, (r0 - r1) * half];
  return [[r0 + dr, c0 + dc], [r1 + dr, c1 + dc], [r1 - dr, c1 - dc], [r0 - dr, c0 - dc]];
}

/** What of a tool is at a place of the screen, within `reach` px; null for nothing.
 * @param {Tool} tool @param {(place: Place) => Pixel} project @param {Pixel} at @param {number} reach
 * @returns {Hit | null} */
export function hitOf(tool, project, at, reach) {
  const handles = handlesOf(tool).map(project).map((one) => Math.hypot(one.x - at.x, one.y - at.y));
  const nearest = handles.indexOf(Math.min(...handles));
  if (handles[nearest] <= reach) return tool.kind === 'point' ? { part: 'edge' } : { part: 'handle', handle: nearest };
  const line = outline(tool).map(project);
  if (line.some((end, i) => i > 0 && distance(at, line[i - 1], end) <= reach)) return { part: 'edge' };
  return isRegion(tool) && contains(line, at) ? { part: 'inside' } : null;
}

/** From a pixel to a line between two others. @param {Pixel} at @param {Pixel} a @param {Pixel} b */
function distance(at, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const share = ((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy) || 0;
  const t = Math.min(Math.max(share, 0), 1);
  return Math.hypot(at.x - a.x - t * dx, at.y - a.y - t * dy);
}

/** @param {Pixel[]} line Closed. @param {Pixel} at */
function contains(line, at) {
  return line.reduce((inside, b, i) => {
    const a = line[Math.max(i - 1, 0)];
    const crosses = (a.y > at.y) !== (b.y > at.y) && at.x < a.x + (at.y - a.y) / (b.y - a.y) * (b.x - a.x);
    return crosses ? !inside : inside;
  }, false);
}
