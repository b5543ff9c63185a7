/* Moves the point of three views; returns when it was called (ms). */
((position) => {
  const begun = performance.now();
  window.lamella.viewer.setPoint(position);
  return begun;
});
