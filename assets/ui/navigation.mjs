/* The current position: address bar, title and breadcrumb. */

import { formatLink } from '../model/address.mjs';
import { element, setParts, setText } from '../render/dom.mjs';
/** @import { View } from '../model/view.mjs' */

/**
 * @typedef {'push' | 'replace' | 'none'} HistoryChange What becomes of the address bar.
 * @typedef {ReturnType<typeof createNavigation>} Navigation
 */

export function createNavigation() {
  /** Put the view into the address bar. @param {View | null} view @param {HistoryChange} how */
  function updateUrl(view, how) {
    if (!view) return;
    const index = view.axis === null ? '' : view.position[view.axis] + ' · ';
    document.title = index + view.dataset + ' · ' + view.file + ' · Lamella';
    const address = location.pathname + formatLink(view);
    if (how === 'none' || address === location.pathname + location.search) return;
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  /** @param {View} view */
  function renderBreadcrumb(view) {
    setParts('crumb', [
      [view.file, 'crumb-file'],
      [view.dataset, 'crumb-dataset'],
      [view.shape.join(' × '), 'crumb-shape'],
      [view.dtype, 'crumb-shape'],
    ]);
    element('crumb').title = view.file + ' · ' + view.dataset;
  }

  /** For screen readers. @param {View} view */
  function announce(view) {
    const where = view.axis === null ? '' : 'Slice ' + view.position[view.axis] + ' of axis ' + view.axis + ', ';
    setText('status', where + view.dataset + ' of ' + view.file);
  }

  return { updateUrl, renderBreadcrumb, announce };
}
