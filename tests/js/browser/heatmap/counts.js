(async () => {
  const living = new Set();
  const { createObjectURL: make, revokeObjectURL: drop } = URL;
  let made = 0;
  let most = 0;
  URL.createObjectURL = (blob) => {
    const address = make.call(URL, blob);
    living.add(address);
    made += 1;
    most = Math.max(most, living.size);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    living.delete(address);
    drop.call(URL, address);
  };
  lamella.config.restDelay = 0;
  const frame = document.getElementById('plot-frame');
  for (let i = 0; i < 20; i += 1) {
    if (i % 3) lamella.viewer.step(1);
    else lamella.viewer.setColors({ reverse: i % 2 === 0 });
    await new Promise((drawn) => {
      const done = () => made > i && frame.getAttribute('aria-busy') === 'false';
      const poll = () => (done() ? drawn() : setTimeout(poll));
      poll();
    });
  }
  return [made, most, living.size];
});
