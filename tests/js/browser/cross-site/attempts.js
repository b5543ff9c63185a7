(async ([target, png]) => {
  const element = (name, set) =>
    new Promise((resolve) => {
      const made = document.createElement(name);
      made.onload = () => resolve(made.naturalWidth === 0 ? 'nothing' : 'loaded');
      made.onerror = () => resolve('nothing');
      set(made);
      document.body.append(made);
    });
  const fetched = (path, options) =>
    fetch(target + path, options).then(
      async (response) => `fetched ${response.type} ${(await response.blob()).size}`,
      () => 'nothing',
    );
  const framed = (set) =>
    new Promise((resolve) => {
      const frame = document.createElement('iframe');
      frame.name = `frame${document.querySelectorAll('iframe').length}`;
      document.body.append(frame);
      frame.onload = () => {
        let text = 'nothing';
        try {
          text = frame.contentDocument.body.textContent || 'nothing';
        } catch { /* another origin's */ }
        resolve(text);
      };
      set(frame);
    });
  return {
    image: await element('img', (made) => {
      made.src = target + png;
    }),
    credentialed: await element('img', (made) => {
      made.crossOrigin = 'anonymous';
      made.src = target + png;
    }),
    script: await element('script', (made) => {
      made.src = `${target}/assets/data/frame-cache.mjs`;
    }),
    style: await element('link', (made) => {
      Object.assign(made, { rel: 'stylesheet', href: `${target}/assets/css/10-base.css` });
    }),
    opaque: await fetched(png, { mode: 'no-cors' }),
    read: await fetched('/api/v1/files', {}),
    health: await fetched('/healthz', { mode: 'no-cors' }),
    posted: await fetched('/api/v1/telemetry', { method: 'POST', mode: 'no-cors', body: '{}' }),
    preflight: await fetched('/api/v1/telemetry', { method: 'POST', headers: { 'X-Y': 'z' }, body: '{}' }),
    frame: await framed((frame) => {
      frame.src = `${target}/`;
    }),
    form: await framed((frame) => {
      const form = document.createElement('form');
      Object.assign(form, { method: 'POST', action: `${target}/api/v1/telemetry`, target: frame.name });
      document.body.append(form);
      form.submit();
    }),
  };
});
