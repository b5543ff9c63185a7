(() => {
  const gd = document.querySelector('#slice-graph .js-plotly-plot');
  const trace = gd.data[0];
  // Bytes: Playwright needs a second to bring the numbers of a large slice one by one.
  const lengths = Array.from(trace.z, (row) => row.length);
  const values = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  for (const row of trace.z) for (const v of row) values[end++] = typeof v === 'number' ? v : NaN;
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
    lengths,
    z: new Uint8Array(values.buffer).toBase64(),
    x: gd.layout.xaxis.range,
    y: gd.layout.yaxis.range,
    grid: gd.layout.xaxis.showgrid || gd.layout.yaxis.showgrid,
    pixels: [gd._fullLayout.xaxis._length, gd._fullLayout.yaxis._length],
  };
});
