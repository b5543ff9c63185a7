/* The button that plays and pauses. */

import { element } from '../render/dom.mjs';

/** @param {boolean} playing */
export function showPlaying(playing) {
  const button = element('slice-play');
  button.classList.toggle('playing', playing);
  button.setAttribute('aria-label', playing ? 'Pause (space)' : 'Play (space)');
  button.setAttribute('aria-pressed', String(playing));
}
