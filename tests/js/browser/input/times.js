(async () => {
  lamella.player.configure({ speed: 60, direction: -1, end: 'loop', timing: 'real' });
  const begun = performance.now();
  lamella.player.toggle();
  await new Promise((next) => setTimeout(next, 1000));
  lamella.player.toggle();
  return [performance.now() - begun, lamella.viewer.current().position[0]];
});
