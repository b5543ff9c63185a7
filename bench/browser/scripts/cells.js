(() => {
  const { z } = document.querySelector('#slice-graph .js-plotly-plot').data[0];
  return z.length * z[0].length;
});
