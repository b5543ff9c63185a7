/* The band under the slider: which slices are decoded, planned ahead, and under way. */
(function (lamella) {
  'use strict';

  const AGAIN_MS = 2000;

  let timer = 0;
  let drawn = '';

  function look(view) {
    clearTimeout(timer);
    if (view.axis === null) {
      draw({}, 1);
      return;
    }
    poll(view, lamella.address.selection(view));
  }

  async function poll(view, selection) {
    const current = lamella.viewer.current();
    if (current !== view || lamella.address.selection(view) !== selection || document.hidden) return;
    try {
      const found = await lamella.source.json('/api/v1/residency', {
        file: view.file, dataset: view.dataset, selection: selection, axis: view.axis, viewer: lamella.viewerId,
      });
      if (lamella.viewer.current() === view) draw(found, view.shape[view.axis]);
    } catch (error) {
      draw({}, 1);
      return;
    }
    clearTimeout(timer);
    timer = setTimeout(() => poll(view, selection), AGAIN_MS);
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

  lamella.residency = { look: look };
})((window.lamella = window.lamella || {}));
