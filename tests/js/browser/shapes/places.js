(() =>
  ['.readout', '#plot-frame'].map((name) => {
    const { top, height } = document.querySelector(name).getBoundingClientRect();
    return [top, height];
  }));
