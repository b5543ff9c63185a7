/* Where one is: the address bar, the title, the crumb in the header, and the links to the slice itself. */
(function (lamella) {
  'use strict';

  /* Put the view into the address bar; `how` is push, replace or none. */
  function remember(view, how) {
    if (!view) return;
    const index = view.axis === null ? '' : view.position[view.axis] + ' · ';
    document.title = index + view.dataset + ' · ' + view.file + ' · Lamella';
    const address = location.pathname + lamella.address.format(view);
    if (how === 'none' || address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  function downloads(view) {
    const query = {
      file: view.file, dataset: view.dataset, selection: lamella.address.selection(view), part: view.part,
    };
    const name = (view.file + view.dataset + '_' + query.selection).replace(/[^\w.-]+/g, '_').replace(/_+$/, '');
    const look = lamella.look.last();
    const colours = {
      window: Array.isArray(view.window) && look ? [look.lo, look.hi].join(',') : view.window,
      norm: look ? look.norm : view.norm,
    };
    const link = (id, format, more) => lamella.controls.set(id, {
      href: lamella.source.url('/api/v1/slice', Object.assign({}, query, { format: format }, more)),
      download: name + '.' + format,
    });
    link('download-png', 'png', colours);
    link('download-npy', 'npy', {});
  }

  function crumb(view) {
    const node = lamella.controls.element('crumb');
    node.replaceChildren();
    const part = (text, name) => {
      const span = document.createElement('span');
      span.className = name;
      span.textContent = text;
      node.append(span);
    };
    part(view.file, 'crumb-file');
    part(view.dataset, 'crumb-dataset');
    part(view.shape.join(' × '), 'crumb-shape');
    part(view.dtype, 'crumb-shape');
    node.title = view.file + ' · ' + view.dataset;
  }

  /* For those who hear the page. */
  function tell(view) {
    const where = view.axis === null ? '' : 'Slice ' + view.position[view.axis] + ' of axis ' + view.axis + ', ';
    lamella.controls.text('status', where + view.dataset + ' of ' + view.file);
  }

  lamella.place = { remember: remember, downloads: downloads, crumb: crumb, tell: tell };
})((window.lamella = window.lamella || {}));
