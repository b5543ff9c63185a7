/* Records painted slices as [time (ms), index, source], those of pictures beside the main one as [time (ms), index, axis, source], key
   presses (ms), and when the picture came to rest (ms). Lamella marks its slices itself; the plain
   app's are reported by Plotly and take the time of the animation frame after drawing, as Lamella's do. */
window.seen = [];
window.beside = [];
window.keys = [];
window.rested = [];
document.addEventListener('keydown', (event) => window.keys.push(event.timeStamp), true);
new PerformanceObserver((list) =>
  list.getEntries().forEach((entry) => {
    if (entry.name !== 'slice-painted') return;
    const { index, axis, source, beside } = entry.detail;
    if (beside) window.beside.push([entry.startTime, index, axis, source]);
    else window.seen.push([entry.startTime, index, source]);
  })
).observe({ type: 'mark' });
new MutationObserver((changes) => {
  if (changes.some(({ target }) => target.id === 'plot-frame' && target.dataset.phase === 'rest')) {
    if (window.seen.length) window.rested.push(performance.now());
  }
}).observe(document, { subtree: true, attributeFilter: ['data-phase'] });
window.watchPlain = () => {
  const gd = document.querySelector('#graph .js-plotly-plot');
  if (!gd || !gd.on) return false;
  gd.on('plotly_afterplot', () =>
    requestAnimationFrame(() => {
      const index = gd.layout.meta;
      const last = window.seen[window.seen.length - 1];
      if (!last || last[1] !== index) window.seen.push([performance.now(), index, 'plain']);
    }));
  return true;
};
