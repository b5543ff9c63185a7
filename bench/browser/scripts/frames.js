/* Records until it is called again, which returns them: the times between animation frames, the work of those in which the
   pointer moved, from the first handler until the frame is painted (ms), and when painted frames changed what a selector finds. */
((selector) => {
  if (window.framesFound) {
    const { between, work, changes } = window.framesFound;
    window.framesFound = null;
    return { between, work, changes };
  }
  const found = { between: [], work: [], changes: [], begun: 0, hasChanged: false };
  window.framesFound = found;
  let last = null;
  const onMove = () => {
    found.begun = found.begun || performance.now();
  };
  addEventListener('pointermove', onMove, true);
  const watched = selector && document.querySelector(selector);
  const observer = new MutationObserver(() => {
    found.hasChanged = true;
  });
  if (watched) observer.observe(watched, { subtree: true, childList: true, attributes: true });
  /* What was drawn is painted when the next task begins. */
  const channel = new MessageChannel();
  channel.port1.onmessage = ({ data }) => {
    if (data.begun) found.work.push(performance.now() - data.begun);
    if (data.hasChanged) found.changes.push(performance.now());
  };
  const next = (now) => {
    if (last !== null) found.between.push(now - last);
    last = now;
    const { begun, hasChanged } = found;
    if (begun || hasChanged) channel.port2.postMessage({ begun, hasChanged });
    Object.assign(found, { begun: 0, hasChanged: false });
    if (window.framesFound === found) requestAnimationFrame(next);
    else {
      removeEventListener('pointermove', onMove, true);
      observer.disconnect();
      channel.port1.close();
    }
  };
  requestAnimationFrame(next);
  return null;
});
