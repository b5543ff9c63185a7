(() => {
  const { z } = document.querySelector('#slice-graph .js-plotly-plot').data[0];
  return z[5][5];
});
