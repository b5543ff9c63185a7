(() =>
  [...document.querySelectorAll('#panels .js-plotly-plot')].every((gd) =>
    Math.abs(gd.querySelector('.main-svg').width.baseVal.value - gd.clientWidth) < 1
  ));
