/* The panels' figures as they come from the ledger. Written past Dash and React, which take longer than drawing them. */
(function (lamella) {
  'use strict';

  const PIPELINE = 'pipeline-panel';
  // Who has not wished for a slice for so long is not about to wish for the next one.
  const QUIET_MS = 500;
  const RETRY_MS = 100;

  const visible = new Set();
  let turns = null;
  let retry = 0;

  function connect() {
    turns = lamella.makeTurns(show, calm, ready, () => performance.now(), (job, ms) => setTimeout(job, ms));
    const observer = new IntersectionObserver((entries) => {
      entries.forEach(({ target, isIntersecting }) => {
        if (isIntersecting) visible.add(target.id);
        else visible.delete(target.id);
      });
      again();
    });
    document.querySelectorAll('#panels > section').forEach((section) => observer.observe(section));
    document.addEventListener('visibilitychange', again);
  }

  /* What nobody could see was put off. */
  function again() {
    lamella.pipeline.again();
    turns.wake();
  }

  function calm() {
    return !lamella.motion.active() && !lamella.play.playing() && lamella.picture.quietFor() >= QUIET_MS;
  }

  /* Whether somebody could see a panel. One that is scrolled away can be read aloud or printed, when nothing moves. */
  function seen(id) {
    if (document.hidden) return false;
    return visible.has(id) || (calm() && lamella.controls.element(id).offsetWidth > 0);
  }

  /* Whether a part can be shown, and be seen. */
  function ready(id) {
    const node = lamella.controls.element(id);
    if (!node.classList.contains('card')) return true;
    if (!seen(id)) return false;
    if (!node.querySelector('.dash-graph') || graph(node)) return true;
    // Dash tells nobody when it has drawn the empty graph.
    clearTimeout(retry);
    retry = setTimeout(turns.wake, RETRY_MS);
    return false;
  }

  /* The graph of a panel, null until Dash has drawn it empty. */
  function graph(node) {
    const gd = node.querySelector('.js-plotly-plot');
    return gd && gd.on && window.Plotly && !gd.classList.contains('dash-graph--pending') ? gd : null;
  }

  /* A part: its id and what is new in it. */
  function show(id, { figure, stages, texts, titles, shares, hidden }) {
    each(texts, (name, text) => lamella.controls.text(name, text));
    each(titles, (name, title) => lamella.controls.element(name).setAttribute('title', title));
    each(shares, share);
    each(hidden, (name, on) => lamella.controls.show(name, !on));
    if (stages) {
      lamella.pipeline.again();
      lamella.pipeline.ledger(stages);
    }
    if (figure) window.Plotly.react(graph(lamella.controls.element(id)), figure.data, figure.layout);
  }

  function each(values, job) {
    Object.entries(values || {}).forEach(([name, value]) => job(name, value));
  }

  /* How far a bar is filled (%). */
  function share(id, percent) {
    const bar = lamella.controls.element(id);
    bar.setAttribute('aria-valuenow', percent.toFixed(0));
    bar.firstElementChild.style.width = percent + '%';
  }

  lamella.panels = {
    connect: connect,
    put: (parts) => turns.put(parts),
    painted: () => turns.painted(),
    pipelineSeen: () => seen(PIPELINE),
  };
})((window.lamella = window.lamella || {}));
