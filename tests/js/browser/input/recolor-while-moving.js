(() => {
  const of = lamella.colors.resolve;
  const gate = new Promise((resolve) => {
    window.goOn = resolve;
  });
  lamella.colors.resolve = async (...given) => {
    const mapping = await of(...given);
    await gate;
    return mapping;
  };
  lamella.viewer.setColors({ colorscale: 'viridis' });
  lamella.viewer.goToEnd();
  window.goOn();
});
