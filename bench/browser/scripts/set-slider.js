(([slider, index]) => {
  const begun = performance.now();
  window.dash_clientside.set_props(slider, { value: index });
  return begun;
});
