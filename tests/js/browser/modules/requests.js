(() =>
  performance.getEntriesByType('resource').filter(({ name }) => name.includes('.mjs'))
    .map(({ name, initiatorType }) => [new URL(name).pathname, initiatorType]));
