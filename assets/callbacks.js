/* What Dash calls when a control changes; see the graph in dashboard/web/viewer.py. */
(function (lamella) {
  'use strict';

  const heard = (id, value, prop) => lamella.controls.heard(id, value, prop);

  function numberOr(text) {
    const trimmed = String(text === null || text === undefined ? '' : text).trim().replace('−', '-');
    return trimmed === '' ? NaN : Number(trimmed);
  }

  function manual(lo, hi) {
    const low = numberOr(lo);
    const high = numberOr(hi);
    let sentence = '';
    if (!Number.isFinite(low) || !Number.isFinite(high)) sentence = 'The window needs two numbers.';
    else if (low >= high) sentence = 'The lower end has to be below the upper one.';
    lamella.controls.text('window-error', sentence);
    if (!sentence) lamella.viewer.setColours({ window: [low, high] });
  }

  const actions = {
    'tree-toggle': () => lamella.shell.toggleTree(),
    'tree-reload': () => {
      lamella.residency.now();
      return lamella.tree.reload();
    },
    'panels-toggle': () => lamella.shell.fold(),
    'attributes-button': () => {
      const view = lamella.viewer.current();
      if (!view) return;
      lamella.controls.set('attributes-of', { data: { file: view.file, dataset: view.dataset } });
      lamella.controls.set('attributes-drawer', { opened: true });
    },
    'zoom-reset': () => lamella.viewer.showAll(),
    'plot-retry': () => lamella.notice.again(),
    'plot-leave': () => lamella.viewer.cancel(),
    'plot-offer': () => lamella.notice.take(),
    'plot-files': () => lamella.shell.toggleTree(),
    'plot-note-action': () => lamella.notice.act(),
    'plot-note-close': () => lamella.notice.unnote(),
    'plot-cancel': () => lamella.viewer.cancel(),
    'slice-previous': () => lamella.viewer.step(-1),
    'slice-next': () => lamella.viewer.step(1),
    'slice-play': () => lamella.play.toggle(),
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    lamella: {
      start: (config) => {
        lamella.shell.start(config);
      },
      index: (slider, field) => {
        const id = window.dash_clientside.callback_context.triggered_id;
        const value = id === 'slice-slider' ? slider : field;
        if (typeof value === 'number' && heard(id, value)) lamella.viewer.go(value);
      },
      axis: (value) => {
        if (heard('axis-select', value)) lamella.viewer.setAxis(Number(value));
      },
      fixed: (...values) => {
        window.dash_clientside.callback_context.triggered.forEach(({ prop_id: name }) => {
          const id = name.split('.')[0];
          const d = Number(id.split('-').pop());
          if (typeof values[d] === 'number' && heard(id, values[d])) lamella.viewer.setFixed(d, values[d]);
        });
      },
      pool: (value) => {
        if (heard('pool-select', value)) lamella.viewer.setPool(value);
      },
      part: (value) => {
        if (heard('part-select', value)) lamella.viewer.setPart(value);
      },
      colours: (colorscale, reverse, norm) => {
        const user = [heard('colorscale-select', colorscale), heard('colorscale-reverse', reverse, 'checked'),
          heard('norm-select', norm)];
        if (user.some(Boolean)) lamella.viewer.setColours({ colorscale: colorscale, reverse: reverse, norm: norm });
      },
      mode: (value) => {
        if (!heard('window-mode', value)) return;
        if (value === 'manual') lamella.viewer.setByHand();
        else lamella.viewer.setColours({ window: value });
      },
      bounds: (lo, hi) => {
        const user = [heard('window-lo', lo), heard('window-hi', hi)];
        if (user.some(Boolean)) manual(lo, hi);
      },
      playing: (speed, direction, end, timing) => lamella.play.set({
        speed: Number(speed), direction: Number(direction), end: end, timing: timing,
      }),
      drag: (value) => lamella.plot.drag(value),
      tree: (selected, expanded) => {
        const changed = window.dash_clientside.callback_context.triggered.map((t) => t.prop_id.split('.')[1]);
        if (changed.includes('expanded')) lamella.tree.opened(expanded);
        if (changed.includes('selected')) lamella.tree.selected(selected);
      },
      press: () => {
        const action = actions[window.dash_clientside.callback_context.triggered_id];
        if (action) action();
        // The button may be gone, and the focus with it.
        if (!document.activeElement || document.activeElement === document.body || !document.activeElement.offsetParent) {
          lamella.focus.soon();
        }
      },
      dialog: (opened) => {
        if (opened === false) lamella.focus.picture();
      },
      panels: (parts) => lamella.panels.put(parts),
    },
  });

  window.dashMantineFunctions = Object.assign(window.dashMantineFunctions || {}, {
    lamellaScale: (payload) => {
      const h = window.React.createElement;
      return h('div', { className: 'scale-option' },
        h('span', { className: 'swatch', style: { background: lamella.scale.gradient(payload.option.value, false) } }),
        h('span', null, payload.option.label));
    },
  });
})((window.lamella = window.lamella || {}));
