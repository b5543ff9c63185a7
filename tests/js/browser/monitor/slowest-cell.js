(() => {
  const graph = document.getElementById('chart-latency');
  const [{ x, y, z }] = graph.data;
  const [, i, j] = z.flatMap((row, j) => row.map((n, i) => [n, i, j])).findLast(([n]) => n > 0);
  const { xaxis, yaxis } = graph._fullLayout;
  const box = graph.querySelector('.nsewdrag').getBoundingClientRect();
  return [box.left + (xaxis.d2p(x[i]) + xaxis.d2p(x[i + 1])) / 2, box.top + yaxis.d2p((y[j] + y[j + 1]) / 2)];
});
