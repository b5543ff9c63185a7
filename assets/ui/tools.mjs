/* The tools beside the picture: which one is active. Those that draw and measure are loaded when one of them is used,
   or when a view has shapes. */

import { element } from '../render/dom.mjs';
/** @import { Api } from '../data/api.mjs' */
/** @import { Clock } from '../data/clock.mjs' */
/** @import { ToolKind } from '../model/tools.mjs' */
/** @import { View } from '../model/view.mjs' */
/** @import { ViewStore } from '../model/view-store.mjs' */
/** @import { Plot } from '../render/plot.mjs' */
/** @import { PictureMachine } from '../render/state-machine.mjs' */
/** @import { Dock } from './dock.mjs' */
/** @import { Focus } from './focus.mjs' */
/** @import { Status } from './status.mjs' */
/** @import { Layer, Sketch } from './tools/layer.mjs' */
/** @import { Surface } from './tools/surfaces.mjs' */
/** @import { Viewer } from './viewer.mjs' */

/**
 * @typedef {'zoom' | 'pan' | ToolKind} ToolName
 * @typedef {ReturnType<typeof createTools>} Tools
 *
 * @typedef {object} ToolParts What tools work with.
 * @property {Clock} clock
 * @property {Api} api
 * @property {Pick<ViewStore, 'current'>} store
 * @property {Plot} plot
 * @property {PictureMachine} machine
 * @property {Viewer} viewer
 * @property {Pick<Status, 'note' | 'clearNote'>} status
 * @property {Pick<Dock, 'showMeasured' | 'openMeasured'>} dock
 * @property {Pick<Focus, 'focusPicture'>} focus
 */

/** The keys of dashboard/web/page/controls.py. @type {Record<string, ToolName>} */
const KEYS = { z: 'zoom', h: 'pan', p: 'point', l: 'line', r: 'rect', e: 'ellipse', g: 'poly', m: 'ruler' };

/** @param {ToolName} name */
const isMode = (name) => name === 'zoom' || name === 'pan';

/** @param {ToolParts} parts */
export function createTools(parts) {
  const { store, plot, status, focus } = parts;
  const byTouch = matchMedia('(pointer: coarse)').matches;
  /** @type {ToolName} */
  let active = 'zoom';
  /** What a drag does without a tool. @type {ToolName} */
  let drag = 'zoom';
  /** @type {Layer | null} */
  let layer = null;
  /** @type {Promise<Layer | null> | null} */
  let loading = null;
  /** Pictures beside the main one that shapes are drawn on. @type {Surface[]} */
  const beside = [];

  /* Null where it cannot be loaded, which a note then says. */
  function load() {
    loading = loading || import('./tools/layer.mjs').then(({ createLayer }) => {
      const made = createLayer(Object.assign({ active: () => active, choose }, parts));
      beside.forEach(made.attach);
      layer = made;
      return layer;
    }, () => {
      loading = null;
      status.note('The tools could not be loaded. They are tried again when one is chosen.', 'tools');
      return null;
    });
    return loading;
  }

  /** @param {ToolName} name The one that is active is left. */
  async function choose(name) {
    active = name === active && name !== drag ? drag : name;
    if (isMode(active) && active !== drag) {
      drag = active;
      if (!byTouch) plot.setDragMode(drag);
    }
    if (!isMode(active) && !layer) {
      mark();
      // Until it is there, a drag is no zoom.
      if (!byTouch) plot.setDragMode(false);
      if (!(await load())) active = drag;
      if (!byTouch) plot.setDragMode(drag);
    }
    mark();
    layer?.onTool();
  }

  /* What is chosen, and whether it is there. */
  function mark() {
    element('tools').querySelectorAll('[aria-pressed]').forEach((node) =>
      node.setAttribute('aria-pressed', String(node.id === 'tool-' + active))
    );
    element('plot-frame').classList.toggle('with-tool', takesTouch());
  }

  /** Whether what is drawn on the picture is a tool's. */
  const takesTouch = () => layer !== null && !isMode(active);

  /** Whether a key is one of the tools'. @param {KeyboardEvent} event @returns {boolean} */
  function onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !store.current()) return false;
    if (layer?.onKey(event)) return true;
    const name = event.shiftKey ? undefined : KEYS[event.key];
    if (!name) return false;
    if (!event.repeat) choose(name);
    return true;
  }

  /** What is requested measures something, or nothing any more. @param {View | null} view */
  async function onView(view) {
    if (layer) layer.onView();
    else if (view && (view.tools || view.frozen)) (await load())?.onView();
  }

  function start() {
    if (byTouch) plot.setDragMode(false);
    element('tools').addEventListener('click', ({ target }) => {
      const button = target instanceof Element && target.closest('.tool-button');
      if (!button) return;
      choose(/** @type {ToolName} */ (button.id.slice('tool-'.length)));
      focus.focusPicture();
    });
  }

  return {
    start,
    onKey,
    onView,
    /** A picture beside the main one, on which shapes are drawn from now on. @param {Surface} surface */
    attach: (surface) => {
      beside.push(surface);
      layer?.attach(surface);
    },
    /** The shapes on the plane of a view; null while there are none. @param {View} view @returns {Sketch | null} */
    sketchOf: (view) => layer && layer.sketchOf(view),
    /* Pictures beside the main one show another slice. */
    onBeside: () => layer?.onBeside(),
    /** The picture has come to rest, or is left. */
    onPhase: () => layer?.onPhase(),
    /** Leave what is drawn, what is selected, or the tool; whether there was any of it. */
    leave: () => Boolean(layer?.leave()),
    takesTouch,
  };
}
