window.painted = [];
new PerformanceObserver((list) =>
  list.getEntries().forEach((entry) => {
    if (entry.name === 'slice-painted') window.painted.push(entry.detail);
  })
).observe({ type: 'mark' });
