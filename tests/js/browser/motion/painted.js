(() =>
  new Promise((done) => {
    lamella.viewer.setColors({ reverse: true });
    const poll = () => {
      if (document.getElementById('plot-frame').classList.contains('moving')) {
        const { width, height } = document.getElementById('slice-canvas');
        const context = document.getElementById('slice-canvas').getContext('2d');
        done([width, height, Array.from(context.getImageData(0, 0, width, height).data)]);
      } else setTimeout(poll);
    };
    poll();
  }));
