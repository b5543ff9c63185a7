/* Says that the session has ended, with a link that signs in and comes back to what is shown. */

import { UNAUTHORIZED } from '../data/api.mjs';
/** @import { Api } from '../data/api.mjs' */

/** @typedef {ReturnType<typeof createSessionNotice>} SessionNotice */

/** `onEnd()` is called when the session has ended.
 * @param {{prefix: string, onEnd?: () => void, onAgain?: () => void}} parts */
export function createSessionNotice({ prefix, onEnd = () => undefined, onAgain = () => undefined }) {
  /** @type {HTMLElement | null} */
  let notice = null;

  /** @param {boolean} ended */
  function show(ended) {
    if (notice) notice.remove();
    notice = null;
    if (!ended) {
      onAgain();
      return;
    }
    const link = document.createElement('a');
    link.textContent = 'Sign in again';
    // The address follows the view, up to the click.
    const update = () => {
      link.href = prefix + '/sign-in?next=' + encodeURIComponent(location.pathname + location.search);
    };
    ['focus', 'pointerdown', 'click'].forEach((name) => link.addEventListener(name, update));
    update();
    notice = document.createElement('div');
    notice.className = 'page-notice signed-out';
    notice.setAttribute('role', 'alert');
    notice.append('You are signed out. ', link, '.');
    document.body.append(notice);
    onEnd();
  }

  /** When the tab is shown again, perhaps after a sign-in in another one, the server is asked again. Dash keeps what its
   * requests are answered to itself, so a refused one is followed by one of ours.
   * @param {Pick<Api, 'url' | 'fetchOk' | 'askAgain' | 'isSignedOut'>} api */
  function start(api) {
    document.addEventListener('visibilitychange', () => !document.hidden && api.askAgain());
    new PerformanceObserver((list) => {
      const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
      if (!api.isSignedOut() && entries.some(({ responseStatus }) => responseStatus === UNAUTHORIZED)) {
        api.fetchOk(api.url('/api/v1/files')).catch(() => undefined);
      }
    }).observe({ type: 'resource' });
  }

  return { show, start };
}
