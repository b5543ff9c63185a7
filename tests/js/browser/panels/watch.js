(() => {
  window.drawings = [];
  if (window.putFigures) return;
  window.putFigures = lamella.panels.update;
  lamella.panels.update = () => undefined;
  const panels = ['latency', 'hit-rate'];
  const graph = (name) => document.querySelector('#' + name + '-graph .js-plotly-plot');
  let task = 0;
  const { react } = Plotly;
  Plotly.react = (gd, ...rest) => {
    const name = panels.find((one) => graph(one) === gd);
    if (name) {
      drawings.push([name, task, performance.now()]);
      setTimeout(() => {
        task += 1;
      });
    }
    return react(gd, ...rest);
  };
  window.newest = () => panels.map((name) => ((graph(name).data || [])[0] || { y: [] }).y[0]).join();
});
