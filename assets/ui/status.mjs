/* Status of the page: busy, failures with the actions, notes, connection to the server. */

import { regionOf } from '../model/region.mjs';
import { inShort, waitText } from '../model/wait-text.mjs';
import { element, setText, setVisible } from '../render/dom.mjs';
/** @import { Api, Failure } from '../data/api.mjs' */
/** @import { Target } from '../data/datasets.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */

/**
 * @typedef {object} MessageActions What the buttons of a message do; `cancel` says whether one may.
 * @property {(() => void) | null} [retry]
 * @property {boolean} [cancel]
 * @property {() => void} [offer]
 */

/** @typedef {ReturnType<typeof createStatus>} Status */

const DIM_AFTER_MS = 150;
const STOP_AFTER_MS = 1000;
const LOST_RETRY_MS = 2000;

const frame = () => element('plot-frame');

/** What takes long, and whether more of it is known later. @typedef {{text: string, goesOn: boolean}} Explained */

/** @type {Explained} */
const NOTHING = { text: '', goesOn: false };

/** `onBusy(on)` is called when a picture is awaited, and when it has come.
 * @param {{api: Pick<Api, 'url' | 'json' | 'fetchOk' | 'askAgain' | 'isSignedOut'>, bridge: Pick<DashBridge, 'set'>,
 *   onBusy: (on: boolean) => void}} parts */
export function createStatus({ api, bridge, onBusy }) {
  let dim = 0;
  let stop = 0;
  let lost = 0;
  let said = '';
  let since = 0;
  let awaited = '';
  let reason = '';
  /** The view whose picture is awaited. @type {View | null} */
  let awaitedView = null;
  /** The view that is explained, and how. @type {{view: View | null} & Explained} */
  let explained = { view: null, ...NOTHING };
  /** @type {MessageActions} */
  let actions = {};
  /** @type {{kind: string, action?: () => void} | null} */
  let noted = null;

  /** What of a picture takes long. @param {View} view @returns {Promise<Explained>} */
  async function explain(view) {
    const query = { file: view.file, dataset: view.dataset, selection: regionOf(view) };
    const cost = await api.json('/api/v1/cost', query);
    return { text: waitText(cost), goesOn: typeof cost.done === 'number' };
  }

  /** The last slice stays while `what` is awaited. If that takes long it is dimmed, and longer still, one may cancel; it
   * is explained then, by the view or by a sentence `why`.
   * @param {boolean} on @param {string} [what] @param {View} [view] @param {string} [why] */
  function busy(on, what, view, why) {
    awaited = inShort(what || '');
    awaitedView = view || null;
    reason = why || '';
    if (!on) clearBusy();
    else if (!dim) {
      since = performance.now();
      onBusy(true);
      dim = setTimeout(() => frame().classList.add('busy'), DIM_AFTER_MS);
      stop = setTimeout(showWait, STOP_AFTER_MS);
    }
    if (frame().getAttribute('aria-busy') !== String(on)) frame().setAttribute('aria-busy', String(on));
  }

  /* What is awaited, and for how long. */
  function showWait(asks = true) {
    const seconds = Math.floor((performance.now() - since) / 1000);
    const time = seconds < 2 ? ' …' : ' … ' + seconds + ' s';
    if (asks && awaitedView && (explained.goesOn || explained.view !== awaitedView)) askWhy(awaitedView);
    const why = awaitedView && explained.view === awaitedView ? explained.text : reason;
    setText('plot-wait-text', 'Loading ' + awaited + time + (why && ' · ' + why));
    setVisible('plot-wait', true);
    stop = setTimeout(showWait, 1000);
  }

  /* Once for each view, or each second while what it says goes on: what is being read, how much, and why. */
  async function askWhy(/** @type {View} */ view) {
    explained = { view, text: explained.view === view ? explained.text : '', goesOn: false };
    const found = await explain(view).catch(() => NOTHING);
    if (explained.view !== view) return;
    explained = { view, ...found };
    if (dim && awaitedView === view) {
      clearTimeout(stop);
      showWait(false);
    }
  }

  /* What is awaited is on the screen, though perhaps not in its final form. */
  function clearBusy() {
    if (!dim) return;
    clearTimeout(dim);
    clearTimeout(stop);
    dim = 0;
    onBusy(false);
    frame().classList.remove('busy');
    setVisible('plot-wait', false);
  }

  /* The message over the picture */

  function clear() {
    clearTimeout(lost);
    if (said) setMessage('', {});
  }

  /** @param {string} text @param {MessageActions} on */
  function setMessage(text, on) {
    said = text;
    actions = on;
    setText('plot-message-text', text);
    setVisible('plot-message', Boolean(text));
    setVisible('plot-retry', Boolean(on.retry));
    setVisible('plot-leave', Boolean(on.cancel));
    setVisible('plot-offer', false);
    setVisible('plot-files', Boolean(text));
  }

  /** One sentence over the plot, and its actions. Where the server cannot be reached, its health is polled until it
   * answers; where it says when to ask again, that is done. @param {Failure} error @param {MessageActions} on */
  function failed(error, on) {
    busy(false);
    clearTimeout(lost);
    const wait = on.retry ? error.retryAfterMs || 0 : 0;
    setMessage(error.message + (wait ? ' Trying again in ' + wait / 1000 + ' s.' : ''), on);
    if (error.lost) lost = setTimeout(pollHealth, LOST_RETRY_MS);
    else if (wait) lost = setTimeout(retryNow, wait);
  }

  async function pollHealth() {
    clearTimeout(lost);
    const { retry } = actions;
    try {
      await api.fetchOk(api.url('/healthz'));
    } catch {
      if (retry === actions.retry) lost = setTimeout(pollHealth, LOST_RETRY_MS);
      return;
    }
    if (retry && retry === actions.retry) retryNow();
  }

  function retryNow() {
    if (api.isSignedOut()) {
      // Which calls this again.
      api.askAgain();
      return;
    }
    const { retry } = actions;
    clear();
    if (retry) retry();
  }

  /** A dataset that can be shown instead. @param {Target} target @param {() => void} open */
  function offer({ file, dataset }, open) {
    actions = Object.assign({}, actions, { offer: open });
    bridge.set('plot-offer', { children: 'Open ' + dataset + ' of ' + file });
    setVisible('plot-offer', true);
  }

  function acceptOffer() {
    const { offer: open } = actions;
    if (open) open();
  }

  /** A line above the picture. `kind` says what it is about, so that it can be taken back; `label` is that of the button
   * for `action`. @param {string} text @param {string} kind @param {string} [label] @param {() => void} [action] */
  function note(text, kind, label, action) {
    noted = { kind, action };
    setText('plot-note-text', text);
    if (label) bridge.set('plot-note-action', { children: label });
    setVisible('plot-note-action', Boolean(label));
    setVisible('plot-note', true);
  }

  /** Take the note back, or that of a kind alone; whether there was one. @param {string} [kind] @returns {boolean} */
  function clearNote(kind) {
    if (!noted || (kind && noted.kind !== kind)) return false;
    noted = null;
    setVisible('plot-note', false);
    setText('plot-note-text', '');
    return true;
  }

  function runNoteAction() {
    const action = noted && noted.action;
    clearNote();
    if (action) action();
  }

  return {
    busy,
    clearBusy,
    /* Whether something is awaited. */
    isBusy: () => dim !== 0,
    clear,
    failed,
    retry: retryNow,
    offer,
    acceptOffer,
    note,
    clearNote,
    runNoteAction,
    isFailing: () => Boolean(said),
  };
}
