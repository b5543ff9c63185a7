/* Opening datasets: by a link, and again where their file has changed; and what is done when that fails.

   A lookup replaces the one before it. While one is in progress the view is not changed, but for its position where the
   same dataset is read again. A view stays on an old state of its file only if the user has cancelled reading the new
   one. */

import { browserClock } from '../data/clock.mjs';
import { parseLink } from '../model/address.mjs';
import { formatLink } from '../model/link-text.mjs';
import { carryOver, carryTo, describeChanges } from '../model/carry-over.mjs';
import { createView } from '../model/link-view.mjs';
import { CHANGED, describeTarget } from '../model/view.mjs';
import { describeText } from '../model/wait-text.mjs';
/** @import { Failure } from '../data/api.mjs' */
/** @import { Clock } from '../data/clock.mjs' */
/** @import { Datasets, MaybeTarget, Target } from '../data/datasets.mjs' */
/** @import { RememberedColors } from '../data/remembered-colors.mjs' */
/** @import { Versions } from '../data/versions.mjs' */
/** @import { Link } from '../model/address.mjs' */
/** @import { BrowsableDataset, DatasetRecord, Found, View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Picture } from '../render/picture.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { HistoryChange } from './navigation.mjs' */
/** @import { Newest } from './newest.mjs' */
/** @import { Player } from './player.mjs' */
/** @import { Status } from './status.mjs' */
/** @import { Tree } from './tree.mjs' */

/**
 * @typedef {object} OpeningParts
 * @property {ViewStore} store
 * @property {DashBridge} bridge
 * @property {Datasets} datasets
 * @property {Picture} picture
 * @property {Player} player
 * @property {Status} status
 * @property {Tree} tree
 * @property {Pick<Newest, 'isOn' | 'stop'>} newest
 * @property {Versions} versions
 * @property {Pick<RememberedColors, 'of'>} remembered
 * @property {Clock} [clock]
 */

/**
 * @typedef {object} OpeningEvents
 * @property {(made: {view: View, notes: string[]}, history?: HistoryChange, chosen?: string | null) => void} found
 * @property {() => void} refresh
 * @property {() => void} choose
 * @property {(found: {file: string, record: DatasetRecord}, history: HistoryChange) => void} rows
 * @property {() => void} failed
 */

/**
 * @typedef {{again: boolean, changed: boolean}} Lookup Whether it is of the dataset of the view, and whether that is
 *   because its file has changed.
 */

// A file that is written all the time is not read again more often than this.
const READ_AGAIN_MS = 1000;
// Errors that may mean that the file has changed.
const MAYBE_CHANGED = [400, 404, 409, 422];

/** `seen()` is the view on the screen, null before the first. `on` has what is called: found({view, notes}, history)
 * for the view of a link (history push, replace or none) or of a file that was read again (history undefined), where a
 * file or dataset was opened by its name alone with the `chosen` dataset (null for the main one), rows(found, history) for a dataset that is shown as rows, refresh(), failed(), and choose() where a file is to be chosen. @param {OpeningParts & {seen: () => View | null, on: OpeningEvents}} parts */
