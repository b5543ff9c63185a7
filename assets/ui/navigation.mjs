/* The current position: address bar, title, breadcrumb, and the links to the slice itself. */

import { formatLink } from '../model/address.mjs';
import { selectionOf } from '../model/viewport.mjs';
import { element, setParts, setText } from '../render/dom.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ColorMappings } from '../render/color-mapping.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */

/**
 * @typedef {'push' | 'replace' | 'none'} HistoryChange What becomes of the address bar.
 * @typedef {ReturnType<typeof createNavigation>} Navigation
 */

/** @param {{api: Pick<Api, 'url'>, bridge: Pick<DashBridge, 'set'>, colors: Pick<ColorMappings, 'current'>}} parts */
export function createNavigation({ api, bridge, colors }) {
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
  function updateDownloads(view) {
    const query = {
      file: view.file,
      dataset: view.dataset,
      selection: selectionOf(view),
      part: view.part,
    };
    const name = (view.file + view.dataset + '_' + query.selection).replace(/[^\w.-]+/g, '_').replace(/_+$/, '');
    const mapping = colors.current();
    const colours = {
      window: Array.isArray(view.window) && mapping
        ? [mapping.lo, mapping.hi].join(',')
        : /** @type {string} */ (view.window),
      norm: mapping ? mapping.norm : view.norm,
    };
    /** @param {string} id @param {string} format @param {Record<string, string>} more */
    const link = (id, format, more) =>
      bridge.set(id, {
        href: api.url('/api/v1/slice', Object.assign({}, query, { format }, more)),
        download: name + '.' + format,
      });
    link('download-png', 'png', colours);
    link('download-npy', 'npy', {});
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

  return { updateUrl, updateDownloads, renderBreadcrumb, announce };
}
