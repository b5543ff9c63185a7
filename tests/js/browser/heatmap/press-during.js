(async ([part, name]) => {
  const drawn = [];
  const draw = lamella.plot.draw;
  lamella.plot.draw = (scene, ...rest) => {
    drawn.push(scene.cells.meta.selection);
    return draw(scene, ...rest);
  };
  const press = () => document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
  const before = lamella[part][name];
  let pressed = false;
  lamella[part][name] = (...all) => {
    if (!pressed) press();
    pressed = true;
    return before(...all);
  };
  press();
  await new Promise((seen) => {
    const poll = () => (window.painted.length > 2 ? seen() : setTimeout(poll));
    poll();
  });
  window.drawn = drawn;
  return drawn.slice();
});
