/* The pictures that shapes are drawn on, the main one first. Those beside it come and go with what the page shows. */

import { isSame, planeOf } from '../../model/tools.mjs';
/** @import { PlotArea } from '../../model/pinch.mjs' */
/** @import { Plane } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */

/**
 * @typedef {object} Surface
 * @property {HTMLElement | null} frame On which mouse, pen and fingers draw; null where the shapes are seen alone.
 * @property {() => View | null} view Whose plane is shown; null where none is.
 * @property {() => PlotArea | null} area Of the axes, in px of the frame and voxels of the view.
 * @property {() => void} redraw Shapes are others.
 *
 * @typedef {{surface: Surface, view: View}} Shown
 * @typedef {ReturnType<typeof createSurfaces>} Surfaces
 */

export function createSurfaces() {
  /** @type {Surface[]} */
  const list = [];

  /** @returns {Shown[]} */
  const shown = () =>
    list.flatMap((surface) => {
      const view = surface.view();
      return view ? [{ surface, view }] : [];
    });

  return {
    /** @param {Surface} surface */
    add: (surface) => list.push(surface),
    /** The picture of a plane; undefined where it is not shown. @param {Plane} plane */
    of: (plane) => shown().find(({ view }) => isSame(planeOf(view), plane)),
    /** The picture that has the focus, else the main one; undefined before there is one. */
    focused: () => {
      const on = document.activeElement;
      const all = shown();
      return all.find(({ surface }) => surface.frame?.closest('.pane')?.contains(on)) || all[0];
    },
    redraw: () => list.forEach(({ redraw }) => redraw()),
  };
}
