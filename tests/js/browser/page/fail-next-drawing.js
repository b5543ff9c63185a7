(() => {
  const { react } = window.Plotly;
  window.Plotly.react = (gd, ...rest) => {
    if (!gd.closest('#slice-graph')) return react(gd, ...rest);
    window.Plotly.react = react;
    throw new Error('There is no ink.');
  };
  lamella.viewer.setColors({ reverse: true });
});
