/* Records painted slices as [time (ms), index, source], and key presses (ms). Lamella marks its slices itself; the plain
   app's are reported by Plotly and take the time of the animation frame after drawing, as Lamella's do. */
window.seen = [];
window.keys = [];
document.addEventListener('keydown', (event) => window.keys.push(event.timeStamp), true);
new PerformanceObserver((list) =>
  list.getEntries().forEach((entry) => {
    if (entry.name !== 'slice-painted') return;
    window.seen.push([entry.startTime, entry.detail.index, entry.detail.source]);
  })
).observe({ type: 'mark' });
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
