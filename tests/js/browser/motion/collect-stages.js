(() => {
  window.measured = [];
  new PerformanceObserver((list) => {
    list.getEntries().forEach((entry) => window.measured.push([entry.name, entry.duration]));
  }).observe({ type: 'measure' });
});
