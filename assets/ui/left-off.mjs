/* How a file was left, which is offered when it is opened again, and shown on request alone: by the note, or in the palette. */

import { parseLink } from '../model/address.mjs';
import { formatLink } from '../model/link-text.mjs';
/** @import { Recent, RecentView } from '../data/recent.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { Actions } from './actions.mjs' */
/** @import { Status } from './status.mjs' */

/** @typedef {ReturnType<typeof createLeftOff>} LeftOff */

const NOTE = 'left';

/** `show(link)` opens what a link names.
 * @param {{recent: Pick<Recent, 'of' | 'opened'>, status: Pick<Status, 'note' | 'clearNote'>, actions: Pick<Actions, 'add'>,
 *   show: (link: string) => void}} parts */
export function createLeftOff({ recent, status, actions, show }) {
  /** @type {RecentView | null} */
  let last = null;
  let file = '';

  /** A view is opened. @param {View} view @param {string | null} [chosen] The dataset that was chosen by its name alone, null
   * for a file's main one; undefined for what a link says. @param {boolean} [isQuiet] Whether something else is said. */
  function opened(view, chosen, isQuiet = false) {
    const link = formatLink(view);
    if (view.file !== file) {
      file = view.file;
      const found = chosen === undefined ? null : recent.of(file, chosen);
      last = found && found.link !== link ? found : null;
      if (last && !isQuiet) status.note(textOf(last), NOTE, 'Show it again', again);
    }
    if (chosen !== undefined) recent.opened(link);
  }

  function again() {
    const found = last;
    last = null;
    status.clearNote(NOTE);
    if (found) show(found.link);
  }

  actions.add(() => last ? [{ group: 'View', title: 'Show the file as it was left', run: again }] : []);

  return {
    opened,
    /* Who goes on does not want it. */
    moved: () => status.clearNote(NOTE),
  };
}

/** @param {RecentView} view */
function textOf({ dataset, link }) {
  const { index } = parseLink(link);
  return 'This file was left at ' + (index === null ? '' : 'slice ' + index + ' of ') + dataset + '.';
}
