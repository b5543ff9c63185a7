(() => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  gd.removeAllListeners('plotly_relayout');
  return Plotly.relayout(gd, { 'xaxis.range': [99.5, -0.5] }).then(() => undefined);
});
