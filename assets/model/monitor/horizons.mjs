/* How far ahead of a viewer slices are there: parts of a bar, and words. */

import { formatCount, formatSeconds } from './format.mjs';

const KINDS = ['cached', 'ahead', 'coming'];

/* What a bar has, in the order in which it is drawn: [{kind, from, width}] in shares of the axis; and the position. */
export function horizonOf(viewer) {
  const { length, index } = viewer;
  const parts = KINDS.flatMap((kind) =>
    viewer[kind].map(([from, to]) => ({ kind, from: from / length, width: (to - from) / length }))
  );
  return { parts, at: (index + 0.5) / length };
}

export function horizonText(viewer) {
  const { index, length, planned, in_flight: inFlight, idle_s: idle } = viewer;
  const work = planned
    ? `${formatCount(planned)} bricks planned, ${formatCount(inFlight)} being decoded`
    : 'nothing planned';
  const state = idle < 2 ? 'moving' : `resting for ${formatSeconds(idle)}`;
  return `at ${formatCount(index)} of ${formatCount(length)} · ${work} · ${state}`;
}
