/* The frame of the page: the tree's drawer on narrow screens, folding the panels, and the start. */
(function (lamella) {
  'use strict';

  const KEY = 'lamella-panels';

  let treeOpen = false;

  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch (error) {
      return null;
    }
  }

  function folded() {
    return document.documentElement.classList.contains('panels-folded');
  }

  function fold(on) {
    document.documentElement.classList.toggle('panels-folded', on);
    lamella.controls.element('panels-toggle').setAttribute('aria-pressed', String(!on));
    try {
      localStorage.setItem(KEY, on ? 'folded' : 'open');
    } catch (error) {
      // Without storage the choice lasts as long as the page.
    }
    poll();
  }

  /* The panels ask only while somebody can see them. */
  function poll() {
    lamella.controls.set('panels-tick', { disabled: document.hidden || folded() });
  }

  function toggleTree(open) {
    treeOpen = open;
    lamella.controls.set('shell', {
      navbar: Object.assign({}, lamella.config.navbar, { collapsed: { mobile: !open, desktop: false } }),
    });
  }

  function connect() {
    if (remembered() === 'folded') fold(true);
    document.addEventListener('visibilitychange', poll);
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && treeOpen) toggleTree(false);
    });
  }

  /* Called once by Dash, when the page is there. */
  function start(config) {
    lamella.config = config;
    lamella.telemetry.connect();
    lamella.picture.connect();
    lamella.painter.connect();
    lamella.panels.connect();
    connect();
    lamella.focus.connect();
    lamella.versions.connect(lamella.viewer.changed);
    lamella.residency.connect();
    lamella.keys.connect();
    lamella.controls.connect(() => {
      const view = lamella.viewer.current();
      if (view) lamella.controls.place(view);
    });
    if (window.matchMedia('(pointer: coarse)').matches) lamella.plot.drag(false);
    lamella.tree.connect();
    lamella.tree.list().catch(() => undefined);
    // The first slice is fetched while Plotly is still being loaded.
    lamella.plot.connect({
      zoom: lamella.viewer.zoomed,
      reset: lamella.viewer.showAll,
      hover: lamella.readout.hover,
      unhover: lamella.readout.leave,
    });
    lamella.viewer.start();
    window.addEventListener('popstate', lamella.viewer.start);
  }

  lamella.shell = {
    start: start,
    closeTree: () => treeOpen && toggleTree(false),
    toggleTree: () => toggleTree(!treeOpen),
    fold: () => fold(!folded()),
  };
})((window.lamella = window.lamella || {}));
