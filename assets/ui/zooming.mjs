/* What is in view of the slice: zoomed and panned by mouse, fingers and links between pictures; and the point of three views. */

/** @import { Action, View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Range } from '../model/viewport.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { DashBridge } from './dash-bridge.mjs' */
/** @import { Newest } from './newest.mjs' */

const ZOOM_DELAY_MS = 120;

/** `change(action)` applies an action of model/view.mjs; whether the view is another one now. `isOnPlane()` is true while the
 * picture on the screen is of the plane of the view, `refresh()` requests the picture.
 * @param {{store: ViewStore, bridge: Pick<DashBridge, 'followPosition'>, newest: Pick<Newest, 'onMoved'>,
 *   plot: Pick<Plot, 'zoom'>, change: (action: Action) => boolean, isOnPlane: () => boolean, refresh: () => void}} parts */
export function createZooming({ store, bridge, newest, plot, change, isOnPlane, refresh }) {
  /** Null while none is chosen, which is checked first. */
  const view = /** @type {() => View} */ (store.current);
  let timer = 0;

  function refreshSoon() {
    clearTimeout(timer);
    timer = setTimeout(refresh, ZOOM_DELAY_MS);
  }

  /** The axes of the picture on the screen were moved. @param {Range | null} x @param {Range | null} y */
  function setZoom(x, y) {
    if (!isOnPlane()) return;
    store.dispatch({ type: 'zoom', x, y });
    if (!view().x) plot.zoom(null, null);
    refreshSoon();
  }

  /** Move the point of three views. @param {readonly number[]} position */
  function setPoint(position) {
    const before = view();
    if (!change({ type: 'point', position })) return;
    const { axis, x, y } = view();
    if (axis !== null && view().position[axis] !== before.position[axis]) newest.onMoved();
    if (x !== before.x || y !== before.y) plot.zoom(x, y);
    // What is requested depends on sizes, which are read before anything is written.
    refresh();
    bridge.followPosition(view());
  }

  /** Zoom along some dimensions, of which three views have more than the picture. @param {ReadonlyMap<number, Range>} ranges */
  function setRanges(ranges) {
    if (!change({ type: 'ranges', ranges })) return;
    plot.zoom(view().x, view().y);
    refreshSoon();
  }

  function showAll() {
    if (!change({ type: 'zoom', x: null, y: null })) return;
    plot.zoom(null, null);
    refresh();
  }

  return { setZoom, setPoint, setRanges, showAll };
}
