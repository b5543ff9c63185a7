/* What other limits of the brick cache would have changed, out of simulated hits. */

import { formatBytes } from '../number-format.mjs';
import { clockTime, formatSeconds, plural } from './format.mjs';
/** @import { Series } from './figures.mjs' */
/** @import { Stats } from './tiles.mjs' */

/** What the cache would have done with each limit.
 * @param {Stats} stats @returns {{factor: number, limit: number, hitRate: number, hits: number}[]} */
export function sizesOf(stats) {
  const { limit } = stats.caches.bricks;
  return stats.cache_sizes.simulated
    .filter((one) => one.hit_rate !== null)
    .map((one) => ({
      factor: one.factor,
      limit: one.factor * limit,
      hitRate: /** @type {number} */ (one.hit_rate),
      hits: one.hits,
    }));
}

/** Mean time of the server for a slice that was decoded (s); 0 without any. @param {Stats} stats @returns {number} */
export function missSeconds(stats) {
  const miss = stats.server.miss;
  return miss ? miss.total_s / miss.count : 0;
}

/** A sentence on whether another limit would have saved decoding. Simulated caches are compared with the simulated one
 * of today's limit, which is the cache itself but for bricks that were in it before.
 * @param {Stats} stats @param {Series} series @param {number} now @returns {string} */
export function sizesSentence(stats, series, now) {
  const sizes = sizesOf(stats);
  const today = sizes.find(({ factor }) => factor === 1);
  if (!today) return 'No brick was accessed in this time.';
  // The ledger may be younger than the time that is shown.
  const begun = series.times.findIndex((_, i) => Object.values(series.demand).some((steps) => steps[i] > 0));
  const since = 'since ' + clockTime(Math.max(stats.from, begun < 0 ? 0 : series.times[begun]), now);
  const accesses = `(${plural(stats.cache_sizes.accesses, 'access', 'accesses')} to bricks)`;
  const larger = sizes.filter((one) => one.factor > 1 && one.hits > today.hits);
  if (larger.length) {
    const one = larger[0];
    const saved = one.hits - today.hits;
    const waited = formatSeconds(saved * missSeconds(stats));
    return `${formatBytes(one.limit)} instead of ${formatBytes(today.limit)} would have saved ${
      plural(saved, 'decode')
    } (${waited} of waiting) ${since} ${accesses}.`;
  }
  const smaller = sizes.filter((one) => one.factor < 1 && one.hits >= today.hits);
  const enough = smaller.length ? ` ${formatBytes(smaller[0].limit)} would have been enough.` : '';
  return `A larger cache would have saved nothing ${since} ${accesses}.${enough}`;
}
