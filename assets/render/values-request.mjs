/* The values that the heatmap needs for a view, and what is drawn of them. */

import { poolOf, selectionOf, viewportOf } from '../model/viewport.mjs';

/* The request for the values of a view at no more than `limit` cells. A slice that was painted has been counted: its
   values carry no viewer (`viewerId` null). */
export function describeValues(view, limit, viewerId) {
  const viewport = viewportOf(view, limit);
  const query = {
    file: view.file,
    dataset: view.dataset,
    selection: selectionOf(view, viewport),
    format: 'raw',
    pool: poolOf(view),
    part: view.part,
  };
  const key = JSON.stringify([view.generation, query]);
  // Neither decides which values these are.
  if (viewerId !== null) Object.assign(query, { viewer: viewerId });
  if (view.window === 'volume') Object.assign(query, { window: 'volume', norm: view.norm });
  return {
    generation: view.generation,
    view,
    key,
    query,
    viewport,
    axis: view.axis,
    index: view.axis === null ? 0 : view.position[view.axis],
    position: view.position,
    rows: view.rows,
    cols: view.cols,
    shape: view.shape,
    x: view.x,
    y: view.y,
    part: view.part,
    painted: viewerId === null,
  };
}

/* Cells know where they lie, and what they are. */
export function withViewport(values, { viewport, query }) {
  const { step, rowStep, colStep, row0, col0 } = viewport;
  const meta = Object.assign(
    { selection: query.selection, pool: query.pool },
    // The magnitude is what a request without a part returns.
    query.part && query.part !== 'abs' ? { part: query.part } : {},
  );
  return Object.assign(values, { step, rowStep, colStep, row0, col0, meta });
}

/* The scene that the plot draws, see plot.mjs. */
export function sceneOf(request, cells, mapping, { x, y }, readout) {
  return {
    cells,
    request,
    shape: [request.shape[request.rows], request.shape[request.cols]],
    titles: ['axis ' + request.rows, 'axis ' + request.cols],
    mapping,
    x,
    y,
    label: (r, c) => readout.label(request, cells, r, c),
  };
}
