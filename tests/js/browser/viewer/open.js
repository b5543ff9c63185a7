/* Follow a link as a page that was just loaded would: nothing is fetched ahead, chosen, painted or unreported. */
(async (link) => {
  const frame = () => new Promise((next) => requestAnimationFrame(next));
  const { machine, picture, player, scrubber, viewer } = lamella;
  player.stop();
  lamella.config.restDelay = 250;
  // What is being drawn gets its mark before those of the link.
  for (let i = 0; i < 60 && machine.state().phase === 'settling'; i += 1) await frame();
  picture.halt();
  await frame();
  await frame();
  const plain = { window: 'volume', norm: 'linear', colorscale: 'gray', reverse: false, centre: null, clip: false };
  viewer.setColors(plain);
  localStorage.removeItem('lamella-colors');
  viewer.setPool('mean');
  document.getElementById('tab-display').click();
  document.activeElement.blur();
  history.pushState(null, '', '/' + link);
  dispatchEvent(new PopStateEvent('popstate'));
  // Requests were aborted with that. A slice that is on the screen already is painted anew.
  machine.send('broken');
  machine.send('outdated');
  scrubber.dropFrames();
  // A page that is left reports what it has painted.
  dispatchEvent(new Event('pagehide'));
  window.markObserver.takeRecords();
  window.painted = [];
});
