(async (read) => {
  const { data, layout } = document.querySelector('#slice-graph .js-plotly-plot');
  const gd = document.createElement('div');
  document.body.append(gd);
  await Plotly.newPlot(gd, data.map((trace) => Object.assign({}, trace)), JSON.parse(JSON.stringify(layout)));
  const found = await read(gd);
  Plotly.purge(gd);
  gd.remove();
  return found;
});
