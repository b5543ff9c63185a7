/* The view of a dataset that was read again, or of another one like it: the same slice, as far as there is one. */

import { suggestedBy } from './coloring.mjs';
import { comparedAfter } from './compare.mjs';
import { kindsOf } from './kinds.mjs';
import { isFlipped, SIDES } from './plane.mjs';
import { createView } from './link-view.mjs';
import { CHANGED } from './view.mjs';
/** @import { Link } from './address.mjs' */
/** @import { Found, View } from './view.mjs' */

/** The view of a dataset whose file has changed: the same slice where there is one.
 * @param {Found} found @param {View} before @returns {{view: View, notes: string[]}} */
export function carryOver(found, before) {
  // Another kind of picture, such as colours in the place of values, has its own plane.
  const means = kindsOf(found.meaning || null, found.record.dtype)[0] === kindsOf(before.meaning, before.dtype)[0];
  const link = linkOf(found, before, means);
  return createView(found, means ? link : Object.assign(link, { kind: null }), before, true);
}

/** The view of another dataset of the same shape: slice, zoom and window stay, and the colours where it has none of its own.
 * @param {Found} found @param {View} before @returns {{view: View, notes: string[]}} */
export function carryTo(found, before) {
  const link = Object.assign(linkOf(found, before, true), { kind: null, labels: null, overlay: null });
  const own = { ...suggestedBy(found.meaning || null), ...found.remembered };
  for (const key of /** @type {const} */ (['norm', 'colorscale', 'reverse', 'centre', 'clip', 'window'])) {
    if (own[key] !== undefined && own[key] !== null) link[key] = null;
  }
  link.compare = comparedAfter(before, { file: found.file, dataset: found.record.dataset });
  return createView(found, link, before, true);
}

/** @param {Found} found @param {View} before @param {boolean} same Whether it is of the same kind. @returns {Link} */
function linkOf(found, before, same) {
  const { record } = found;
  const alike = same && record.shape.length === before.shape.length;
  const fits = record.dtype === before.dtype;
  /** @type {Link} */
  const link = {
    file: before.file,
    dataset: before.dataset,
    axis: null,
    index: null,
    selection: null,
    rows: alike ? String(before.rows) : null,
    cols: alike ? String(before.cols) : null,
    flip: alike ? SIDES.filter((side) => isFlipped(before, side)) : null,
    decode: before.decode,
    kind: before.kind,
    labels: before.labels,
    overlay: before.overlay,
    opacity: before.opacity,
    voxel: before.voxel,
    aspect: before.aspect,
    part: before.part,
    project: before.project,
    pool: before.pool,
    norm: before.norm,
    colorscale: before.colorscale,
    reverse: before.reverse,
    centre: fits ? before.centre : null,
    clip: before.clip,
    window: typeof before.window !== 'string' && !fits ? 'volume' : before.window,
    views: before.views,
    compare: before.compare,
    comparing: before.mode,
    difference: before.difference,
    share: before.share,
    point: alike ? before.position : null,
    depth: alike ? before.depth : null,
    x: alike ? before.x : null,
    y: alike ? before.y : null,
    tools: alike ? before.tools : null,
    frozen: alike ? before.frozen : null,
    unknown: [],
  };
  if (alike && before.axis !== null) {
    link.axis = String(before.axis);
    link.selection = before.position
      .map((at, d) => (d === before.rows || d === before.cols ? ':' : String(at))).join(',');
  }
  return link;
}

/** How the dataset of a view has changed, in sentences. @param {View} before @param {View} now @returns {string} */
export function describeChanges(before, now) {
  const sentences = [CHANGED];
  if (String(before.shape) !== String(now.shape)) {
    sentences.push('Its shape was ' + before.shape.join(' × ') + ' and is ' + now.shape.join(' × ') + '.');
  }
  if (before.dtype !== now.dtype) sentences.push('Its type was ' + before.dtype + ' and is ' + now.dtype + '.');
  return sentences.join(' ');
}
