(() => {
  const graph = document.querySelector('#slice-graph .js-plotly-plot');
  return Array.from(graph.data[0].z, (row) => Array.from(row));
});
