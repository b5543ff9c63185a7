/* What the page says about itself: that it is busy, that something failed, that the server is gone. */
(function (lamella) {
  'use strict';

  const DIM_AFTER_MS = 150;
  const STOP_AFTER_MS = 1000;
  const LOST_RETRY_MS = 2000;

  let dim = 0;
  let stop = 0;
  let lost = 0;
  let said = '';
  let since = 0;
  let awaited = '';
  let ways = {};
  let noted = null;

  const frame = () => lamella.controls.element('plot-frame');

  /* The last slice stays while `what` is awaited. If that takes long it is dimmed, and longer still, one may cancel. */
  function busy(on, what) {
    awaited = what || '';
    if (!on) seen();
    else if (!dim) {
      since = performance.now();
      dim = setTimeout(() => frame().classList.add('busy'), DIM_AFTER_MS);
      stop = setTimeout(wait, STOP_AFTER_MS);
    }
    if (frame().getAttribute('aria-busy') !== String(on)) frame().setAttribute('aria-busy', String(on));
  }

  /* What is awaited, and for how long. */
  function wait() {
    const seconds = Math.floor((performance.now() - since) / 1000);
    lamella.controls.text('plot-wait-text', 'Loading ' + awaited + (seconds < 2 ? ' …' : ' … ' + seconds + ' s'));
    lamella.controls.show('plot-wait', true);
    stop = setTimeout(wait, 1000);
  }

  /* What is awaited is on the screen, be it not for good. */
  function seen() {
    if (!dim) return;
    clearTimeout(dim);
    clearTimeout(stop);
    dim = 0;
    frame().classList.remove('busy');
    lamella.controls.show('plot-wait', false);
  }

  /* The message over the picture */

  function clear() {
    clearTimeout(lost);
    if (said) say('', {});
  }

  function say(text, on) {
    said = text;
    ways = on;
    lamella.controls.text('plot-message-text', text);
    lamella.controls.show('plot-message', Boolean(text));
    lamella.controls.show('plot-retry', Boolean(on.retry));
    lamella.controls.show('plot-leave', Boolean(on.cancel));
    lamella.controls.show('plot-offer', false);
    lamella.controls.show('plot-files', Boolean(text));
  }

  /* One sentence over the plot, and the ways on: {retry, cancel}. Where the server cannot be reached, it is asked until
     it answers. */
  function failed(error, on) {
    busy(false);
    clearTimeout(lost);
    say(error.message, on);
    if (error.lost) lost = setTimeout(lookAgain, LOST_RETRY_MS);
  }

  async function lookAgain() {
    clearTimeout(lost);
    const { retry } = ways;
    try {
      await lamella.source.ask(lamella.source.url('/healthz'));
    } catch (error) {
      if (retry === ways.retry) lost = setTimeout(lookAgain, LOST_RETRY_MS);
      return;
    }
    if (retry && retry === ways.retry) again();
  }

  function again() {
    const { retry } = ways;
    clear();
    if (retry) retry();
  }

  /* A dataset that can be shown instead. */
  function offer({ file, dataset }, open) {
    ways = Object.assign({}, ways, { offer: open });
    lamella.controls.set('plot-offer', { children: 'Open ' + dataset + ' of ' + file });
    lamella.controls.show('plot-offer', true);
  }

  function take() {
    const { offer: open } = ways;
    if (open) open();
  }

  /* A line above the picture. `kind` says what it is about, so that it can be taken back. */
  function note(text, kind, label, action) {
    noted = { kind: kind, action: action };
    lamella.controls.text('plot-note-text', text);
    if (label) lamella.controls.set('plot-note-action', { children: label });
    lamella.controls.show('plot-note-action', Boolean(label));
    lamella.controls.show('plot-note', true);
  }

  /* Take the note back, or that of a kind alone; whether there was one. */
  function unnote(kind) {
    if (!noted || (kind && noted.kind !== kind)) return false;
    noted = null;
    lamella.controls.show('plot-note', false);
    lamella.controls.text('plot-note-text', '');
    return true;
  }

  function act() {
    const action = noted && noted.action;
    unnote();
    if (action) action();
  }

  lamella.notice = {
    busy: busy, seen: seen, clear: clear, failed: failed, again: again, offer: offer, take: take,
    note: note, unnote: unnote, act: act,
    failing: () => Boolean(said),
  };
})((window.lamella = window.lamella || {}));
