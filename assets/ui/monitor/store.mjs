/* The state of the monitor and the address bar: each change makes an entry in the history, so that Back undoes it. */

import { formatState, parseState } from '../../model/monitor/address.mjs';
/** @import { State } from '../../model/monitor/address.mjs' */

/** @typedef {ReturnType<typeof createMonitorStore>} MonitorStore */

/** `onChange(state)` is called after each change, also by Back and Forward.
 * @param {{onChange: (state: State) => void, location?: Pick<Location, 'pathname' | 'search'>,
 *   history?: Pick<History, 'pushState' | 'replaceState'>}} parts */
export function createMonitorStore({ onChange, location = globalThis.location, history = globalThis.history }) {
  let state = parseState(location.search);
  // Without what is not understood in it, so that the address is that of what is shown.
  history.replaceState(null, '', location.pathname + formatState(state));

  /** @param {State} next @param {boolean} replace */
  function put(next, replace) {
    state = next;
    const address = location.pathname + formatState(state);
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    onChange(state);
  }

  return {
    current: () => state,
    /** @param {Partial<State>} changes */
    change: (changes) => put({ ...state, ...changes }, false),
    /** A change that the page makes by itself. @param {Partial<State>} changes */
    replace: (changes) => put({ ...state, ...changes }, true),
    onPopState: () => {
      state = parseState(location.search);
      onChange(state);
    },
  };
}
