((count) =>
  new Promise((resolve, reject) => {
    const end = performance.now() + WITHIN_MS;
    const poll = () => {
      const frame = document.getElementById('plot-frame');
      const busy = !frame || frame.getAttribute('aria-busy') !== 'false';
      if (!busy && window.painted.length >= count) resolve(null);
      else if (performance.now() > end) reject(new Error('the page is still busy'));
      else requestAnimationFrame(poll);
    };
    // What was pressed just now is handled before the first poll.
    setTimeout(poll, 50);
  }));
