(async () => {
  let count = 0;
  const draw = lamella.plot.draw;
  lamella.plot.draw = (...all) => {
    count += 1;
    return draw(...all);
  };
  for (let i = 0; i < 20; i += 1) {
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    await new Promise((next) => setTimeout(next, 80));
  }
  const during = count;
  await new Promise((next) => setTimeout(next, 1500));
  return [during, count];
});
