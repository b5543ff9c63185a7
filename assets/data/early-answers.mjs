/* Answers that were requested before the page was there. Each is for the first request of the same address. */

/** @import { Send } from './api.mjs' */

/** @typedef {ReturnType<typeof createEarlyAnswers>} EarlyAnswers */

/** What an answer is named by: whether it was compressed is no matter. @param {string} address @returns {string} */
export const nameOf = (address) => address.replace('&compress=1', '');

/** @param {Send} [send] As the browser's `fetch`. */
export function createEarlyAnswers(send = (address, options) => fetch(address, options)) {
  /** By name. @type {Map<string, Promise<Response>>} */
  const kept = new Map();

  /** Request now, and keep the answer, unless it is a refusal.
   * @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} */
  async function ask(address, options) {
    const answer = send(address, options);
    const name = nameOf(address);
    kept.set(name, answer);
    try {
      const response = await answer;
      if (!response.ok) kept.delete(name);
      return response.clone();
    } catch (error) {
      kept.delete(name);
      throw error;
    }
  }

  /** The answer that is kept for an address, else another one.
   * @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} */
  async function take(address, options) {
    const answer = kept.get(nameOf(address));
    kept.delete(nameOf(address));
    const response = answer && await answer.catch(() => null);
    return response && response.ok ? response : send(address, options);
  }

  return { ask, take };
}
