/* The values of frozen profiles: those that the page has, the others as the server has them. */

import { axisOf } from '../../model/axes.mjs';
import { parseFrozen, sliceOf } from '../../model/frozen.mjs';
import { lengthOf } from '../../model/measures.mjs';
import { projectionText } from '../../model/projection.mjs';
import { isSame, parseTools, planeOf } from '../../model/tools.mjs';
import { createRequests, sliceKeyOf, sliceQueryOf } from './panel.mjs';
import { endsText, nameOf } from './words.mjs';
/** @import { Api } from '../../data/api.mjs' */
/** @import { Frozen } from '../../model/frozen.mjs' */
/** @import { Tool } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { Requests } from './panel.mjs' */

/**
 * @typedef {object} Profile
 * @property {ArrayLike<number | null>} values
 * @property {ArrayLike<number>} positions In voxels.
 * @property {string} [cells] Of which cells, where they are not the voxels.
 *
 * @typedef {{profile: Profile | null, error: string, at: string, cancel: () => void}} Known `at` is the slice on the screen.
 * @typedef {{line: Tool, name: string, profile: Profile}} Kept
 */

/** A profile as the server has it; null where another request, or none, counts by then.
 * @param {Requests} requests @param {Tool} line @param {View} view @returns {Promise<Profile | null>} */
export async function askProfile(requests, line, view) {
  const { points: [r0, c0, r1, c1], width, sum } = line;
  const response = await requests.ask('/api/v1/profile', {
    ...sliceQueryOf(view),
    from: r0 + ',' + c0,
    to: r1 + ',' + c1,
    width,
    reduce: sum ? 'sum' : 'mean',
  }, view.generation);
  const found = response && await response.json();
  if (!found) return null;
  const { values } = found;
  const last = Math.max(values.length - 1, 1);
  return { values, positions: Float64Array.from(values, (_, i) => lengthOf(line) * i / last) };
}

/** `onChange()` hears that there are others, or more of their values.
 * @param {Pick<Api, 'url' | 'fetchOk'>} api @param {() => void} onChange */
export function createFrozenProfiles(api, onChange) {
  /** @type {Map<string, Known>} */
  const known = new Map();
  let followed = '';

  /** @param {View} view */
  const listOf = (view) => parseFrozen(view.frozen, view.shape).frozen;

  /** @param {Frozen} frozen @param {View} view */
  const keyOf = (frozen, view) => JSON.stringify([sliceKeyOf(sliceOf(view, frozen)), frozen.line]);

  /** Those of a view are asked for, at rest, and others forgotten. @param {View} view @param {boolean} isAtRest */
  function follow(view, isAtRest) {
    const requested = new Map(listOf(view).map((frozen) => [keyOf(frozen, view), frozen]));
    for (const [key, { cancel }] of known) {
      if (requested.has(key)) continue;
      cancel();
      known.delete(key);
    }
    const at = sliceKeyOf(view);
    for (const [key, frozen] of requested) {
      const found = known.get(key);
      // What has failed is asked for again with another slice.
      if (isAtRest && (!found || (found.error && found.at !== at))) request(key, frozen, view);
    }
    const text = Array.from(requested.keys()).join();
    if (text === followed) return;
    followed = text;
    onChange();
  }

  /** @param {string} key @param {Frozen} frozen @param {View} view */
  async function request(key, frozen, view) {
    const requests = createRequests(api);
    /** @type {Known} */
    const entry = { profile: null, error: '', at: sliceKeyOf(view), cancel: requests.cancel };
    known.set(key, entry);
    try {
      entry.profile = await askProfile(requests, frozen.line, sliceOf(view, frozen));
    } catch (error) {
      entry.error = /** @type {Error} */ (error).message;
    }
    if (known.get(key) === entry) onChange();
  }

  /** @param {Frozen} frozen @param {View} view */
  function textOf({ line, position, ...slab }, view) {
    const { tools } = parseTools(view.tools, planeOf(view), view.shape.length);
    const own = tools.findIndex(({ kind, plane, points }) =>
      kind === line.kind && isSame(plane, line.plane) && String(points) === String(line.points)
    );
    const places = position.flatMap((at, d) => (line.plane.includes(d) ? [] : axisOf(view, d).name + ' ' + at));
    const projection = projectionText(sliceOf(view, { line, position, ...slab }));
    return [own < 0 ? endsText(line) : nameOf(line, own), ...places, projection].filter(Boolean).join(', ');
  }

  return {
    follow,
    /** What is there of them. @param {View} view @returns {Kept[]} */
    of: (view) =>
      listOf(view).flatMap((frozen) => {
        const profile = known.get(keyOf(frozen, view))?.profile;
        return profile ? { line: frozen.line, name: textOf(frozen, view), profile } : [];
      }),
    /** Why one of them is not there; empty where all are, or are on their way. */
    failure: () => Array.from(known.values()).find(({ error }) => error)?.error || '',
    /** The values of one that is frozen. @param {Frozen} frozen @param {View} view @param {Profile} profile */
    put: (frozen, view, profile) => {
      known.set(keyOf(frozen, view), { profile, error: '', at: '', cancel: () => undefined });
    },
  };
}
