/* What made a slice slow, in a sentence, out of the times of its stages. */

import { formatDuration } from './number-format.mjs';
/** @import { View } from './view.mjs' */

/**
 * @typedef {Record<string, number | undefined>} Stages Time (ms) that a slice spent in each stage, by its name.
 * @typedef {'disk' | 'cache' | 'queue' | 'shared' | 'decode' | 'picture' | 'network' | 'browser'} Cause
 */

// A slice that was there within this time (ms) was held up by nothing.
const QUICK_MS = 100;

// What is said of the causes: while it lasts, and afterwards. `took` is "0.9 s of 1.1 s".
/** @type {Record<Cause, [string, (took: string) => string]>} */
const CAUSES = {
  disk: ['reading', (took) => `The server’s disk: reading took ${took}.`],
  cache: ['reading the cache', (took) => `The disk of the server’s cache took ${took}.`],
  queue: ['waiting in a queue', (took) => `A queue: all threads of the server were busy, for ${took}.`],
  shared: ['decoding', (took) => `Another request was decoding the same data: waiting for it took ${took}.`],
  decode: ['decoding', (took) => `Decoding on the server took ${took}.`],
  picture: ['rendering', (took) => `Rendering on the server took ${took}.`],
  network: ['transferring', (took) => `Your network: the transfer took ${took}.`],
  browser: ['drawing', (took) => `This browser: drawing and other work took ${took}.`],
};

/** Times (ms) by cause, out of those by stage; `queue` is a part of `wait`.
 * @param {Stages} stages @returns {Record<Cause, number>} */
function causesOf(stages) {
  /** @param {...string} names */
  const sum = (...names) => names.reduce((total, name) => total + (stages[name] || 0), 0);
  const queue = Math.min(sum('queue'), sum('wait'));
  return {
    disk: sum('read'),
    cache: sum('cache'),
    queue,
    shared: sum('wait') - queue,
    decode: sum('decode'),
    picture: sum('index', 'scale', 'encode', 'other'),
    network: sum('transfer'),
    browser: sum('waited', 'convert', 'draw', 'display'),
  };
}

/** The cause that took longest: {name, ms}. @param {Stages} stages @returns {{name: Cause, ms: number}} */
export function mainCause(stages) {
  const causes = /** @type {[Cause, number][]} */ (Object.entries(causesOf(stages)));
  const [name, ms] = causes.reduce((most, one) => (one[1] > most[1] ? one : most));
  return { name, ms };
}

/** What is going on while a slice of which `cause` took longest is awaited.
 * @param {Cause | undefined} cause @returns {string} */
export function activityOf(cause) {
  return cause ? CAUSES[cause][0] : 'loading';
}

/** The sentence for a slice that took `whole` ms. `view` has the shape of chunks, along which slices are decoded.
 * @param {Stages} stages @param {number} whole @param {View | null} view @returns {string} */
export function describeCulprit(stages, whole, view) {
  if (whole < QUICK_MS) return 'Quick: no step held this slice up.';
  const { name, ms } = mainCause(stages);
  const sentence = CAUSES[name][1](formatDuration(ms) + ' of ' + formatDuration(whole));
  return name === 'decode' ? [sentence, ...adviceFor(view)].join(' ') : sentence;
}

/** How many slices are decoded together along the axis of a view, and the axis along which they are far fewer.
 * @param {View | null} view @returns {string[]} */
function adviceFor(view) {
  if (!view || !view.chunks || view.axis === null) return [];
  const { chunks, shape } = view;
  /** @param {number} axis */
  const thickness = (axis) => Math.min(chunks[axis], shape[axis]);
  const here = thickness(view.axis);
  if (here < 2) return [];
  const axes = view.shape.map((_, axis) => axis).filter((axis) => view.shape[axis] > 1);
  const best = axes.reduce((least, axis) => (thickness(axis) < thickness(least) ? axis : least), view.axis);
  const together = `A chunk is ${here} slices thick: the neighbours are ready now.`;
  return 2 * thickness(best) <= here ? [together, `Along axis ${best} it is ${thickness(best)}.`] : [together];
}
