(([x, y]) => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  const box = gd.getBoundingClientRect();
  const { _size: size, xaxis, yaxis } = gd._fullLayout;
  return [box.left + size.l + xaxis.c2p(x), box.top + size.t + yaxis.c2p(y)];
});
