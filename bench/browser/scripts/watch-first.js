/* When pixels of a slice are on the screen first, and when the picture is the one that stays (ms since the navigation
   began): on the canvas before the page, or in Plotly's heatmap. */
window.firstPixels = null;
window.wholePicture = null;
(() => {
  const shown = '.early-canvas, .plot-frame.painted .heatmaplayer image';
  const whole = '.plot-frame.painted[data-phase=rest] .heatmaplayer image';
  /* The frame is on the screen in the next task. */
  const record = (name) => {
    window[name] = Infinity;
    setTimeout(() => {
      window[name] = performance.now();
    });
  };
  const probe = () => {
    if (window.firstPixels === null && document.querySelector(shown)) record('firstPixels');
    if (window.wholePicture === null && document.querySelector(whole)) record('wholePicture');
    if (window.wholePicture === null) requestAnimationFrame(probe);
  };
  requestAnimationFrame(probe);
})();
