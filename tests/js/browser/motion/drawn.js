/* Press a key many times; how long after the last of them (ms) each drawing of the heatmap began. */
(async () => {
  const waits = [];
  let pressed = 0;
  const { draw } = lamella.plot;
  lamella.plot.draw = (...all) => {
    waits.push(performance.now() - pressed);
    return draw(...all);
  };
  for (let i = 0; i < 20; i += 1) {
    pressed = performance.now();
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    await new Promise((next) => setTimeout(next, 80));
  }
  const frame = document.getElementById('plot-frame');
  while (frame.getAttribute('aria-busy') !== 'false') await new Promise((next) => setTimeout(next, 30));
  lamella.plot.draw = draw;
  return waits;
});
