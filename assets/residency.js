/* The band under the slider: which slices are decoded, planned ahead, and under way. It is asked for every two seconds,
   moving or not, so that it also tells when the file has become another one. */
(function (lamella) {
  'use strict';

  const AGAIN_MS = 2000;

  let timer = 0;
  let asked = null;
  let drawn = '';

  /* The view is at rest, or there is none. */
  function look(view) {
    if (!view || view.axis === null) draw({}, 1);
    now();
  }

  function now() {
    clearTimeout(timer);
    if (asked) asked.abort();
    const mine = new AbortController();
    asked = mine;
    poll(mine.signal).finally(() => {
      if (asked === mine) timer = setTimeout(now, AGAIN_MS);
    });
  }

  async function poll(signal) {
    const view = lamella.viewer.current();
    if (!view || document.hidden) return;
    const { generation, axis } = view;
    const length = axis === null ? 1 : view.shape[axis];
    let found = {};
    let failure = null;
    try {
      found = await ask(view, signal);
    } catch (error) {
      if (error.name === 'AbortError') return;
      failure = error;
    }
    const same = lamella.viewer.current();
    if (!same || same.generation !== generation) return;
    if (same.axis === axis) draw(found, length);
    lamella.viewer.heartbeat(failure);
  }

  /* Of two dimensions nothing is planned: one voxel tells the version. */
  async function ask(view, signal) {
    const query = { file: view.file, dataset: view.dataset };
    if (view.axis === null) {
      const voxel = lamella.source.url('/api/v1/slice', Object.assign(query, { selection: '0:1,0:1' }));
      await lamella.source.ask(voxel, { signal: signal }, view.generation);
      return {};
    }
    const band = lamella.source.url('/api/v1/residency', Object.assign(query, {
      selection: lamella.address.selection(view), axis: view.axis, viewer: lamella.viewerId,
    }));
    return (await lamella.source.ask(band, { signal: signal }, view.generation)).json();
  }

  function draw(found, length) {
    const text = JSON.stringify([found, length]);
    if (text === drawn) return;
    drawn = text;
    const band = lamella.controls.element('residency');
    band.replaceChildren();
    ['ahead', 'coming', 'cached'].forEach((kind) => {
      (found[kind] || []).forEach(([from, end]) => {
        const mark = document.createElement('span');
        mark.className = kind;
        mark.style.left = (100 * from / length) + '%';
        mark.style.width = (100 * (end - from) / length) + '%';
        band.append(mark);
      });
    });
  }

  function connect() {
    document.addEventListener('visibilitychange', () => !document.hidden && now());
  }

  lamella.residency = { connect: connect, look: look, now: now };
})((window.lamella = window.lamella || {}));
