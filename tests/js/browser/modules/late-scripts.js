(() =>
  performance.getEntriesByType('resource').filter(({ name }) => /async-graph|plotly\.min/.test(name))
    .map(({ name, initiatorType }) => [new URL(name).pathname.split('/').pop(), initiatorType]));
