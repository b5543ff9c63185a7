/* The current position: address bar, title and breadcrumb. */

import { encodeValue } from '../model/address.mjs';
import { formatLink } from '../model/link-text.mjs';
import { axisOf, coordinateText, nameOf } from '../model/axes.mjs';
import { valueUnit } from '../model/meaning.mjs';
import { element, setParts, setText } from '../render/dom.mjs';
/** @import { Recent } from '../data/recent.mjs' */
/** @import { DatasetRecord, View } from '../model/view.mjs' */

/**
 * @typedef {'push' | 'replace' | 'none'} HistoryChange What becomes of the address bar.
 * @typedef {ReturnType<typeof createNavigation>} Navigation
 */

/** `recent` are the views that were open before. @param {Pick<Recent, 'add'>} recent */
export function createNavigation(recent) {
  /** Put the view into the address bar. @param {View | null} view @param {HistoryChange} how */
  function updateUrl(view, how) {
    if (!view) return;
    const index = view.axis === null ? '' : view.position[view.axis] + ' · ';
    document.title = index + view.dataset + ' · ' + view.file + ' · Lamella';
    const address = location.pathname + formatLink(view);
    recent.add({ file: view.file, dataset: view.dataset, link: formatLink(view) });
    if (how === 'none' || address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  /** @param {Pick<View, 'file' | 'dataset' | 'shape' | 'dtype' | 'meaning' | 'decode'>} view */
  function renderBreadcrumb(view) {
    setParts('crumb', [
      [view.file, 'crumb-file'],
      [view.dataset, 'crumb-dataset'],
      [view.shape.join(' × '), 'crumb-shape'],
      [[view.dtype, valueUnit(view)].filter(Boolean).join(' · '), 'crumb-shape'],
    ]);
    element('crumb').title = view.file + ' · ' + view.dataset;
  }

  /** The same for a dataset that is shown as rows.
   * @param {string} file @param {DatasetRecord} record @param {HistoryChange} how */
  function showRows(file, { dataset, shape, dtype }, how) {
    renderBreadcrumb({ file, dataset, shape: shape || [], dtype: dtype || '', meaning: null, decode: false });
    document.title = dataset + ' · ' + file + ' · Lamella';
    const address = location.pathname + '?file=' + encodeValue(file) + '&dataset=' + encodeValue(dataset);
    if (how === 'none' || address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  /* No dataset is chosen. */
  function renderNothing() {
    document.title = 'Lamella';
    setParts('crumb', []);
    element('crumb').title = '';
    setText('status', '');
  }

  /** For screen readers. @param {View} view */
  function announce(view) {
    const where = view.axis === null ? [] : [
      'Slice ' + view.position[view.axis] + ' of ' + nameOf(view, view.axis),
      coordinateText(axisOf(view, view.axis), view.position[view.axis]),
    ];
    setText('status', where.concat(view.dataset + ' of ' + view.file).filter(Boolean).join(', '));
  }

  return { updateUrl, renderBreadcrumb, renderNothing, showRows, announce };
}
