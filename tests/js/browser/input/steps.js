(async () => {
  const steps = [];
  for (let i = 0; i < 75; i += 1) {
    document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    await new Promise((next) => setTimeout(next, 33));
    steps.push(lamella.machine.state().painted?.step ?? null);
  }
  return steps;
});
