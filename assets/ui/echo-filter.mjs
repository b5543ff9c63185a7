/* Separates changes that the user made at a control from the callbacks in which Dash echoes values that the page
   wrote. */

import { browserClock } from '../data/clock.mjs';
/** @import { Clock } from '../data/clock.mjs' */

// While the page is being loaded Dash took up to 0.8 s here, on a machine with nothing else to do.
const ECHO_MS = 10000;

/** `isBeingEdited(id)` is true while the user is at a control: what comes from there is the user's. So is what comes
 * after `wasTyped(id)`, which is true once after the user has typed there. `touchedAt()` is when the user may have
 * changed a control last (ms): what the page has written since is none of the user's doing.
 * @param {{isBeingEdited: (id: string) => boolean, wasTyped?: (id: string) => boolean, touchedAt?: () => number,
 *   clock?: Clock}} parts */
export function createEchoFilter(
  { isBeingEdited, wasTyped = () => false, touchedAt = () => Infinity, clock = browserClock },
) {
  /** What was written (at, ms) and has not come back, by control.
   * @type {Record<string, {value: unknown, at: number}[]>} */
  const echoes = {};
  /** All that was written lately. @type {typeof echoes} */
  const written = {};
  /** @type {Record<string, unknown>} */
  const last = {};

  /** Note that `value` is going to be written; false where the control has it already.
   * @param {string} id @param {string} prop @param {unknown} value @returns {boolean} */
  function write(id, prop, value) {
    const key = id + '.' + prop;
    if (isSame(last[key], value)) return false;
    last[key] = value;
    const at = clock.now();
    (echoes[key] = echoes[key] || []).push({ value, at });
    written[key] = [...recent(written[key]), { value, at }];
    return true;
  }

  /** Whether `value` of a callback is the user's doing.
   * @param {string} id @param {unknown} value @param {string} prop @returns {boolean} */
  function isUserChange(id, value, prop = 'value') {
    const key = id + '.' + prop;
    const list = recent(echoes[key]);
    const isUsers = wasTyped(id) || isBeingEdited(id);
    const at = isUsers ? -1 : list.findIndex((echo) => isSame(echo.value, value));
    echoes[key] = at < 0 ? list : list.slice(at + 1);
    // Some controls report the same value once more when they have formatted it.
    if (at >= 0 || (isSame(last[key], value) && !isUsers)) return false;
    // A callback of several controls may come once more with what one of them had before the last write.
    const isOwn = recent(written[key]).some((echo) => isSame(echo.value, value) && echo.at >= touchedAt());
    if (isOwn && !isUsers) return false;
    last[key] = value;
    return true;
  }

  /** @param {{value: unknown, at: number}[] | undefined} list */
  const recent = (list) => (list || []).filter((echo) => clock.now() - echo.at < ECHO_MS);

  return { write, isUserChange };
}

/** @param {unknown} a @param {unknown} b */
function isSame(a, b) {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
}
