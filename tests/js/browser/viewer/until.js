(([text, argument]) =>
  new Promise((resolve, reject) => {
    const end = performance.now() + WITHIN_MS;
    const poll = () => {
      const found = window[text](argument);
      if (found) resolve(found);
      else if (performance.now() > end) reject(new Error('in vain: ' + text));
      else setTimeout(poll, 30);
    };
    poll();
  }));
