/* Tools: shapes that are measured, each on the planes of two dimensions of a dataset, as text in links and in a view.

       line:120,30,400,80,w3;rect:9.5,19.5,50.5,60.5;1,2/point:40,7

   Items stand between semicolons: a kind and R, C, R, C … in voxels, R along the first of the two dimensions. A line has
   its width (`w`) and `sum`. The dimensions stand before a slash, and are left out in a link for the plane that it shows.
   A view has them all, so that its text does not depend on what it shows. */

/**
 * @typedef {'point' | 'line' | 'ruler' | 'rect' | 'ellipse' | 'poly'} ToolKind
 * @typedef {readonly [number, number]} Plane Two dimensions, the lower one first.
 */

/**
 * @typedef {object} Tool
 * @property {ToolKind} kind
 * @property {Plane} plane
 * @property {readonly number[]} points R, C, R, C … Of rectangles and ellipses two opposite corners.
 * @property {number} width Of a line: how many voxels across it become one value.
 * @property {boolean} sum Of a line: whether those are summed, not averaged.
 */

/** The kinds with the least and the largest number of points. @type {Record<ToolKind, readonly [number, number]>} */
const POINTS = { point: [1, 1], line: [2, 2], ruler: [2, 2], rect: [2, 2], ellipse: [2, 2], poly: [3, 200] };
export const MAX_TOOLS = 40;
export const MAX_WIDTH = 1000;
const MAX_COORDINATE = 1e9;
const PLANE = /^(\d{1,2}),(\d{1,2})$/;

/** The dimensions of the plane that a view shows. @param {{rows: number, cols: number}} view @returns {Plane} */
export const planeOf = ({ rows, cols }) => [Math.min(rows, cols), Math.max(rows, cols)];

/** @param {Plane} a @param {Plane} b */
export const isSame = (a, b) => a[0] === b[0] && a[1] === b[1];

/** The tools in a text; those without dimensions are on `plane`, of a dataset with `rank` dimensions. `wrong` has the
 * items that are not understood, and what is beyond the largest number of tools.
 * @param {string} text @param {Plane} plane @param {number} rank @returns {{tools: Tool[], wrong: string[]}} */
export function parseTools(text, plane, rank) {
  /** @type {Tool[]} */
  const tools = [];
  /** @type {string[]} */
  const wrong = [];
  for (const item of text.split(';').filter(Boolean)) {
    const tool = tools.length < MAX_TOOLS ? parseTool(item, plane, rank) : null;
    if (tool) tools.push(tool);
    else wrong.push(item);
  }
  return { tools, wrong };
}

/** @param {string} item @param {Plane} plane @param {number} rank @returns {Tool | null} */
function parseTool(item, plane, rank) {
  const [, where, name, list] = /^(?:([\d,]+)\/)?([a-z]+):(.+)$/.exec(item) || [];
  const kind = /** @type {ToolKind} */ (name);
  if (!Object.hasOwn(POINTS, kind || '')) return null;
  const on = where === undefined ? plane : dimensions(where, rank);
  const parts = list.split(',');
  const sum = kind === 'line' && parts.at(-1) === 'sum' && Boolean(parts.pop());
  const wide = kind === 'line' && /^w(\d{1,4})$/.exec(parts.at(-1) || '');
  if (wide) parts.pop();
  const points = parts.map((part) => (/^-?\d/.test(part) ? Number(part) : NaN));
  const [least, most] = POINTS[kind];
  const width = wide ? Number(wide[1]) : 1;
  const fits = on && points.length % 2 === 0 && points.length >= 2 * least && points.length <= 2 * most &&
    points.every((value) => Math.abs(value) <= MAX_COORDINATE) && width >= 1 && width <= MAX_WIDTH;
  return fits ? { kind, plane: on, points: points.map(hundredth), width, sum } : null;
}

/** @param {string} text @param {number} rank @returns {Plane | null} */
function dimensions(text, rank) {
  const [, first, second] = PLANE.exec(text) || [];
  const plane = /** @type {Plane} */ ([Number(first), Number(second)]);
  return plane[0] < plane[1] && plane[1] < rank ? plane : null;
}

/** @param {readonly Tool[]} tools @param {Plane | null} [plane] Whose dimensions are left out. @returns {string} */
export function formatTools(tools, plane = null) {
  return tools.map(({ kind, plane: on, points, width, sum }) =>
    (plane && isSame(on, plane) ? '' : on.join(',') + '/') + kind + ':' + points.map(hundredth).join(',') +
    (width > 1 ? ',w' + width : '') + (sum ? ',sum' : '')
  ).join(';');
}

/** @param {number} value */
const hundredth = (value) => Math.round(value * 100) / 100 || 0;