export function createOpening({
  store,
  bridge,
  datasets,
  newest,
  picture,
  player,
  status,
  tree,
  versions,
  remembered,
  seen,
  on,
  clock = browserClock,
}) {
  const current = store.current;

  /** While a dataset is looked up, else null. @type {Lookup | null} */
  let lookup = null;
  /** Time of the click, or of the start of the page, that a dataset is opened for (ms); null once it is requested.
   * @type {number | null} */
  let openedAt = null;
  // Whether the user stays with the picture of an old state of the file.
  let keepsOld = false;
  /** What to do when a missing file or dataset answers again. @type {(() => void) | null} */
  let onReturn = null;
  /** The generation whose shape was checked because the server had another. @type {number | null} */
  let checked = null;
  let readAt = -Infinity;

  /** A dataset is looked up, `again` when it is the one of the view. Returns whether that is still so.
   * @param {MaybeTarget} target @param {boolean} again @returns {() => boolean} */
  function begin(target, again) {
    const mine = { again, changed: false };
    lookup = mine;
    openedAt = clock.inputTime();
    if (!again) {
      player.stop();
      newest.stop();
    }
    onReturn = null;
    status.clear();
    picture.halt();
    const size = datasets.sizeOf(target.file);
    status.busy(true, describeTarget(target), undefined, describeText(size, again));
    return () => lookup === mine;
  }

  /** @param {Omit<Found, 'listed' | 'generation'>} found @returns {Found} */
  function withState(found) {
    const listed = datasets.version(found.file);
    const generation = versions.generationOf(found.file, found.record.dataset, listed);
    return Object.assign({ listed, generation }, found);
  }

  /** Show what a link names; what it leaves open comes from the dataset. A bare one names a dataset alone, and keeps slice,
   * zoom and window where that is of the same shape as what is shown; an address may be `isPlain` as well.
   * @param {Link} link @param {HistoryChange} history @param {boolean} [isBare] @param {boolean} [isPlain] */
  async function openLink(link, history, isBare = false, isPlain = isBare) {
    const chosen = isPlain ? link.dataset : undefined;
    const isCurrent = begin(link, false);
    try {
      const { file, record, meaning } = await datasets.findTarget(link);
      if (!isCurrent()) return;
      if (!record.browsable) {
        lookup = null;
        status.clearNote();
        on.rows({ file, record }, history);
        return;
      }
      const colors = remembered.of(file, record, link);
      const found = withState({ file, record, meaning, remembered: colors });
      const before = current() || seen();
      const isLike = before && isBare && String(record.shape) === String(before.shape);
      const made = isLike ? carryTo(found, before) : createView(found, link, before, history === 'push');
      status.clearNote();
      lookup = null;
      on.found(made, history, chosen);
    } catch (thrown) {
      const error = /** @type {Failure} */ (thrown);
      const again = () => openLink(link, history, isBare, isPlain);
      if (isCurrent()) onFailure(error, link, (error.status || error.lost) && again);
    }
  }

  /** A link without a file: the only one there is, or a choice of all. @param {Link} link */
  async function chooseFile(link) {
    const isCurrent = begin(link, false);
    try {
      const files = await datasets.loadFiles();
      if (!isCurrent()) return;
      const [{ file }] = files.length ? files : [{ file: null }];
      if (files.length < 2) openLink(Object.assign(link, { file, dataset: null }), 'replace', false, isPlainAddress());
      else {
        lookup = null;
        on.choose();
      }
    } catch (thrown) {
      const error = /** @type {Failure} */ (thrown);
      if (isCurrent()) onFailure(error, link, () => chooseFile(link));
    }
  }

  /** A dataset, or the main one of a file. @param {Target | {file: string, dataset: null}} found */
  function open(found) {
    return openLink(Object.assign(parseLink(''), found), 'push', true);
  }

  /** What a link names. @param {string} search */
  function openAddress(search) {
    return openLink(parseLink(search), 'push');
  }

  /** The values of a dataset, at the same place, under the labels that are shown. @param {string} dataset */
  function openUnder(dataset) {
    const view = current();
    if (!view) return undefined;
    /** @type {Partial<Link>} */
    const own = { dataset, kind: 'values', overlay: view.dataset, norm: null, colorscale: null, window: null };
    return openLink(Object.assign(parseLink(formatLink(view)), own), 'push');
  }

  /* Follow the address bar: at the start, and when the user goes back. */
  function start() {
    const link = parseLink(location.search);
    if (link.file) openLink(link, link.dataset ? 'none' : 'replace', false, isPlainAddress());
    else chooseFile(link);
  }

  /** Read the view's file again, because an answer had another `version` or an `error` may mean that it has changed;
   * without either the user requested it. @param {{version?: string | null, error?: Failure | null}} cause */
  async function readAgain({ version = null, error = null } = {}) {
    const before = /** @type {View} */ (current());
    const known = versions.isKnown(before.generation);
    const isCurrent = begin(before, true);
    const reading = /** @type {Lookup} */ (/** @type {unknown} */ (lookup));
    reading.changed = Boolean(version) && known;
    // Who follows a dataset that grows sees that it does.
    if (reading.changed && !newest.isOn()) status.note(CHANGED, 'changed');
    try {
      await pause(readAt + READ_AGAIN_MS - clock.now());
      if (!isCurrent()) return;
      readAt = clock.now();
      datasets.invalidate(before.file);
      const found = await datasets.findTarget(before);
      if (!isCurrent()) return;
      if (!found.record.browsable) {
        lookup = null;
        status.clearNote('away');
        on.rows(found, 'none');
        return;
      }
      const same = found.record.dtype === before.dtype && String(found.record.shape) === String(before.shape) &&
        datasets.version(before.file) === before.listed;
      if (error && same) {
        onFailure(error, before, () => readAgain());
        return;
      }
      const fresh = withState({ file: found.file, record: found.record, meaning: found.meaning });
      if (version || !same) {
        const { file, record, listed } = fresh;
        fresh.generation = versions.renew({ file, dataset: record.dataset, listed }, version || null);
      }
      const moved = /** @type {View} */ (current());
      const { view } = carryOver(fresh, moved);
      picture.dropFrames();
      lookup = null;
      on.found({ view, notes: [] });
      const now = /** @type {View} */ (current());
      if (known && (version || !same) && !newest.isOn()) status.note(describeChanges(moved, now), 'changed');
      if (now.axis === null || now.shape[now.axis] < 2) player.stop();
    } catch (thrown) {
      if (!isCurrent()) return;
      const failure = /** @type {Failure} */ (thrown);
      if (failure.status === undefined && !failure.lost) failure.message = CHANGED + ' ' + failure.message;
      onFailure(failure, before, () => readAgain());
      onReturn = () => readAgain();
    }
  }

  /** @param {number} ms @returns {Promise<undefined>} */
  function pause(ms) {
    return new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
      if (ms > 0) clock.later(resolve, ms);
      else resolve();
    });
  }

  /** An answer was of another state of the volume. @param {number} generation @param {string} version */
  function onVersionChange(generation, version) {
    if (current() && !lookup && !keepsOld && current()?.generation === generation) readAgain({ version });
  }

  /** A slice was refused. @param {Failure} error @param {{generation: number}} request */
  function onRefused(error, request) {
    if (!current() || lookup || request.generation !== current()?.generation) return;
    if (MAYBE_CHANGED.includes(/** @type {number} */ (error.status))) readAgain({ error });
    else onFailure(error, current(), on.refresh);
  }

  /** The volume has answered while no slice was requested (error null), or has not. @param {Failure | null} error */
  function onHeartbeat(error) {
    if (!current() || lookup) return;
    const there = !error || error.status === 400;
    if (there && status.clearNote('away')) picture.scheduleHeatmap();
    if (there && onReturn) onReturn();
    else if (there && error && checked !== /** @type {View} */ (current()).generation) {
      checked = /** @type {View} */ (current()).generation;
      readAgain();
    }
    if (!there && !status.isFailing() && (error.lost || [404, 422].includes(/** @type {number} */ (error.status)))) {
      status.note(
        (error.lost ? 'The connection to the server is lost.' : error.message) + ' The picture is as it was read last.',
        'away',
      );
    }
  }

  /** Say what is wrong with what `link` names; `again` tries it once more, where that can help.
   * @param {Failure} error @param {MaybeTarget | null} link @param {(() => void) | false | 0 | undefined} again */
  function onFailure(error, link, again) {
    const passing = !error.status || error.status >= 500 || [401, 404, 409, 429].includes(error.status);
    lookup = null;
    openedAt = null;
    player.stop();
    picture.fail();
    on.failed();
    if (!current()) bridge.clear();
    status.failed(error, { retry: passing && again ? again : null, cancel: Boolean(seen()) });
    if (error.lost || error.status === 401 || !link) return;
    if (error.status === 404) tree.reload().catch(() => undefined);
    tree.reveal(link.file);
    offer(link);
  }

  /** Offer a dataset that can be shown, in the same file if it has one. @param {MaybeTarget | null} link */
  async function offer(link) {
    const found = (link && link.file && await datasets.alternative(link.file, link.dataset)) ||
      await datasets.alternative(null, link && link.dataset);
    if (found && status.isFailing()) status.offer(found, () => open(found));
  }

  return {
    start,
    open,
    openAddress,
    openUnder,
    readAgain,
    offer,
    onVersionChange,
    onRefused,
    onHeartbeat,
    onFailure,
    isLookingUp: () => lookup !== null,
    isReadingAgain: () => lookup !== null && lookup.again,
    /* The time that the view was requested at (ms). */
    takeTime: () => {
      const at = openedAt === null ? clock.inputTime() : openedAt;
      openedAt = null;
      return at;
    },
    /* Leave what is looked up, and stay with the picture on the screen; whether that is of an old state of its file. */
    cancel: () => {
      openedAt = null;
      keepsOld = Boolean(lookup && lookup.changed) ||
        Boolean(seen() && versions.isOutdated(/** @type {View} */ (seen())));
      lookup = null;
      onReturn = null;
      return keepsOld;
    },
    /* The view is requested. */
    onRequest: () => {
      keepsOld = false;
      onReturn = null;
    },
  };
}

/* Whether the address names a dataset alone. */
function isPlainAddress() {
  return Array.from(new URLSearchParams(location.search).keys()).every((key) => key === 'file' || key === 'dataset');
}
