/* What keys do with the tools: place them, move them or one of their ends, and remove them. */

import { isTransposed } from '../../model/plane.mjs';
import { spansOf } from '../../model/region.mjs';
import { handlesOf, movedBy, placed, withHandle, within, withVertex } from '../../model/tool-geometry.mjs';
import { planeOf } from '../../model/tools.mjs';
import { setText } from '../../render/dom.mjs';
import { describe } from './words.mjs';
/** @import { Place, Size } from '../../model/tool-geometry.mjs' */
/** @import { Plane, Tool, ToolKind } from '../../model/tools.mjs' */
/** @import { Draft, Entry, Live } from './layer.mjs' */
/** @import { Surfaces } from './surfaces.mjs' */

/**
 * @typedef {object} KeyboardHooks
 * @property {() => ToolKind | null} kind
 * @property {() => Entry | null} current What is selected.
 * @property {(plane: Plane) => Size} size
 * @property {() => number} count Of the view's shapes.
 * @property {() => number | null} handle The handle that is moved; null for all of the tool.
 * @property {(handle: number | null) => void} hold
 * @property {(live: Live) => void} keep
 * @property {(by: Partial<Tool>) => void} change
 * @property {() => void} remove
 * @property {() => Draft | null} draft
 * @property {(plane: Plane, places: readonly Place[]) => void} setDraft
 */

const FAR_STEP = 10;
const MOST_VERTICES = 200;
/** Right and down on the screen. @type {Record<string, readonly [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @param {Surfaces} surfaces @param {KeyboardHooks} hooks */
export function createKeyboard(surfaces, hooks) {
  /** @param {Entry} entry */
  function say({ tool, index }) {
    const places = handlesOf(tool);
    const handle = hooks.handle();
    const at = handle === null ? '' : ', end ' + (handle + 1) + ' of ' + places.length + ' chosen';
    setText('status', describe(tool, index) + at);
  }

  /** @param {KeyboardEvent} event @returns {boolean} */
  function onKey(event) {
    const { key } = event;
    const draft = hooks.draft();
    if (key === 'Delete' || key === 'Backspace') {
      if (draft) hooks.setDraft(draft.plane, draft.places.slice(0, -1));
      else if (hooks.current()) hooks.remove();
      else return false;
      return true;
    }
    const chosen = hooks.kind();
    if (!chosen) return false;
    if (ARROWS[key]) {
      step(ARROWS[key], event.shiftKey ? FAR_STEP : 1);
      return true;
    }
    if (event.shiftKey && key !== '+') return false;
    if (key === 'Enter') {
      if (event.target instanceof Element && event.target.closest('button, a')) return false;
      if (draft) closeDraft(draft);
      else if (!hooks.current()) place(chosen);
      else holdNext();
      return true;
    }
    if (key === 'n') place(chosen);
    else if (key === '+' || key === 'Insert') addVertex();
    else return false;
    return true;
  }

  /** One in the middle of what is in view. @param {ToolKind} chosen */
  function place(chosen) {
    const view = surfaces.focused()?.view;
    if (!view) return;
    const [rows, cols] = spansOf(view).map(([from, to]) => [from, to - 1]);
    const [along, across] = isTransposed(view) ? [cols, rows] : [rows, cols];
    hooks.hold(null);
    const plane = planeOf(view);
    hooks.keep({
      index: hooks.count(),
      tool: placed(chosen, plane, [[along[0], across[0]], [along[1], across[1]]], hooks.size(plane)),
    });
    const entry = hooks.current();
    if (entry) say(entry);
  }

  function holdNext() {
    const entry = /** @type {Entry} */ (hooks.current());
    const handle = hooks.handle();
    const count = entry.tool.kind === 'point' ? 0 : handlesOf(entry.tool).length;
    hooks.hold(handle === null ? (count ? 0 : null) : handle + 1 < count ? handle + 1 : null);
    say(entry);
  }

  function addVertex() {
    const entry = hooks.current();
    if (entry?.tool.kind !== 'poly') return;
    hooks.change({ points: withVertex(entry.tool, hooks.handle() ?? 0, MOST_VERTICES).points });
  }

  /** Move what is selected, or place a tool where nothing is.
   * @param {readonly [number, number]} way Right and down. @param {number} voxels */
  function step([right, down], voxels) {
    const entry = hooks.current();
    const handle = hooks.handle();
    const found = entry && surfaces.of(entry.tool.plane);
    const area = found?.surface.area();
    if (!entry || !found || !area) {
      place(/** @type {ToolKind} */ (hooks.kind()));
      return;
    }
    const dx = right * Math.sign(area.x[1] - area.x[0]) * voxels;
    const dy = down * Math.sign(area.y[1] - area.y[0]) * voxels;
    /** @type {Place} */
    const by = isTransposed(found.view) ? [dx, dy] : [dy, dx];
    const extent = hooks.size(entry.tool.plane);
    if (handle === null) hooks.change(movedBy(entry.tool, by, extent));
    else {
      const [row, col] = handlesOf(entry.tool)[handle];
      hooks.change(withHandle(entry.tool, handle, within([row + by[0], col + by[1]], extent)));
    }
    const moved = hooks.current();
    if (moved) say(moved);
  }

  /** @param {Draft} draft */
  function closeDraft({ plane, places }) {
    hooks.setDraft(plane, []);
    hooks.keep({ index: hooks.count(), tool: { kind: 'poly', plane, points: places.flat(), width: 1, sum: false } });
  }

  return { onKey, say };
}
