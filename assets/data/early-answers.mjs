/* Answers that were requested before the page was there. Each is for the first request of the same address. */

/** @import { Send } from './api.mjs' */

/** @typedef {ReturnType<typeof createEarlyAnswers>} EarlyAnswers */

// The page asks for them soon; a link that is followed later is answered anew.
const KEPT_MS = 60_000;

/** What an answer is named by: whether it was compressed is no matter. @param {string} address @returns {string} */
export const nameOf = (address) => address.replace('&compress=1', '');

/** @param {Send} [send] As the browser's `fetch`. @param {() => number} [now] In ms. */
export function createEarlyAnswers(
  send = (address, options) => fetch(address, options),
  now = () => performance.now(),
) {
  /** By name: answers, when they came (ms), and what gives their requests up.
   * @type {Map<string, {answer: Promise<Response>, at: number, controller: AbortController}>} */
  const kept = new Map();

  /** Request now, and keep the answer, unless it is a refusal.
   * @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} */
  async function ask(address, options) {
    const controller = new AbortController();
    const answer = send(address, { ...options, signal: controller.signal });
    const name = nameOf(address);
    const entry = { answer, at: Infinity, controller };
    kept.set(name, entry);
    try {
      const response = await answer;
      entry.at = now();
      if (!response.ok) kept.delete(name);
      return response.clone();
    } catch (error) {
      kept.delete(name);
      throw error;
    }
  }

  /** The answer that is kept for an address, else another one. Who gives it up ends its request.
   * @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} */
  async function take(address, options) {
    const name = nameOf(address);
    const entry = kept.get(name);
    kept.delete(name);
    const response = entry && now() - KEPT_MS < entry.at && await taken(entry, options?.signal);
    return response && response.ok ? response : send(address, options);
  }

  return { ask, take, forget: () => kept.clear() };
}

/** @param {{answer: Promise<Response>, controller: AbortController}} entry @param {AbortSignal | null} [signal] */
function taken({ answer, controller }, signal) {
  if (signal?.aborted) controller.abort();
  else signal?.addEventListener('abort', () => controller.abort(), { once: true });
  return answer.catch(() => null);
}
