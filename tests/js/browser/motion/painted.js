(() =>
  new Promise((done) => {
    lamella.viewer.setColors({ reverse: true });
    const poll = () => {
      if (document.getElementById('plot-frame').classList.contains('moving')) {
        const { width, height } = document.getElementById('slice-canvas');
        const context = document.getElementById('slice-canvas').getContext('2d');
        const { buffer } = context.getImageData(0, 0, width, height).data;
        done([width, height, new Uint8Array(buffer).toBase64()]);
      } else setTimeout(poll);
    };
    poll();
  }));
