/* Records until it is called again, which returns them: the times between animation frames, and the work of those in which
   the pointer moved, from the first handler until the frame is painted (ms). */
(() => {
  if (window.framesFound) {
    const found = window.framesFound;
    window.framesFound = null;
    return { between: found.between, work: found.work };
  }
  const found = { between: [], work: [], begun: 0 };
  window.framesFound = found;
  let last = null;
  const onMove = () => {
    found.begun = found.begun || performance.now();
  };
  addEventListener('pointermove', onMove, true);
  /* What was drawn is painted when the next task begins. */
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => found.work.push(performance.now() - data);
  const next = (now) => {
    if (last !== null) found.between.push(now - last);
    last = now;
    if (found.begun) channel.port2.postMessage(found.begun);
    found.begun = 0;
    if (window.framesFound === found) requestAnimationFrame(next);
    else {
      removeEventListener('pointermove', onMove, true);
      channel.port1.close();
    }
  };
  requestAnimationFrame(next);
  return null;
});
