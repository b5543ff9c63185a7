(() => {
  const marker = document.querySelector('#slice-graph .js-plotly-plot').data[1].marker;
  return { texts: marker.colorbar.ticktext, places: marker.colorbar.tickvals };
});
