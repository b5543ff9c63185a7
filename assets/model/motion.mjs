/* How the view moves through the slices, and which of them it requests next. */

// How far ahead of the movement frames are fetched (s), and how many.
const AHEAD_S = 2;
const MIN_AHEAD = 6;
const MAX_AHEAD = 120;

// Around a slice at rest, in steps of the last direction.
const AROUND = [1, 2, -1, 3, 4, -2];

// Requests further apart than this are not one movement.
const PAUSE_MS = 600;

// The weight of the newest step in the mean speed.
const NEWEST_SHARE = 0.2;

/**
 * @typedef {object} Velocity
 * @property {number} direction 1 or -1.
 * @property {number} stride Slices a step, where the last two steps have the same length; else 1.
 * @property {number} length Slices of the last step.
 * @property {number} speed Steps a second.
 * @property {number} at Time of the last step (ms).
 */

/** @type {Readonly<Velocity>} */
export const AT_REST = Object.freeze({ direction: 1, stride: 1, length: 0, speed: 0, at: -Infinity });

/** The velocity after a step of `delta` slices (not 0) at time `now` (ms).
 * @param {Readonly<Velocity>} velocity @param {number} delta @param {number} now @returns {Velocity} */
export function afterStep(velocity, delta, now) {
  const apart = now - velocity.at;
  const speed = 1000 / Math.max(apart, 4);
  const length = Math.abs(delta);
  return {
    direction: Math.sign(delta),
    stride: length === velocity.length ? length : 1,
    length,
    speed: apart > PAUSE_MS ? 0 : velocity.speed + (speed - velocity.speed) * NEWEST_SHARE,
    at: now,
  };
}

/** Indices that will be requested, the nearest first, and the one behind. `at(k)` is the index after k steps, null
 * where there is none; `delayMs` is the time that a frame takes to arrive: the first ones would come too late, so
 * that the list begins where the view will be by then. `capacity` is the most frames.
 * @param {Readonly<Velocity>} velocity
 * @param {{length: number, at: (k: number) => number | null, delayMs: number, capacity: number}} axis
 * @returns {number[]} */
export function indicesAhead({ speed }, { length, at, delayMs, capacity }) {
  const count = Math.min(Math.max(Math.ceil(speed * AHEAD_S), MIN_AHEAD), MAX_AHEAD, capacity);
  const lead = Math.max(Math.ceil((speed * delayMs) / 1000), 1);
  const steps = Array.from({ length: count }, (_, k) => lead + k).concat(-1);
  return steps.map(at).filter((index) => index !== null).filter((index) => index >= 0 && index < length);
}

/** Indices around a slice at rest, the likeliest first.
 * @param {Readonly<Velocity>} velocity @param {number} index @param {number} length @returns {number[]} */
export function indicesAround({ direction }, index, length) {
  return AROUND.map((k) => index + k * direction).filter((near) => near >= 0 && near < length);
}
