/* The state of the picture, and how events change it.

       rest ──move──► moving ──settle──► settling ──rest──► rest        every phase ──fail──► failed
         └───load──────┴──load──────────► settling                      every phase ──halt──► rest

   rest      the picture is what is requested, or nothing is requested
   moving    other slices of the drawn plane are requested; the canvas shows them
   settling  values are requested or being drawn into the heatmap
   failed    what was requested cannot be shown; what is on the screen stays */

/** @import { Cells, ValuesRequest } from '../model/cells.mjs' */
/** @import { ColorMapping } from '../model/colormap.mjs' */

/**
 * @typedef {'rest' | 'moving' | 'settling' | 'failed'} Phase
 * @typedef {{key: string, request: ValuesRequest, cells: Cells, mapping: ColorMapping}} Drawn
 * @typedef {{frameSetKey: string, index: number, step: number}} Painted
 * @typedef {{type: 'move', at: number} | {type: 'load', at: number} | {type: 'recolor'} | {type: 'settle'}
 *   | {type: 'rest'} | {type: 'fail'} | {type: 'halt'} | {type: 'painted', painted: Painted | null} | {type: 'outdated'}
 *   | {type: 'uncovered'} | {type: 'drawn', drawn: Drawn} | {type: 'recolored', mapping: ColorMapping}
 *   | {type: 'broken'}} PictureEvent
 * @typedef {PictureEvent['type']} EventType
 * @typedef {ReturnType<typeof createStateMachine>} PictureMachine
 */

/** @type {Record<Phase, Partial<Record<EventType, Phase>>>} */
const NEXT = {
  rest: { move: 'moving', load: 'settling', recolor: 'settling', settle: 'settling' },
  moving: { move: 'moving', load: 'settling', recolor: 'moving', settle: 'settling' },
  settling: { move: 'moving', load: 'settling', recolor: 'settling', settle: 'settling' },
  failed: { move: 'moving', load: 'settling', recolor: 'settling', settle: 'settling' },
};
/** @type {Partial<Record<EventType, Phase>>} */
const EVERYWHERE = { rest: 'rest', fail: 'failed', halt: 'rest' };

/**
 * @typedef {object} PictureState
 * @property {Phase} phase
 * @property {number} revision Counts requests, other colours and halts: work of an earlier revision is stale.
 * @property {number} halts Counts halts: what arrives from before one is not drawn.
 * @property {number} requestedAt Time of the last request (ms).
 * @property {Readonly<Drawn & {broken: boolean}> | null} drawn The heatmap.
 * @property {Painted | null} painted The slice on the canvas.
 * @property {boolean} covered Whether the canvas hides the heatmap.
 */

/** @type {Readonly<PictureState>} */
export const INITIAL = Object.freeze({
  phase: 'rest',
  revision: 0,
  halts: 0,
  requestedAt: -Infinity,
  drawn: null,
  painted: null,
  covered: false,
});

/** The state after an event.
 * @param {Readonly<PictureState>} state @param {PictureEvent} event @returns {Readonly<PictureState>} */
export function transition(state, event) {
  const { type } = event;
  const phase = EVERYWHERE[type] || NEXT[state.phase][type] || state.phase;
  return Object.freeze(Object.assign({}, state, { phase }, change(state, event)));
}

/** @param {Readonly<PictureState>} state @param {PictureEvent} event @returns {Partial<PictureState>} */
function change(state, event) {
  const revision = state.revision + 1;
  switch (event.type) {
    case 'move':
    case 'load':
      return { revision, requestedAt: event.at };
    case 'recolor':
      return { revision };
    case 'halt':
      return { revision, halts: state.halts + 1 };
    case 'settle':
    case 'rest':
    case 'fail':
      return {};
    // A slice is on the canvas; `painted` is null for values without a frame.
    case 'painted':
      return { painted: event.painted, covered: true };
    // What is on the canvas has the codes of another window or norm.
    case 'outdated':
      return { painted: null };
    case 'uncovered':
      return { painted: null, covered: false };
    case 'drawn':
      return { drawn: Object.freeze(Object.assign({ broken: false }, event.drawn)) };
    case 'recolored':
      return { drawn: Object.freeze(Object.assign({}, state.drawn, { mapping: event.mapping })) };
    // Drawing has thrown: the heatmap may show anything.
    case 'broken':
      return state.drawn ? { drawn: Object.freeze(Object.assign({}, state.drawn, { broken: true })) } : {};
    default:
      throw new Error('no such event: ' + /** @type {PictureEvent} */ (event).type);
  }
}

/** Holds the state of the one picture of the page; `onPhase(phase)` hears of another phase.
 * @param {(phase: Phase) => void} onPhase */
export function createStateMachine(onPhase = (_phase) => undefined) {
  let state = INITIAL;
  return {
    state: () => state,
    /** @template {EventType} T @param {T} type @param {Omit<Extract<PictureEvent, {type: T}>, 'type'>} [details] */
    send: (type, details) => {
      const before = state.phase;
      state = transition(state, /** @type {PictureEvent} */ (Object.assign({ type }, details)));
      if (state.phase !== before) onPhase(state.phase);
    },
  };
}
