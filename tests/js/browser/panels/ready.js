(() =>
  lamella.panels.isPipelineVisible() && ['latency', 'hit-rate'].every((name) => {
    const gd = document.querySelector('#' + name + '-graph .js-plotly-plot');
    return gd && gd.on && gd._fullLayout && !gd.classList.contains('dash-graph--pending');
  }));
