/* Status of the page: busy, failures with the actions, notes, connection to the server. */

import { element, setText, setVisible } from '../render/dom.mjs';

const DIM_AFTER_MS = 150;
const STOP_AFTER_MS = 1000;
const LOST_RETRY_MS = 2000;

const frame = () => element('plot-frame');

/* `onBusy(on)` is called when a picture is awaited, and when it has come. */
export function createStatus({ api, bridge, onBusy }) {
  let dim = 0;
  let stop = 0;
  let lost = 0;
  let said = '';
  let since = 0;
  let awaited = '';
  let actions = {};
  let noted = null;

  /* The last slice stays while `what` is awaited. If that takes long it is dimmed, and longer still, one may cancel. */
  function busy(on, what) {
    awaited = what || '';
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
  function showWait() {
    const seconds = Math.floor((performance.now() - since) / 1000);
    setText('plot-wait-text', 'Loading ' + awaited + (seconds < 2 ? ' …' : ' … ' + seconds + ' s'));
    setVisible('plot-wait', true);
    stop = setTimeout(showWait, 1000);
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

  /* One sentence over the plot, and its actions: {retry, cancel}. Where the server cannot be reached, its health is
     polled until it answers. */
  function failed(error, on) {
    busy(false);
    clearTimeout(lost);
    setMessage(error.message, on);
    if (error.lost) lost = setTimeout(pollHealth, LOST_RETRY_MS);
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
    const { retry } = actions;
    clear();
    if (retry) retry();
  }

  /* A dataset that can be shown instead. */
  function offer({ file, dataset }, open) {
    actions = Object.assign({}, actions, { offer: open });
    bridge.set('plot-offer', { children: 'Open ' + dataset + ' of ' + file });
    setVisible('plot-offer', true);
  }

  function acceptOffer() {
    const { offer: open } = actions;
    if (open) open();
  }

  /* A line above the picture. `kind` says what it is about, so that it can be taken back. */
  function note(text, kind, label, action) {
    noted = { kind, action };
    setText('plot-note-text', text);
    if (label) bridge.set('plot-note-action', { children: label });
    setVisible('plot-note-action', Boolean(label));
    setVisible('plot-note', true);
  }

  /* Take the note back, or that of a kind alone; whether there was one. */
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
