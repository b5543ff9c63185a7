/* The only script that Dash adds to the page: it registers what Dash calls, and loads the modules. Functions have to be
   there before Dash's renderer starts, and modules come later: what is called until then waits for them. */
(() => {
  'use strict';

  const CALLBACKS = [
    'index',
    'axis',
    'sides',
    'range',
    'voxel',
    'aspect',
    'kind',
    'labels',
    'overlay',
    'opacity',
    'project',
    'decode',
    'pool',
    'part',
    'colours',
    'mode',
    'bounds',
    'playing',
    'press',
    'dialog',
    'panels',
  ];

  // Longer than Dash takes on most machines and links (ms); where it comes later, the sentence goes.
  const LATE_MS = 60_000;

  const main = import('./main.mjs');

  /* What the page cannot say by itself: its files are of another state than the server, or cannot be loaded.
     `error` is for the console. */
  /** @param {unknown} error */
  function fail(error) {
    console.error(error);
    document.querySelector('.early')?.remove();
    if (document.querySelector('.page-notice')) return;
    const again = document.createElement('a');
    again.textContent = 'Load it again';
    again.href = location.href;
    const notice = document.createElement('div');
    notice.className = 'page-notice';
    notice.setAttribute('role', 'alert');
    notice.append(
      'The page could not be started. ',
      again,
      '; if Lamella was updated, its server has to be restarted first.',
    );
    document.body.append(notice);
  }

  /**
   * @typedef {Awaited<typeof main>} Main
   * @typedef {ReturnType<Main['start']>} Callbacks
   */
  /** @type {Main | null} */
  let modules = null;
  /** @type {Promise<void> | null} */
  let started = null;
  /** @type {Callbacks | null} */
  let callbacks = null;

  // Without a part of Dash nothing of the page is drawn, and nobody says so.
  setTimeout(() => started || fail(new Error('Dash has not drawn the page')), LATE_MS);

  main.then((loaded) => {
    modules = loaded;
  }, fail);

  /** @param {string} name @returns {(...values: DashProps[]) => void} */
  const register = (name) => (...values) => {
    // Dash takes its context away when the function returns.
    const triggered = globalThis.dash_clientside.callback_context.triggered.map(({ prop_id: prop }) => prop);
    if (callbacks) callbacks[name](values, triggered);
    else if (started) started.then(() => callbacks?.[name](values, triggered));
  };

  globalThis.dash_clientside = Object.assign({}, globalThis.dash_clientside, {
    lamella: Object.assign(Object.fromEntries(CALLBACKS.map((name) => [name, register(name)])), {
      /** @param {Parameters<Main['start']>[0]} config */
      start: (config) => {
        document.querySelector('.page-notice')?.remove();
        started = main.then(({ start }) => {
          callbacks = start(config);
        }).catch(fail);
      },
    }),
  });

  // Options of a list may be drawn before the modules are there.
  /** @param {string} name @returns {(payload: DashProps) => object | null} */
  const draw = (name) => (payload) => (modules ? modules.renderers[name](payload) : null);
  globalThis.dashMantineFunctions = Object.assign(globalThis.dashMantineFunctions || {}, {
    lamellaScale: draw('lamellaScale'),
  });
})();
