/* The actions of the page: those of the view by the viewer, all others by their controls. */

import { COLORSCALES, NORMS } from '../../model/colormap.mjs';
import { kindsOf } from '../../model/kinds.mjs';
import { isDecodable } from '../../model/meaning.mjs';
import { nameOf } from '../../model/axes.mjs';
import { REDUCTIONS, SLICES } from '../../model/projection.mjs';
import { ASPECTS } from '../../model/view.mjs';
import { PARTS, POOLS } from '../../model/viewport.mjs';
import { element } from '../../render/dom.mjs';
import { controlActions } from './control-actions.mjs';
/** @import { View } from '../../model/view.mjs' */
/** @import { Action } from '../actions.mjs' */
/** @import { Contrast } from '../contrast.mjs' */
/** @import { Player } from '../player.mjs' */
/** @import { Viewer } from '../viewer.mjs' */

/**
 * @typedef {object} PageActionParts
 * @property {Viewer} viewer
 * @property {Player} player
 * @property {Pick<Contrast, 'auto'>} contrast
 */

/** @param {PageActionParts & {help: () => void}} parts @returns {() => Action[]} */
export function pageActions({ viewer, player, contrast, help }) {
  /** @param {string} group @param {string} title @param {() => unknown} run @returns {Action} */
  const action = (group, title, run) => ({ group, title, run });

  /** @param {View} view */
  function ofSlices(view) {
    if (view.axis === null) return [];
    return [
      action('Slice', 'Next slice', () => viewer.step(1)),
      action('Slice', 'Previous slice', () => viewer.step(-1)),
      action('Slice', 'Ten slices on', () => viewer.step(10)),
      action('Slice', 'Ten slices back', () => viewer.step(-10)),
      action('Slice', 'First slice', () => viewer.go(0)),
      action('Slice', 'Last slice', () => viewer.goToEnd()),
      action('Slice', 'Go to slice …', () => element('index-input').focus()),
      action('Slice', 'Play and pause', () => player.toggle()),
    ];
  }

  /** @param {View} view */
  function ofAxes(view) {
    const { axis, kind, decode, meaning, part, complex } = view;
    const others = axis === null ? [] : view.shape.map((_, d) => d).filter((d) => d !== axis);
    return [
      ...others.map((d) =>
        action('Axis', 'Slice across ' + nameOf(view, d), () => viewer.setPlane({ type: 'axis', axis: d }))
      ),
      action('Axis', 'Transpose: rows as columns', () => viewer.setPlane({ type: 'transpose' })),
      action('Axis', 'Flip rows', () => viewer.flip('rows')),
      action('Axis', 'Flip columns', () => viewer.flip('cols')),
      ...ASPECTS.filter((one) => one !== view.aspect).map((one) =>
        action('Aspect', 'Aspect: ' + one, () => viewer.setAspect(one))
      ),
      ...kindsOf(meaning, view.dtype).filter((one) => one !== kind).map((one) =>
        action('Kind', 'Show as ' + one, () => viewer.setKind(one))
      ),
      ...(isDecodable(meaning) && kind === 'values'
        ? [action('Values', decode ? 'Values as stored' : 'Values decoded', () => viewer.setDecode(!decode))]
        : []),
      ...(complex
        ? PARTS.filter((one) => one !== part).map((one) => action('Part', 'Part: ' + one, () => viewer.setPart(one)))
        : []),
    ];
  }

  /** @param {View} view */
  function ofColors(view) {
    if (view.kind !== 'values') return [];
    return [
      action('Contrast', 'Contrast of what is in view', () => contrast.auto()),
      action('Contrast', 'Window of the volume', () => viewer.setWindow('volume')),
      action('Contrast', 'Window of the slice', () => viewer.setWindow('slice')),
      action('Contrast', 'Keep this window', () => viewer.freezeWindow()),
      ...NORMS.filter((one) => one !== view.norm).map((norm) =>
        action('Norm', 'Norm: ' + norm, () => viewer.setColors({ norm }))
      ),
      ...COLORSCALES.filter((one) => one !== view.colorscale).map((colorscale) =>
        action('Colours', 'Colour scale: ' + colorscale, () => viewer.setColors({ colorscale }))
      ),
      action('Colours', 'Reverse the colour scale', () => viewer.setColors({ reverse: !view.reverse })),
    ];
  }

  /** @param {View} view */
  function ofProjections(view) {
    if (view.kind !== 'values' || view.axis === null) return [];
    const none = action('Projection', 'No projection', () => viewer.setProjection(''));
    const count = Number(view.project.split(':')[1]) || SLICES;
    return REDUCTIONS.map((one) =>
      action('Projection', 'Projection: ' + one + ' of ' + count + ' slices', () => {
        viewer.setProjection(one + ':' + count);
      })
    ).concat(view.project ? [none] : []);
  }

  return () => {
    const view = viewer.current();
    const ofView = view
      ? [
        ...ofSlices(view),
        ...ofAxes(view),
        ...ofColors(view),
        ...POOLS.filter((one) => one !== view.pool).map((one) =>
          action('Pool', 'Pool: ' + one, () => viewer.setPool(one))
        ),
        ...ofProjections(view),
      ]
      : [];
    return [
      ...ofView,
      ...controlActions(),
      action('Page', 'Keys and gestures', help),
    ];
  };
}
