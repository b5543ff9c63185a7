/* Slabs: what a load balancer sends to one machine, which has the slices of one chunk's thickness once it has one of
   them (dashboard/addressing/slabs.py). A routing key and nothing else. */

const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

/** The slab of a selection, in eight hexadecimal digits; null where the selection has other dimensions.
 * @param {string} file @param {string} dataset @param {string} selection @param {readonly number[]} thickness
 * @returns {string | null} */
export function slabOf(file, dataset, selection, thickness) {
  const items = selection.split(',');
  if (items.length !== thickness.length) return null;
  const numbers = items.flatMap((
    item,
    d,
  ) => (/^\d+$/.test(item) ? [d + ':' + Math.floor(Number(item) / thickness[d])] : []));
  let hash = OFFSET;
  for (const byte of new TextEncoder().encode(file + '\n' + dataset + '\n' + numbers.join(','))) {
    hash = Math.imul(hash ^ byte, PRIME) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
