/* What the page says about itself: that it is busy, that something failed, that the server is gone. */
(function (lamella) {
  'use strict';

  const DIM_AFTER_MS = 150;
  const LOST_RETRY_MS = 2000;

  let dim = 0;
  let lost = 0;

  /* The last slice stays while the next one is awaited, and is dimmed if that takes long. */
  function busy(on) {
    const frame = lamella.controls.element('plot-frame');
    clearTimeout(dim);
    if (on) dim = setTimeout(() => frame.classList.add('busy'), DIM_AFTER_MS);
    else frame.classList.remove('busy');
    frame.setAttribute('aria-busy', String(on));
  }

  function clear() {
    clearTimeout(lost);
    say('', false);
  }

  function say(text, again) {
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
    try {
      await lamella.source.ask(lamella.source.url('/healthz'));
    } catch (error) {
      lost = setTimeout(() => lookAgain(retry), LOST_RETRY_MS);
      return;
    }
    retry();
  }

  lamella.notice = { busy: busy, clear: clear, failed: failed };
})((window.lamella = window.lamella || {}));
