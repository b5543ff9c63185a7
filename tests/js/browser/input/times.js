(async () => {
  lamella.player.configure({ speed: 60, direction: -1, end: 'loop', timing: 'real' });
  const begun = performance.now();
  lamella.player.toggle();
  // Callbacks of one frame run in the order of their registration: this one after the player's, at the same time.
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  let now = begun;
  while (now - begun < 1000) now = await frame();
  const index = lamella.viewer.current().position[0];
  lamella.player.toggle();
  return [now - begun, index];
});
