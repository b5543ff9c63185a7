(() => {
  window.lamella.viewer.step(1);
  window.lamella.viewer.setColors({ colorscale: 'magma', norm: 'sqrt' });
});
