/* How far ahead of a viewer slices are there: parts of a bar, and words. */

import { formatCount, formatSeconds } from './format.mjs';
/** @import { Span } from '../viewport.mjs' */

/**
 * @typedef {'cached' | 'ahead' | 'coming'} Kind
 * @typedef {{kind: Kind, from: number, width: number}} Part In shares of the axis.
 */

/**
 * @typedef {object} HorizonState What the server knows of a viewer.
 * @property {string} viewer
 * @property {string} volume
 * @property {number} axis
 * @property {number} index
 * @property {number} length Of the axis.
 * @property {number} planned Bricks.
 * @property {number} in_flight
 * @property {number} idle_s
 */

/** @typedef {HorizonState & Record<Kind, Span[]>} Horizon */

/** @type {Kind[]} */
const KINDS = ['cached', 'ahead', 'coming'];

/** What a bar has, in the order in which it is drawn; and the position.
 * @param {Horizon} viewer @returns {{parts: Part[], at: number}} */
export function horizonOf(viewer) {
  const { length, index } = viewer;
  const parts = KINDS.flatMap((kind) =>
    viewer[kind].map(([from, to]) => ({ kind, from: from / length, width: (to - from) / length }))
  );
  return { parts, at: (index + 0.5) / length };
}

/** @param {Horizon} viewer @returns {string} */
export function horizonText(viewer) {
  const { index, length, planned, in_flight: inFlight, idle_s: idle } = viewer;
  const work = planned
    ? `${formatCount(planned)} bricks planned, ${formatCount(inFlight)} being decoded`
    : 'nothing planned';
  const state = idle < 2 ? 'moving' : `resting for ${formatSeconds(idle)}`;
  return `at ${formatCount(index)} of ${formatCount(length)} · ${work} · ${state}`;
}
