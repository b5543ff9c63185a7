/* What is measured: the list of shapes on the screen, and the panels of the one that is selected. Figures are asked for
   when the picture is at rest, and are those of the slice on the screen or marked as stale. */

import { lengthText, voxelsText } from '../../model/measures.mjs';
import { element, setText } from '../../render/dom.mjs';
import { colorOf } from '../../render/tool-shapes.mjs';
import { createBrief } from './brief.mjs';
import { button, make } from './panel.mjs';
import { createColumnPanel } from './column-panel.mjs';
import { createProfilePanel } from './profile-panel.mjs';
import { createRegionPanel } from './region-panel.mjs';
import { describe, nameOf, NAMES } from './words.mjs';
/** @import { Plane, Tool, ToolKind } from '../../model/tools.mjs' */
/** @import { View } from '../../model/view.mjs' */
/** @import { ToolParts } from '../tools.mjs' */
/** @import { Entry, Live } from './layer.mjs' */

/**
 * @typedef {object} Panel
 * @property {(tool: Tool, view: View) => boolean} fits
 * @property {(entry: Entry, view: View, isAtRest: boolean) => void} show
 * @property {(entry: Entry, view: View) => void} live While it is drawn or moved.
 * @property {(view?: View | null, isAtRest?: boolean) => void} hide With the view where no shape is chosen.
 * @property {() => boolean} [cancel] Stop what takes long; whether there was anything.
 * @property {() => {name: string, text: string} | null} headline What it says in one line; null where it is not shown.
 *
 * @typedef {object} MeasureHooks
 * @property {() => ToolKind | null} kind Of the tool that is chosen.
 * @property {() => Entry | null} current
 * @property {() => Entry[]} entries
 * @property {(plane: Plane) => View | null} viewOf The view of the picture that shows a plane; null where none does.
 * @property {(index: number | null) => void} select
 * @property {(by: Partial<Tool>) => void} change
 * @property {() => void} remove
 * @property {() => void} clear
 */

// A picture beside the main one is at rest after so long (ms).
const REST_MS = 120;

/** @param {ToolParts} parts @param {MeasureHooks} hooks */
export function createMeasure(parts, hooks) {
  const { clock, store, machine, focus } = parts;
  const brief = createBrief({ open: parts.dock.openMeasured });
  /** @type {Panel[]} */
  let panels = [];
  const own = Object.assign({ reported }, hooks);
  const columns = createColumnPanel(parts, own);
  panels = [createProfilePanel(parts, own), createRegionPanel(parts, own), columns];
  let listed = '';
  let timer = 0;

  /* One line of all. */
  function reported() {
    const lines = panels.flatMap((panel) => panel.headline() || []);
    const kind = hooks.kind();
    const entry = hooks.current();
    const of = entry ? nameOf(entry.tool, entry.index) : kind ? NAMES[kind] : '';
    const count = hooks.entries().length;
    const words = entry
      ? element('measured-length').textContent || ''
      : kind
      ? 'draw it on the picture'
      : 'tap one for figures';
    brief.show(
      lines.find(({ text }) => text) || lines[0] ||
        (of || count ? { name: of || count + (count === 1 ? ' shape' : ' shapes'), text: words } : null),
    );
  }

  /** What stands at a shape on the picture. @param {View} view @param {Tool} tool @param {number} index
   * @param {number} count Of shapes on the plane. */
  function labelOf(view, tool, index, count) {
    if (tool.kind === 'ruler') return lengthText(view, tool);
    return count > 1 ? String(index + 1) : '';
  }

  /* The shapes as buttons. */
  function list() {
    const entries = hooks.entries();
    const chosen = hooks.current();
    const text = JSON.stringify([entries, chosen?.index]);
    if (text === listed) return;
    listed = text;
    const chips = entries.map(({ tool, index }) => {
      const chip = button(nameOf(tool, index), () => {
        hooks.select(index === hooks.current()?.index ? null : index);
        focus.focusPicture();
      }, describe(tool, index));
      chip.className = 'shape-chip';
      chip.style.setProperty('--shape', colorOf(index));
      chip.setAttribute('aria-pressed', String(index === chosen?.index));
      return chip;
    });
    const actions = [];
    if (chosen) actions.push(button('Remove', () => act(hooks.remove), 'Remove what is selected (Delete)'));
    if (entries.length > 1) {
      actions.push(button('Remove all', () => act(hooks.clear), 'Remove all shapes that are on the screen'));
    }
    element('measured-shapes').replaceChildren(
      ...(entries.length ? chips : [make('span', 'empty', 'Draw on the picture, or press Enter.')]),
      ...actions,
    );
  }

  /** @param {() => void} job */
  function act(job) {
    job();
    focus.focusPicture();
  }

  /** The length of a ruler; that of a line stands over its profile. @param {Entry | null} entry */
  function measureLength(entry) {
    const view = entry && hooks.viewOf(entry.tool.plane);
    const texts = view && entry?.tool.kind === 'ruler' ? [lengthText(view, entry.tool), voxelsText(entry.tool)] : [];
    setText('measured-length', texts.filter((text, i) => texts.indexOf(text) === i).join(' · '));
  }

  /* Another shape, place, slice or plane. */
  function onChange(isAtRest = machine.state().phase === 'rest') {
    list();
    const entry = hooks.current();
    const view = entry ? hooks.viewOf(entry.tool.plane) : store.current();
    measureLength(entry);
    for (const panel of panels) {
      if (entry && view && panel.fits(entry.tool, view)) panel.show(entry, view, isAtRest);
      else panel.hide(entry ? null : view, isAtRest);
    }
    reported();
  }

  /** What is being drawn; null when that is given up. @param {Live | null} live */
  function onLive(live) {
    const view = live && hooks.viewOf(live.tool.plane);
    if (!live || !view) {
      onChange();
      return;
    }
    measureLength(live);
    for (const panel of panels) if (panel.fits(live.tool, view)) panel.live(live, view);
  }

  return {
    labelOf,
    onChange,
    /* Another tool is chosen. */
    onTool: reported,
    onLive,
    /** A point where the mouse is, which is none of the view's; null where there is none. @param {Tool | null} tool */
    onPoint: (tool) => columns.point(tool, tool && hooks.viewOf(tool.plane)),
    /* After the picture: no key waits for it. */
    onPhase: () => {
      clock.cancel(timer);
      timer = clock.later(() => onChange(), 0);
    },
    /* The slice of a picture beside the main one moves. */
    onMoved: () => {
      onChange(false);
      clock.cancel(timer);
      timer = clock.later(() => onChange(), REST_MS);
    },
    /* Stop what takes long; whether there was anything. */
    cancel: () => panels.some((panel) => panel.cancel?.()),
  };
}
