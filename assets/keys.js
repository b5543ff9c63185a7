/* Keys, wheel and finger turn slices. */
(function (lamella) {
  'use strict';

  const LEAF = 10;
  const WHEEL_STEP = 60;
  // A finger's way for one slice (px).
  const FINGER_STEP = 7;

  let wheel = 0;

  const ACTIONS = {
    ArrowLeft: () => lamella.viewer.step(-1),
    ArrowRight: () => lamella.viewer.step(1),
    PageUp: () => lamella.viewer.step(-LEAF),
    PageDown: () => lamella.viewer.step(LEAF),
    Home: () => lamella.viewer.go(0),
    End: () => lamella.viewer.end(),
    ' ': () => lamella.play.toggle(),
  };

  function pressed(event) {
    const action = ACTIONS[event.key];
    if (!action || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!lamella.viewer.current() || taken(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key !== ' ') lamella.play.stop();
    else if (event.repeat) return;
    action();
  }

  /* Whether the key means something else where the focus is. */
  function taken(event) {
    const node = event.target;
    if (!(node instanceof HTMLElement)) return false;
    if (lamella.controls.isField(node)) return true;
    if (node.hasAttribute('data-expanded')) return true;
    if (node.closest('#dataset-tree, [role=dialog], [role=listbox], [role=menu]')) return true;
    const byKeyboard = node.matches(':focus-visible');
    if (event.key === ' ') return byKeyboard && Boolean(node.closest('button, a, input'));
    return byKeyboard && node.matches('input[type=radio]');
  }

  /* The wheel over the picture turns slices; with Ctrl it zooms, which Plotly does. */
  function turned(event) {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    lamella.play.stop();
    const lines = event.deltaMode === 1 ? 40 : event.deltaMode === 2 ? 400 : 1;
    wheel += event.deltaY * lines;
    const steps = Math.trunc(wheel / WHEEL_STEP);
    if (!steps) return;
    wheel -= steps * WHEEL_STEP;
    lamella.viewer.step(Math.sign(steps) * Math.min(Math.abs(steps), LEAF));
  }

  /* A finger that goes sideways over the picture turns slices; up and down it scrolls the page. */
  function fingers(frame) {
    let down = null;
    frame.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'touch') return;
      down = event.isPrimary ? { id: event.pointerId, x: event.clientX } : null;
    }, true);
    frame.addEventListener('pointermove', (event) => {
      if (!down || event.pointerId !== down.id) return;
      const steps = Math.trunc((event.clientX - down.x) / FINGER_STEP);
      if (!steps) return;
      down.x += steps * FINGER_STEP;
      lamella.play.stop();
      lamella.viewer.step(steps);
    }, true);
    const up = (event) => {
      if (down && event.pointerId === down.id) down = null;
    };
    frame.addEventListener('pointerup', up, true);
    frame.addEventListener('pointercancel', up, true);
  }

  function connect() {
    const frame = lamella.controls.element('plot-frame');
    document.addEventListener('keydown', pressed, true);
    frame.addEventListener('wheel', turned, { capture: true, passive: false });
    fingers(frame);
  }

  lamella.keys = { connect: connect };
})((window.lamella = window.lamella || {}));
