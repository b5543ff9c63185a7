/* The view that a link asks for. */

import { resolvePlane, shorten, within } from './link-plane.mjs';
import { suggestedBy } from './coloring.mjs';
import { comparedAfter, SHARE } from './compare.mjs';
import { formatFrozen, parseFrozen } from './frozen.mjs';
import { kindsOf } from './kinds.mjs';
import { isDecodable, startOf } from './meaning.mjs';
import { OPACITY } from './overlay.mjs';
import { projectionNote } from './projection.mjs';
import { formatTools, parseTools, planeOf } from './tools.mjs';
import { ASPECTS, changed, frozen, reduce } from './view.mjs';
import { PARTS, POOLS } from './viewport.mjs';
/** @import { Link } from './address.mjs' */
/** @import { Coloring } from './coloring.mjs' */
/** @import { Kind, Meaning } from './meaning.mjs' */
/** @import { Found, View } from './view.mjs' */

/** @type {Coloring & Pick<View, 'pool'>} */
const DEFAULTS = {
  pool: POOLS[0],
  window: 'volume',
  norm: 'linear',
  colorscale: 'gray',
  reverse: false,
  centre: null,
  clip: false,
};

/** The view that a link asks for; what it leaves open comes from `before`, the view so far (or null). `keepNorm` keeps
 * its norm as well. `found` is {file, record, listed, generation}. Returns {view, notes}.
 * @param {Found} found @param {Link} link @param {View | null} before @param {boolean} keepNorm
 * @returns {{view: View, notes: string[]}} */
export function createView(found, link, before, keepNorm) {
  const { record } = found;
  const meaning = found.meaning || null;
  const plane = resolvePlane(record.shape, link, startOf(record.shape, meaning));
  const own = { ...suggestedBy(meaning), ...found.remembered };
  const complex = /^complex/.test(record.dtype);
  const like = before || DEFAULTS;
  const { tools, wrong } = parseTools(link.tools || '', planeOf(plane), record.shape.length);
  const profiles = parseFrozen(link.frozen || '', record.shape);
  const single = frozen({
    file: found.file,
    dataset: record.dataset,
    listed: found.listed,
    generation: found.generation,
    shape: record.shape,
    chunks: record.chunks || null,
    growable: Boolean(record.growable),
    dtype: record.dtype,
    element: record.element || null,
    complex,
    isEnum: false,
    axis: plane.axis,
    rows: plane.rows,
    cols: plane.cols,
    flip: plane.flip,
    position: plane.position,
    meaning,
    kind: kindFor(meaning, record.dtype, plane, link),
    labels: link.labels || '',
    overlay: link.overlay || '',
    opacity: link.opacity ?? OPACITY,
    decode: isDecodable(meaning) && link.decode !== false,
    voxel: link.voxel,
    aspect: link.aspect || ASPECTS[0],
    x: plane.x,
    y: plane.y,
    views: 1,
    depth: null,
    compare: link.compare ||
      (keepNorm && before ? comparedAfter(before, { file: found.file, dataset: record.dataset }) : ''),
    mode: link.comparing || (!link.compare && keepNorm && before ? before.mode : 'side'),
    difference: link.difference,
    share: link.share ?? (!link.compare && keepNorm && before ? before.share : SHARE),
    part: complex ? link.part || PARTS[0] : null,
    project: link.project || '',
    pool: link.pool || like.pool,
    norm: link.norm || own.norm || (keepNorm ? like.norm : DEFAULTS.norm),
    colorscale: link.colorscale || own.colorscale || like.colorscale,
    reverse: link.reverse ?? (link.colorscale ? false : own.colorscale ? Boolean(own.reverse) : like.reverse),
    centre: link.centre ?? own.centre ?? null,
    clip: link.clip ?? own.clip ?? like.clip,
    window: link.window || own.window || (like.window === 'slice' ? 'slice' : DEFAULTS.window),
    tools: formatTools(tools),
    frozen: formatFrozen(profiles.frozen),
  });
  const views = link.views || (keepNorm && before ? before.views : 1);
  const view = views === 3 && !single.compare ? threeOf(single, link) : single;
  // A reason beside a dataset that can be shown is a warning: parts of it are missing.
  const warnings = record.reason ? [record.reason] : [];
  const unknown = Object.entries({ tools: wrong, frozen: profiles.wrong }).filter(([, items]) => items.length)
    .map(([key, items]) => 'The link has “' + shorten(items.join(';')) + '” for ' + key + ', which is not understood.');
  const { point } = link;
  const odd = view.views === 3 && point && point.length !== view.shape.length
    ? ['The link has ' + point.length + ' indices for point, and the dataset ' + view.shape.length + ' dimensions.']
    : [];
  const projection = projectionNote(view, 'The link');
  return { view, notes: (link.unknown || []).concat(unknown, plane.notes, odd, projection || [], warnings) };
}

/** A view with two more planes through the point of a link, where it has an axis.
 * @param {View} view @param {Link} link @returns {View} */
function threeOf(view, { point, depth }) {
  const fits = point && point.length === view.shape.length;
  const at = fits ? reduce(view, { type: 'point', position: point }) : view;
  const three = reduce(at, { type: 'views', views: 3 });
  return depth && three.depth ? changed(three, { depth: within(depth, view.shape[Number(view.axis)], '', []) }) : three;
}

/** The kind of a picture: what a link says, else what the dataset means, unless the plane is none of a colour picture.
 * @param {Meaning | null} meaning @param {string} dtype @param {Pick<View, 'axis' | 'rows' | 'cols'>} plane
 * @param {Link} link @returns {Kind} */
function kindFor(meaning, dtype, { axis, rows, cols }, link) {
  const kinds = kindsOf(meaning, dtype);
  const kind = kinds.find((one) => one === link.kind) || kinds[0];
  const channels = kind === 'color' && meaning ? meaning.channels : null;
  return channels !== null && [axis, rows, cols].includes(channels) ? 'values' : kind;
}
