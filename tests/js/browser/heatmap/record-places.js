(() => {
  window.places = [];
  document.querySelector('#slice-graph .js-plotly-plot').on('plotly_relayout', () => {
    const image = document.querySelector('#slice-graph .heatmaplayer image');
    window.places.push([image.href.baseVal.split(':')[0], Number(image.getAttribute('width'))]);
  });
});
