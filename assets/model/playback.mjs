/* The order in which slices are played. */

/** @typedef {'loop' | 'bounce' | 'stop'} EndAction What playing does after the last slice. */

/** Where `by` slices from `index` lead (by < 0: back) among `length`: [index, sign], the sign -1 where the
 * direction is reversed; null where playing ends.
 * @param {number} index @param {number} by @param {number} length @param {EndAction} end
 * @returns {[number, 1 | -1] | null} */
export function nextIndex(index, by, length, end) {
  const to = index + by;
  if (to >= 0 && to < length) return [to, 1];
  if (length < 2) return null;
  if (end === 'loop') return [((to % length) + length) % length, 1];
  if (end === 'stop') {
    const last = by > 0 ? length - 1 : 0;
    return index === last ? null : [last, 1];
  }
  // There and back again is one round; on its second half one goes the other way.
  const round = 2 * (length - 1);
  const start = by > 0 ? index : round - index;
  const at = (start + Math.abs(by)) % round;
  const away = at > length - 1;
  return [away ? round - at : at, away === by > 0 ? -1 : 1];
}
