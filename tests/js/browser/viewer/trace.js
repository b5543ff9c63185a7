(() => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  const trace = gd.data[0];
  return {
    type: trace.type,
    meta: trace.meta,
    zmin: trace.zmin,
    zmax: trace.zmax,
    x0: trace.x0,
    dx: trace.dx,
    y0: trace.y0,
    dy: trace.dy,
    stops: trace.colorscale.length,
    first: trace.colorscale[0][1],
    z: Array.from(trace.z, (row) => Array.from(row, (v) => (Number.isNaN(v) ? 'nan' : v))),
    x: gd.layout.xaxis.range,
    y: gd.layout.yaxis.range,
    grid: gd.layout.xaxis.showgrid || gd.layout.yaxis.showgrid,
    pixels: [gd._fullLayout.xaxis._length, gd._fullLayout.yaxis._length],
  };
});
