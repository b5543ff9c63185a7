/* What the monitor shows, as it stands in the address bar: time span, row, filters, switches, and the chosen slice. */

import { encodeValue } from '../address.mjs';

/* Time spans up to now, with steps (s) that are whole seconds, minutes or hours as these are kept: all have fewer than
   a hundred. */
export const RANGES = [
  { name: '5m', label: '5 min', seconds: 300, step: 10 },
  { name: '1h', label: '1 h', seconds: 3600, step: 60 },
  { name: '6h', label: '6 h', seconds: 6 * 3600, step: 300 },
  { name: '24h', label: '24 h', seconds: 86400, step: 900 },
  { name: '7d', label: '7 d', seconds: 7 * 86400, step: 7200 },
  { name: '30d', label: '30 d', seconds: 30 * 86400, step: 8 * 3600 },
];

export const ROWS = ['latency', 'requests', 'caches', 'prefetch', 'machine'];
export const FILTERS = ['volume', 'axis', 'outcome', 'reason', 'kind', 'process'];

/** Ways to show the same, by the name of what is switched; the first one is the default.
 * @type {Record<string, string[]>} */
export const SWITCHES = {
  latency: ['perceived', 'server'],
  outcomes: ['requests', 'bytes', 'time'],
  slow: ['slowest', 'latest'],
  groups: ['volume', 'axis', 'format', 'viewer', 'node', 'contents'],
};

/** @typedef {{from: number, to: number}} Span Unix times (s). */

/**
 * @typedef {object} State
 * @property {string} range Name of a time span up to now.
 * @property {Span | null} span A span between two times, in place of the range.
 * @property {string} row
 * @property {Record<string, string>} filters
 * @property {Record<string, string>} switches
 * @property {number | null} at Time of the chosen slice (Unix time, s).
 * @property {boolean} wall
 */

/** @type {State} */
export const START = {
  range: '5m',
  span: null,
  row: 'latency',
  filters: {},
  switches: {},
  at: null,
  wall: false,
};

/** What an address asks for; what is not understood in it is as at first. @param {string} search @returns {State} */
export function parseState(search) {
  const query = new URLSearchParams(search);
  /** @param {string} name @param {string[]} known @param {string} otherwise */
  const among = (name, known, otherwise) =>
    known.includes(/** @type {string} */ (query.get(name))) ? /** @type {string} */ (query.get(name)) : otherwise;
  const [from, to] = ['from', 'to'].map((name) => Number(query.get(name) || NaN));
  const filters = FILTERS.filter((name) => query.get(name)).map((name) => [name, query.get(name)]);
  const switches = Object.entries(SWITCHES)
    .map(([name, known]) => [name, among('show-' + name, known, known[0])])
    .filter(([name, value]) => value !== SWITCHES[name][0]);
  const at = Number(query.get('at') || NaN);
  return {
    range: among('range', RANGES.map(({ name }) => name), START.range),
    span: from > 0 && to > from && Number.isFinite(to) ? { from, to } : null,
    row: among('row', ROWS, START.row),
    filters: Object.fromEntries(filters),
    switches: Object.fromEntries(switches),
    at: at > 0 && Number.isFinite(at) ? at : null,
    wall: query.get('wall') === '1',
  };
}

/** The address of a state, without what is as at first. @param {State} state */
export function formatState(state) {
  /** @type {[name: string, value: string | number][]} */
  const query = [];
  if (state.span) query.push(['from', state.span.from], ['to', state.span.to]);
  if (state.range !== START.range) query.push(['range', state.range]);
  if (state.row !== START.row) query.push(['row', state.row]);
  FILTERS.filter((name) => state.filters[name]).forEach((name) => query.push([name, state.filters[name]]));
  Object.keys(SWITCHES).filter((name) => state.switches[name])
    .forEach((name) => query.push(['show-' + name, state.switches[name]]));
  if (state.at !== null) query.push(['at', state.at]);
  if (state.wall) query.push(['wall', 1]);
  return query.length ? '?' + query.map(([name, value]) => name + '=' + encodeValue(value)).join('&') : '';
}

/** How something is shown. @param {State} state @param {string} name */
export function switchOf(state, name) {
  return state.switches[name] || SWITCHES[name][0];
}

/** @param {State} state */
export function rangeOf(state) {
  return RANGES.find(({ name }) => name === state.range) || RANGES[0];
}

/** The parameters of a request for figures over time; for a span between two times the server chooses the steps.
 * @param {State} state */
export function seriesQuery(state) {
  if (state.span) return { from: state.span.from, to: state.span.to };
  const { seconds, step } = rangeOf(state);
  return { from: -seconds, step };
}

/** The parameters of a request for the sums of the same time. @param {State} state */
export function sumsQuery(state) {
  return state.span ? { from: state.span.from, to: state.span.to } : { window: rangeOf(state).seconds };
}

// The shortest span that a drag chooses (s): steps are at least a second long.
const SHORTEST_S = 10;

/** A span in whole seconds; null for one that is too short.
 * @param {number} from @param {number} to @returns {Span | null} */
export function chosenSpan(from, to) {
  const span = { from: Math.floor(Math.min(from, to)), to: Math.ceil(Math.max(from, to)) };
  return span.to - span.from >= SHORTEST_S ? span : null;
}

/** The part of a span (Unix times, s) that is younger than `kept` seconds; null for none.
 * @param {Span} span @param {number} kept @param {number} now @returns {Span | null} */
export function recentPart({ from, to }, kept, now) {
  const start = Math.max(from, Math.ceil(now - kept) + 1);
  return kept > 0 && start < to ? { from: start, to } : null;
}

/** The filters with another one. A volume and an axis exclude each other: figures are kept by one of them at a time.
 * @param {State['filters']} filters @param {string} name @param {string} value @returns {State['filters']} */
export function withFilter(filters, name, value) {
  const other = /** @type {Record<string, string | undefined>} */ ({ volume: 'axis', axis: 'volume' })[name];
  return { ...filters, ...(other && value ? { [other]: '' } : {}), [name]: value };
}

const LONGEST_PERIOD_S = 60;

/** Time between two polls (ms): a step, but a minute at most, so that a wall screen notices what is down. Null for a
 * time that has passed. @param {State} state @returns {number | null} */
export function periodOf(state) {
  return state.span ? null : 1000 * Math.min(rangeOf(state).step, LONGEST_PERIOD_S);
}
