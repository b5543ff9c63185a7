window.painted = [];
window.markObserver = new PerformanceObserver((list) =>
  list.getEntries().forEach((entry) => {
    if (entry.name === 'slice-painted') window.painted.push(entry.detail);
  })
);
window.markObserver.observe({ type: 'mark' });
