((_width) =>
  Math.abs(
    document.querySelector('#slice-graph .main-svg').clientWidth -
      document.getElementById('plot-frame').clientWidth,
  ) <= 1);
