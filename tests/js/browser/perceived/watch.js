/* From now on `perceived` has the time stamps of keys and clicks, and of painted slices (ms). */
(() => {
  window.perceived = { inputs: [], painted: [] };
  const note = (event) => window.perceived.inputs.push(event.timeStamp);
  addEventListener('keydown', note, true);
  addEventListener('click', note, true);
  new PerformanceObserver((list) => {
    list.getEntries().forEach((entry) => {
      if (entry.name === 'slice-painted') window.perceived.painted.push([entry.detail.index, entry.startTime]);
    });
  }).observe({ type: 'mark' });
});
