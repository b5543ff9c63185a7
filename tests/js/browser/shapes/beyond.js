(() => {
  const { right } = document.getElementById('plot-frame').getBoundingClientRect();
  return Array.from(
    document.querySelectorAll('#slice-graph .cbaxis text'),
    (node) => node.getBoundingClientRect().right - right,
  );
});
