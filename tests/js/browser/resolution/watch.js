/* From now on, what the picture shows in each animation frame: the heatmap's selection, null where nothing is shown. */
(() => {
  window.shown = [];
  const poll = () => {
    const frame = document.getElementById('plot-frame');
    const image = frame.querySelector('.heatmaplayer image');
    const [trace] = frame.querySelector('.js-plotly-plot').data;
    const isShown = frame.classList.contains('moving') ||
      (image && image.getAttributeNS('http://www.w3.org/1999/xlink', 'href'));
    const now = isShown ? trace.meta.selection : null;
    if (window.shown.at(-1) !== now) window.shown.push(now);
    if (window.shown) requestAnimationFrame(poll);
  };
  poll();
});
