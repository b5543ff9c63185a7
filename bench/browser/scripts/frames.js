/* Records the times between animation frames (ms) until it is called again, which returns them. */
(() => {
  if (window.framesBetween) {
    const found = window.framesBetween;
    window.framesBetween = null;
    return found;
  }
  const between = [];
  window.framesBetween = between;
  let last = null;
  const next = (now) => {
    if (last !== null) between.push(now - last);
    last = now;
    if (window.framesBetween === between) requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
  return [];
});
