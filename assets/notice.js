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

  const frame = () => lamella.controls.element('plot-frame');

  /* The last slice stays while the next one is awaited. If that takes long it is dimmed, and longer still, one
     may give up. */
  function busy(on) {
    if (!on) seen();
    else if (!dim) {
      dim = setTimeout(() => frame().classList.add('busy'), DIM_AFTER_MS);
      stop = setTimeout(() => lamella.controls.show('plot-cancel', lamella.picture.index() !== null), STOP_AFTER_MS);
    }
    if (frame().getAttribute('aria-busy') !== String(on)) frame().setAttribute('aria-busy', String(on));
  }

  /* What is awaited is on the screen, be it not for good. */
  function seen() {
    if (!dim) return;
    clearTimeout(dim);
    clearTimeout(stop);
    dim = 0;
    frame().classList.remove('busy');
    lamella.controls.show('plot-cancel', false);
  }

  function clear() {
    clearTimeout(lost);
    if (said) say('', false);
  }

  function say(text, again) {
    said = text;
    lamella.controls.text('plot-message-text', text);
    lamella.controls.show('plot-message', Boolean(text));
    lamella.controls.show('plot-retry', again);
  }

  /* One sentence over the plot. What the server refused can be tried again by hand; when it cannot be
     reached, it is asked until it answers. A link that does not fit is not mended by either. */
  function failed(error, retry) {
    busy(false);
    clearTimeout(lost);
    say(error.message, Boolean(error.status));
    if (error.lost) lost = setTimeout(() => lookAgain(retry), LOST_RETRY_MS);
  }

  async function lookAgain(retry) {
    clearTimeout(lost);
    try {
      await lamella.source.ask(lamella.source.url('/healthz'));
    } catch (error) {
      lost = setTimeout(() => lookAgain(retry), LOST_RETRY_MS);
      return;
    }
    retry();
  }

  lamella.notice = { busy: busy, seen: seen, clear: clear, failed: failed };
})((window.lamella = window.lamella || {}));
