/* Which state of a dataset the page's slices are of. Each state that was seen has a number, the generation, which is
   part of every key that slices, frames and windows are kept under: those of another state are never found. */

/* `onChange(generation, version)` is called for an answer of another state than the requested one. */
export function createVersions(onChange) {
  const newest = new Map();
  const versions = new Map();
  let last = 0;
  const nameOf = (file, dataset) => file + '\n' + dataset;

  /* The generation of a dataset as it was seen last. `listed` is the version of the file's listing: that of the dataset
     is the same, unless parts of it lie in other files. */
  function generationOf(file, dataset, listed) {
    const name = nameOf(file, dataset);
    if (!newest.has(name)) renew({ file, dataset, listed }, null);
    const generation = newest.get(name);
    const known = versions.get(generation);
    if (!known.version) known.listed = listed;
    return generation;
  }

  /* A generation of its own for another state; `version` is null until an answer says it. */
  function renew({ file, dataset, listed }, version) {
    last += 1;
    newest.set(nameOf(file, dataset), last);
    versions.set(last, { version, listed });
    return last;
  }

  /* Whether an answer of `version` is of this generation; if not, `onChange` is called. */
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
    /* Whether values of this generation were on the page already. */
    isKnown: (generation) => Boolean((versions.get(generation) || {}).version),
    /* Whether another state of the same dataset was seen since. */
    isOutdated: ({ file, dataset, generation }) => newest.get(nameOf(file, dataset)) !== generation,
  };
}
