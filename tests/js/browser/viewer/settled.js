((count) =>
  new Promise((resolve, reject) => {
    const end = performance.now() + 45000;
    const look = () => {
      const frame = document.getElementById('plot-frame');
      const busy = !frame || frame.getAttribute('aria-busy') !== 'false';
      if (!busy && window.painted.length >= count) resolve(null);
      else if (performance.now() > end) reject(new Error('the page is still busy'));
      else requestAnimationFrame(look);
    };
    // What was pressed just now is heard before this looks for the first time.
    setTimeout(look, 50);
  }));
