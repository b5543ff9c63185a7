(async (places) => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  const { _size: size, xaxis, yaxis, width, height } = gd._fullLayout;
  const address = await Plotly.toImage(gd, { format: 'png', width, height });
  const points = places.map(([row, col]) => [Math.floor(size.t + yaxis.c2p(row)), Math.floor(size.l + xaxis.c2p(col))]);
  return [address.split(',')[1], points];
});
