/* The only script that Dash adds to the page: it registers what Dash calls, and loads the modules. Functions have to be
   there before Dash's renderer starts, and modules come later: what is called until then waits for them. */
(() => {
  'use strict';

  const CALLBACKS = [
    'index',
    'axis',
    'fixed',
    'pool',
    'part',
    'colours',
    'mode',
    'bounds',
    'playing',
    'drag',
    'tree',
    'press',
    'dialog',
    'panels',
  ];

  const main = import('./main.mjs');
  let modules = null;
  let started = null;
  let callbacks = null;

  main.then((loaded) => {
    modules = loaded;
  });

  const register = (name) => (...values) => {
    // Dash takes its context away when the function returns.
    const triggered = globalThis.dash_clientside.callback_context.triggered.map(({ prop_id: prop }) => prop);
    if (callbacks) callbacks[name](values, triggered);
    else if (started) started.then(() => callbacks[name](values, triggered));
  };

  globalThis.dash_clientside = Object.assign({}, globalThis.dash_clientside, {
    lamella: Object.assign(Object.fromEntries(CALLBACKS.map((name) => [name, register(name)])), {
      start: (config) => {
        started = main.then(({ start }) => {
          callbacks = start(config);
        });
      },
    }),
  });

  // Nodes of the tree are made by the modules; options of a list may be drawn before they are there.
  const draw = (name) => (payload) => (modules ? modules.renderers[name](payload) : null);
  globalThis.dashMantineFunctions = Object.assign(globalThis.dashMantineFunctions || {}, {
    lamellaNode: draw('lamellaNode'),
    lamellaScale: draw('lamellaScale'),
  });
})();
