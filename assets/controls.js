/* The controls' values, written and heard. The view is the truth: a control that the user works is heard,
   every other change is written to it. */
(function (lamella) {
  'use strict';

  // While the page is being loaded Dash took up to 0.8 s here, on a machine with nothing else to do.
  const ECHO_MS = 10000;

  // What was written lately: Dash calls back for it as if the user had done it.
  const echoes = {};
  const last = {};
  let held = null;

  const element = (id) => document.getElementById(id);

  function set(id, props) {
    window.dash_clientside.set_props(id, props);
  }

  /* Write a control's value (or what `prop` names) unless it has it. */
  function put(id, value, prop) {
    const name = prop || 'value';
    const key = id + '.' + name;
    if (same(last[key], value)) return;
    if (inHand(id)) return;
    last[key] = value;
    (echoes[key] = echoes[key] || []).push({ value: value, at: performance.now() });
    set(id, { [name]: value });
  }

  /* Whether `value` of a callback is the user's doing. */
  function heard(id, value, prop) {
    const key = id + '.' + (prop || 'value');
    const now = performance.now();
    const list = (echoes[key] || []).filter((echo) => now - echo.at < ECHO_MS);
    const at = inHand(id) ? -1 : list.findIndex((echo) => same(echo.value, value));
    echoes[key] = at < 0 ? list : list.slice(at + 1);
    // Some controls tell the same value once more when they have thought about it.
    if (at >= 0 || (same(last[key], value) && !inHand(id))) return false;
    last[key] = value;
    return true;
  }

  function same(a, b) {
    return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
  }

  /* Whether the user is at this control just now: it is not written then. */
  function inHand(id) {
    if (held === id) return true;
    const focused = document.activeElement;
    return Boolean(focused && focused.id === id && isField(focused));
  }

  function isField(node) {
    if (!(node instanceof HTMLElement)) return false;
    if (node.isContentEditable || node.tagName === 'TEXTAREA') return true;
    return node.tagName === 'INPUT' && !node.readOnly &&
      !['radio', 'checkbox', 'button', 'range', 'submit'].includes(node.type);
  }

  function connect(onRelease) {
    document.addEventListener('pointerdown', (event) => {
      held = event.target instanceof Element && event.target.closest('#slice-slider') ? 'slice-slider' : null;
    }, true);
    const release = () => {
      if (!held) return;
      held = null;
      lamella.focus.soon();
      onRelease();
    };
    document.addEventListener('pointerup', () => setTimeout(release, 0), true);
    document.addEventListener('pointercancel', release, true);
    document.addEventListener('focusout', () => setTimeout(onRelease, 0), true);
  }

  function show(id, on) {
    element(id).classList.toggle('hidden', !on);
  }

  function text(id, value) {
    const node = element(id);
    if (node && node.textContent !== value) node.textContent = value;
  }

  /* All controls as a view has them. */
  function sync(view) {
    const rank = view.shape.length;
    show('axis-field', view.axis !== null);
    if (view.axis !== null) {
      set('axis-select', {
        data: view.shape.map((n, d) => ({ value: String(d), label: rank > 4 ? String(d) : d + ' · ' + n })),
        disabled: false,
      });
      put('axis-select', String(view.axis));
    }
    for (let d = 0; d < lamella.config.maxRank; d += 1) {
      const fixed = d < rank && d !== view.axis && d !== view.rows && d !== view.cols;
      show('fixed-index-' + d + '-field', fixed);
      if (fixed) {
        set('fixed-index-' + d, { max: view.shape[d] - 1 });
        put('fixed-index-' + d, view.position[d]);
      }
    }
    const end = view.axis === null ? 0 : view.shape[view.axis] - 1;
    const still = view.axis === null || end === 0;
    set('slice-slider', { min: 0, max: Math.max(end, 1), disabled: still });
    set('index-input', { max: end, disabled: still });
    ['slice-previous', 'slice-next', 'slice-play'].forEach((id) => set(id, { disabled: still }));
    text('index-last', view.axis === null ? '' : 'of ' + end);
    show('part-field', view.complex);
    if (view.complex) put('part-select', view.part);
    put('pool-select', lamella.address.pool(view));
    colours(view);
    place(view);
  }

  /* Nothing is chosen. */
  function clear() {
    ['slice-slider', 'index-input', 'axis-select', 'slice-previous', 'slice-next', 'slice-play']
      .forEach((id) => set(id, { disabled: true }));
    text('index-last', '');
    show('axis-field', false);
    for (let d = 0; d < lamella.config.maxRank; d += 1) show('fixed-index-' + d + '-field', false);
    put('slice-slider', 0);
    put('index-input', '');
  }

  function place(view) {
    follow(view);
    const index = view.axis === null ? 0 : view.position[view.axis];
    put('slice-slider', index);
    put('index-input', index);
  }

  /* Slider and number field as the view moves. Written past React, which takes 25 ms for both and hears of the
     same values when the view rests. */
  function follow(view) {
    if (view.axis === null) return;
    const index = view.position[view.axis];
    const end = view.shape[view.axis] - 1;
    const field = element('index-input');
    if (!inHand('index-input') && field.value !== String(index)) field.value = String(index);
    const thumb = document.querySelector('#slice-slider [role=slider]');
    if (inHand('slice-slider') || !thumb) return;
    const share = (100 * index) / Math.max(end, 1) + '%';
    thumb.setAttribute('aria-valuenow', String(index));
    thumb.style.setProperty('--slider-thumb-offset', share);
    const bar = document.querySelector('#slice-slider .mantine-Slider-bar');
    bar.style.setProperty('--slider-bar-width', 'calc(' + share + ' + 2 * var(--slider-size))');
  }

  function colours(view) {
    put('colorscale-select', view.colorscale);
    put('colorscale-reverse', view.reverse, 'checked');
    put('norm-select', view.norm);
    put('window-mode', Array.isArray(view.window) ? 'manual' : view.window);
    document.documentElement.style.setProperty('--scale', lamella.scale.gradient(view.colorscale, view.reverse));
  }

  /* The ends of the window that is in force, to start from when it is set by hand. */
  function bounds(view, look) {
    const manual = Array.isArray(view.window);
    element('window-control').classList.toggle('manual', manual);
    if (!manual) return;
    put('window-lo', lamella.scale.bound(look.lo, look.lo, look.hi));
    put('window-hi', lamella.scale.bound(look.hi, look.lo, look.hi));
  }

  lamella.controls = {
    connect: connect,
    put: put,
    heard: heard,
    sync: sync,
    clear: clear,
    place: place,
    follow: follow,
    colours: colours,
    bounds: bounds,
    set: set,
    show: show,
    text: text,
    isField: isField,
    element: element,
    setFixed: (view, d) => put('fixed-index-' + d, view.position[d]),
  };
})((window.lamella = window.lamella || {}));
