/* Keys and wheel turn slices; play turns them by itself. */
(function (lamella) {
  'use strict';

  const LEAF = 10;
  const FRAME_MS = 100;
  const WHEEL_STEP = 60;

  let playing = false;
  let due = 0;
  let wheel = 0;

  const ACTIONS = {
    ArrowLeft: () => lamella.viewer.step(-1),
    ArrowRight: () => lamella.viewer.step(1),
    PageUp: () => lamella.viewer.step(-LEAF),
    PageDown: () => lamella.viewer.step(LEAF),
    Home: () => lamella.viewer.go(0),
    End: () => lamella.viewer.end(),
    ' ': () => toggle(),
  };

  function pressed(event) {
    const action = ACTIONS[event.key];
    if (!action || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!lamella.viewer.current() || taken(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== ' ') stop();
    else if (event.repeat) return;
    action();
  }

  /* Whether the key means something else where the focus is. */
  function taken(event) {
    const node = event.target;
    if (!(node instanceof HTMLElement)) return false;
    if (lamella.controls.isField(node)) return true;
    if (node.getAttribute('aria-expanded') === 'true' && node.closest('.mantine-Select-root, .mantine-Select-input')) return true;
    if (node.closest('#dataset-tree, [role=dialog], [role=listbox], [role=menu]')) return true;
    const byKeyboard = node.matches(':focus-visible');
    if (event.key === ' ') return byKeyboard && Boolean(node.closest('button, a, input'));
    return byKeyboard && node.matches('input[type=radio]');
  }

  function toggle() {
    if (playing) stop();
    else play();
  }

  function play() {
    const view = lamella.viewer.current();
    if (!view || view.axis === null) return;
    playing = true;
    label();
    advance();
  }

  function stop() {
    if (!playing) return;
    playing = false;
    clearTimeout(due);
    label();
    lamella.picture.rest();
  }

  function advance() {
    if (!playing) return;
    if (document.hidden) {
      stop();
      return;
    }
    if (lamella.viewer.atEnd()) lamella.viewer.go(0);
    else lamella.viewer.step(1);
  }

  /* The next slice only when this one was seen. */
  function painted() {
    if (!playing) return;
    clearTimeout(due);
    due = setTimeout(advance, FRAME_MS);
  }

  function label() {
    const button = lamella.controls.element('slice-play');
    button.classList.toggle('playing', playing);
    button.setAttribute('aria-label', playing ? 'Pause (space)' : 'Play (space)');
    button.setAttribute('aria-pressed', String(playing));
  }

  /* The wheel over the picture turns slices; with Ctrl it zooms, which Plotly does. */
  function turned(event) {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    stop();
    const lines = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    wheel += event.deltaY * lines;
    const steps = Math.trunc(wheel / WHEEL_STEP);
    if (!steps) return;
    wheel -= steps * WHEEL_STEP;
    lamella.viewer.step(Math.sign(steps) * Math.min(Math.abs(steps), LEAF));
  }

  function connect() {
    document.addEventListener('keydown', pressed, true);
    lamella.controls.element('plot-frame').addEventListener('wheel', turned, { capture: true, passive: false });
  }

  lamella.keys = { connect: connect };
  lamella.play = { playing: () => playing, toggle: toggle, stop: stop, painted: painted };
})((window.lamella = window.lamella || {}));
