(() =>
  performance.getEntriesByType('navigation')
    .concat(performance.getEntriesByType('resource'))
    .filter((entry) => !entry.name.includes('/api/') && !entry.name.includes('_dash-update'))
    .reduce((sum, entry) => sum + entry.transferSize, 0));
