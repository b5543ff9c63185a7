/* Which state of a dataset the page's slices are of. Each state that was seen has a number, the generation, which is
   part of every key that slices, frames and windows are kept under: those of another state are never found. */

/**
 * @typedef {{file: string, dataset: string, listed: string | null}} ListedTarget `listed` is the version of the listing.
 * @typedef {ReturnType<typeof createVersions>} Versions
 */

/** `onChange(generation, version)` is called for an answer of another state than the requested one.
 * @param {(generation: number, version: string) => void} onChange */
export function createVersions(onChange) {
  /** @type {Map<string, number>} */
  const newest = new Map();
  /** @type {Map<number, {version: string | null, listed: string | null}>} */
  const versions = new Map();
  let last = 0;
  /** @param {string} file @param {string} dataset */
  const nameOf = (file, dataset) => file + '\n' + dataset;

  /** The generation of a dataset as it was seen last. `listed` is the version of the file's listing: that of the
   * dataset is the same, unless parts of it lie in other files.
   * @param {string} file @param {string} dataset @param {string | null} listed @returns {number} */
  function generationOf(file, dataset, listed) {
    const name = nameOf(file, dataset);
    const generation = newest.get(name) ?? renew({ file, dataset, listed }, null);
    const known = versions.get(generation);
    if (known && !known.version) known.listed = listed;
    return generation;
  }

  /** A generation of its own for another state; `version` is null until an answer says it.
   * @param {ListedTarget} target @param {string | null} version @returns {number} */
  function renew({ file, dataset, listed }, version) {
    last += 1;
    newest.set(nameOf(file, dataset), last);
    versions.set(last, { version, listed });
    return last;
  }

  /** Whether an answer of `version` is of this generation; if not, `onChange` is called.
   * @param {number} generation @param {string | null} version @returns {boolean} */
  function check(generation, version) {
    const known = versions.get(generation);
    if (!known || !version) return true;
    if (!known.version && (!known.listed || known.listed === version)) known.version = version;
    if (known.version === version) return true;
    onChange(generation, version);
    return false;
  }

  return {
    generationOf,
    renew,
    check,
    /** Whether values of this generation were on the page already. @param {number} generation */
    isKnown: (generation) => Boolean(versions.get(generation)?.version),
    /** Whether another state of the same dataset was seen since.
     * @param {{file: string, dataset: string, generation: number}} target */
    isOutdated: ({ file, dataset, generation }) => newest.get(nameOf(file, dataset)) !== generation,
  };
}
