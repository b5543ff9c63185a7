/* Times, sizes and shares as people read them. */

import { formatDuration } from '../number-format.mjs';

export { formatDuration };

/** @typedef {[name: string, text: string, help?: string]} Fact */

/** A share (0…1) in percent, rounded down to a tenth, so that 100 % has no exception.
 * @param {number | null | undefined} share @returns {string} */
export function formatShare(share) {
  if (share === null || share === undefined) return '–';
  const tenths = Math.floor(1000 * share + 1e-9);
  return (tenths % 10 ? (tenths / 10).toFixed(1) : String(tenths / 10)) + ' %';
}

/** @param {number} count @returns {string} */
export function formatCount(count) {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A rate (1/s) @param {number} rate @returns {string} */
export function formatRate(rate) {
  if (rate === 0) return '0';
  return rate < 0.095 ? String(Number(rate.toPrecision(1))) : rate < 9.95 ? rate.toFixed(1) : formatCount(rate);
}

/** A longer time (s): 40 s, 6 min, 2.5 h, 3 days @param {number} seconds @returns {string} */
export function formatSeconds(seconds) {
  if (seconds < 1) return formatDuration(1000 * seconds);
  if (seconds < 99.5) return (seconds < 9.95 ? seconds.toFixed(1) : seconds.toFixed(0)) + ' s';
  if (seconds < 99.5 * 60) return (seconds / 60).toFixed(0) + ' min';
  if (seconds < 48 * 3600) return (seconds / 3600).toFixed(1) + ' h';
  return (seconds / 86400).toFixed(0) + ' days';
}

/** @param {number} count @param {string} one @param {string} many @returns {string} */
export function plural(count, one, many = one + 's') {
  return formatCount(count) + ' ' + (Math.round(count) === 1 ? one : many);
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, '0');

/** A time (Unix, s) of this clock, as Plotly takes dates: it knows no time zones.
 * @param {number} seconds @returns {string} */
export function localTime(seconds) {
  const d = new Date(1000 * seconds);
  const day = d.getFullYear() + '-' + two(d.getMonth() + 1) + '-' + two(d.getDate());
  return day + ' ' + two(d.getHours()) + ':' + two(d.getMinutes()) + ':' + two(d.getSeconds());
}

/** The Unix time (s) of a date as Plotly has it. @param {string} text @returns {number} */
export function fromLocalTime(text) {
  const parts = /^(\d+)-(\d+)-(\d+)(?:[ T](\d+):(\d+)(?::(\d+(?:\.\d+)?))?)?/.exec(String(text));
  if (!parts) return NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1).map((part) => Number(part || 0));
  return new Date(year, month - 1, day, hour, minute, 0).getTime() / 1000 + second;
}

/** A clock time (Unix, s), with the day where it is another one than that of `now`.
 * @param {number} seconds @param {number} now @param {boolean} withSeconds @returns {string} */
export function clockTime(seconds, now, withSeconds = false) {
  const text = localTime(seconds);
  const time = text.slice(11, withSeconds ? 19 : 16);
  return text.slice(0, 10) === localTime(now).slice(0, 10) ? time : text.slice(0, 10) + ' ' + time;
}
