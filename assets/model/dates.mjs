/* Dates of numbers that count time since one, as in `days since 2001-01-01`, in the calendars of the CF conventions
   (section 4.4), as cftime reads them on the server. */

import { valueUnit } from './meaning.mjs';
import { formatBound } from './number-format.mjs';
/** @import { View } from './view.mjs' */

/**
 * @typedef {{day: number, ns: number}} Moment Days since the first of the year 0, and the time of the day.
 * @typedef {{before: (year: number) => number, lengths: (year: number) => number[]}} Rule Days before a year since the
 *   year 0, and of its months.
 * @typedef {object} Calendar
 * @property {(year: number, month: number, day: number) => number} dayOf
 * @property {(day: number) => [year: number, month: number, day: number]} dateOf
 * @property {boolean} hasYearZero Whether the year 0 is between 1 and −1.
 *
 * @typedef {object} DateTicks
 * @property {number[]} values
 * @property {string[]} texts Of up to two lines.
 * @property {string} note What all texts have in common, and leave out.
 *
 * @typedef {object} Dates
 * @property {string} each The unit of times between dates.
 * @property {(value: number | bigint, step?: number) => string} text As ISO 8601; with `step` (in the unit), no more than
 *   tells apart dates that far from each other. Empty where there is none.
 * @property {(text: string) => number} value Of a date as text; NaN where it is not understood.
 * @property {(lo: number, hi: number, count: number) => DateTicks} ticks About `count` round dates between two.
 */

const SECOND = 1e9;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTH = 30 * DAY;
const YEAR = 365 * DAY;
// Beyond these days dates are of no use, and take long to be found.
const MOST_DAYS = 4e9;

/** @type {[ns: number, names: RegExp][]} */
const UNITS = [
  [1, /^(ns|nanos(econds?)?|nanosecs?)$/],
  [1e3, /^micros(econds?|ecs?)$/],
  [1e6, /^(millis(econds?|ecs?)|msecs?|ms)$/],
  [SECOND, /^(seconds?|secs?|s)$/],
  [MINUTE, /^min(ute)?s?$/],
  [HOUR, /^(hours?|hrs?|h)$/],
  [DAY, /^(days?|d)$/],
];
/** Units that one calendar alone has. @type {Record<string, [ns: number, names: RegExp]>} */
const OWN_UNITS = { '360_day': [MONTH, /^months?$/], noleap: [YEAR, /^common_years?$/] };

const SINCE = /^\s*(\w+)\s+since\s+(\S.*)$/i;
const DATE =
  /^([+-]?\d+)-(\d{1,2})(?:-(\d{1,2})(?:.(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?(?:.?(Z|[+-]\d\d(?::?\d\d)?))?)?/;

/* Calendars */

const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `leaps(year)` is how many leap years there are from the year 0 up to it. @param {(year: number) => number} leaps
 * @returns {Rule} */
const ruleOf = (leaps) => ({
  before: (year) => 365 * year + leaps(year),
  lengths: (year) => MONTHS.map((days, month) => (month === 1 ? days + leaps(year + 1) - leaps(year) : days)),
});
const GREGORIAN = ruleOf((year) => Math.ceil(year / 4) - Math.ceil(year / 100) + Math.ceil(year / 400));
const JULIAN = ruleOf((year) => Math.ceil(year / 4));

/** @param {Rule} rule @param {boolean} [hasYearZero] @returns {Calendar} */
function calendarBy({ before, lengths }, hasYearZero = true) {
  const mean = before(400) / 400;
  return {
    hasYearZero,
    dayOf: (year, month, day) =>
      lengths(year).slice(0, month - 1).reduce((days, each) => days + each, before(year)) + day - 1,
    dateOf: (day) => {
      let year = Math.floor(day / mean);
      while (before(year) > day) year -= 1;
      while (before(year + 1) <= day) year += 1;
      let rest = day - before(year);
      const months = lengths(year);
      let month = 0;
      while (rest >= months[month]) {
        rest -= months[month];
        month += 1;
      }
      return [year, month + 1, rest + 1];
    },
  };
}

/** The Julian calendar up to 4 October 1582, and the Gregorian one from the next day, the 15th, on. */
function mixedCalendar() {
  const [julian, gregorian] = [JULIAN, GREGORIAN].map((rule) => calendarBy(rule, false));
  const reform = gregorian.dayOf(1582, 10, 15);
  const between = julian.dayOf(1582, 10, 5) - reform;
  return {
    hasYearZero: false,
    dayOf: (/** @type {number} */ year, /** @type {number} */ month, /** @type {number} */ day) => {
      const found = gregorian.dayOf(year, month, day);
      return found < reform ? julian.dayOf(year, month, day) - between : found;
    },
    dateOf: (/** @type {number} */ day) => day < reform ? julian.dateOf(day + between) : gregorian.dateOf(day),
  };
}

/** @type {[names: string[], calendar: () => Calendar][]} */
const CALENDARS = [
  [['', 'standard', 'gregorian'], mixedCalendar],
  [['proleptic_gregorian', 'tai'], () => calendarBy(GREGORIAN)],
  [['julian'], () => calendarBy(JULIAN, false)],
  [['noleap', '365_day'], () => calendarBy(ruleOf(() => 0))],
  [['all_leap', '366_day'], () => calendarBy(ruleOf((year) => year))],
  [['360_day'], () => calendarBy({ before: (year) => 360 * year, lengths: () => MONTHS.map(() => 30) })],
];

/* Numbers */

/** @type {Map<string, Dates | null>} */
const known = new Map();

/** How the values that are shown are dates; null where they are not. @param {Pick<View, 'meaning' | 'decode'> &
 *   Partial<Pick<View, 'project' | 'kind' | 'axis' | 'shape'>>} view @returns {Dates | null} */
export function datesOf(view) {
  const unit = valueUnit(view);
  if (!SINCE.test(unit)) return null;
  const calendar = view.meaning?.value.calendar || '';
  const key = calendar + ' ' + unit;
  if (!known.has(key)) known.set(key, createDates(unit, calendar));
  return known.get(key) || null;
}

/** Null without a unit of time, a date or a calendar that are known.
 * @param {string} unit Such as `days since 2001-01-01`. @param {string} calendar @returns {Dates | null} */
export function createDates(unit, calendar) {
  const [, name, since] = SINCE.exec(unit) || [];
  const found = CALENDARS.find(([names]) => names.includes(calendar.toLowerCase()));
  if (!name || !found) return null;
  const own = Object.entries(OWN_UNITS).find(([one]) => found[0].includes(one));
  const units = own ? [...UNITS, own[1]] : UNITS;
  const each = units.find(([, names]) => names.test(name.toLowerCase()))?.[0];
  const calendar_ = found[1]();
  const base = parse(since, calendar_, false);
  return each && base ? datesFrom(base, name, each, calendar_) : null;
}

/** @param {Moment} base @param {string} name Of the unit. @param {number} each Its length (ns).
 * @param {Calendar} calendar @returns {Dates} */
function datesFrom(base, name, each, calendar) {
  const perDay = DAY / each;

  /** @param {number | bigint} value @returns {Moment | null} */
  function momentOf(value) {
    const [days, rest] = split(value, perDay);
    if (!(Math.abs(days + base.day) < MOST_DAYS)) return null;
    // Of numbers that are not exact, no more than cftime tells apart.
    const ns = each === 1 ? rest : Math.round(rest * each / 1000) * 1000;
    return carried({ day: base.day + days, ns: base.ns + ns });
  }

  /** @param {Moment} moment */
  const valueOf = ({ day, ns }) => (day - base.day) * perDay + (ns - base.ns) / each;

  return {
    each: name,
    text: (value, step) => {
      const moment = momentOf(value);
      if (!moment) return '';
      return textOf(moment, calendar, step === undefined ? exactStep(moment) : Math.max(step * each, 1));
    },
    value: (text) => {
      const moment = parse(text.trim(), calendar, true);
      return moment ? valueOf(moment) : NaN;
    },
    ticks: (lo, hi, count) => {
      const [from, to] = [momentOf(lo), momentOf(hi)];
      if (!from || !to) return { values: [], texts: [], note: '' };
      const moments = roundMoments(from, to, count, calendar);
      if (moments.found.length) return { values: moments.found.map(valueOf), ...labels(moments.found, moments.step) };
      const ends = lo < hi ? [from, to] : [from];
      return { values: lo < hi ? [lo, hi] : [lo], ...labels(ends, Math.min(...ends.map(exactStep))) };
    },
  };

  /** @param {Moment[]} moments @param {number} step (ns) */
  function labels(moments, step) {
    return shortened(moments.map((moment) => textOf(moment, calendar, step)), step);
  }
}

/** Whole days, and what is left in units of which a day has `perDay`.
 * @param {number | bigint} value @param {number} perDay @returns {[days: number, rest: number]} */
function split(value, perDay) {
  if (typeof value === 'bigint' && perDay >= 1) {
    const whole = BigInt(perDay);
    const rest = ((value % whole) + whole) % whole;
    return [Number((value - rest) / whole), Number(rest)];
  }
  const number = Number(value);
  const days = Math.floor(number / perDay);
  return [days, number - days * perDay];
}

/** @param {Moment} moment @returns {Moment} */
function carried({ day, ns }) {
  const days = Math.floor(ns / DAY);
  return { day: day + days, ns: ns - days * DAY };
}

/** @param {string} text @param {Calendar} calendar @param {boolean} isAll Whether the date is all of the text, and may lack
 * its day. @returns {Moment | null} */
function parse(text, { dayOf, dateOf, hasYearZero }, isAll) {
  const match = DATE.exec(text);
  if (!match || (isAll ? match[0] !== text : !match[3])) return null;
  const [year, month, date, hour, minute, second] = match.slice(1, 7).map((one, i) => Number(one ?? (i === 2 ? 1 : 0)));
  if ((!year && !hasYearZero) || hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12) return null;
  const day = dayOf(year < 0 && !hasYearZero ? year + 1 : year, month, date);
  // Not a 31st of a shorter month.
  if (dateOf(day)[2] !== date) return null;
  const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)?$/.exec(match[8] || '') || [];
  const offset = (sign === '-' ? -1 : 1) * (Number(hours || 0) * HOUR + Number(minutes || 0) * MINUTE);
  const fraction = Math.floor(Number('0.' + (match[7] || '0')) * 1e6) * 1000;
  return carried({ day, ns: hour * HOUR + minute * MINUTE + second * SECOND + fraction - offset });
}

/* Text */

/** The step of which a time is a multiple. @param {Moment} moment */
function exactStep({ ns }) {
  if (!ns) return DAY;
  return [MINUTE, SECOND].find((step) => ns % step === 0) || [1e6, 1e3].find((step) => ns % step === 0) || 1;
}

/** @param {Moment} moment @param {Calendar} calendar @param {number} step (ns) What is less is left out. @returns {string} */
function textOf(moment, { dateOf, hasYearZero }, step) {
  const digits = Math.min(Math.max(-Math.floor(Math.log10(step / SECOND)), 0), 9);
  const last = step >= DAY ? 0 : step >= MINUTE ? MINUTE : SECOND / Math.pow(10, digits);
  const { day, ns } = last ? carried({ day: moment.day, ns: Math.round(moment.ns / last) * last }) : moment;
  const [year, month, date] = dateOf(day);
  const shown = year < 1 && !hasYearZero ? year - 1 : year;
  const two = (/** @type {number} */ one) => String(one).padStart(2, '0');
  let text = (shown < 0 ? '-' : '') + String(Math.abs(shown)).padStart(4, '0');
  if (step >= YEAR) return text;
  text += '-' + two(month);
  if (step >= MONTH) return text;
  text += '-' + two(date);
  if (step >= DAY) return text;
  text += ' ' + two(Math.floor(ns / HOUR)) + ':' + two(Math.floor(ns % HOUR / MINUTE));
  if (step >= MINUTE) return text;
  text += ':' + two(Math.floor(ns % MINUTE / SECOND));
  return digits ? text + '.' + String(Math.round(ns % SECOND)).padStart(9, '0').slice(0, digits) : text;
}

/** Texts without what all of them begin with. @param {string[]} full @param {number} step (ns) */
function shortened(full, step) {
  if (step >= MONTH) return { texts: full, note: '' };
  const dates = full.map((text) => text.split(' ')[0]);
  const years = dates.map((date) => date.slice(0, -6));
  const isOne = (/** @type {string[]} */ texts) => texts.every((text) => text === texts[0]);
  const days = dates.map((date) => date.slice(-5));
  if (step >= DAY) {
    if (isOne(years)) return { texts: days, note: years[0] };
    return { texts: days.map((day, i) => day + '\n' + years[i]), note: '' };
  }
  const times = full.map((text) => text.split(' ')[1]);
  if (!isOne(dates)) {
    const ends = Array.from(new Set([years[0], years[years.length - 1]]));
    return { texts: times.map((time, i) => time + '\n' + days[i]), note: ends.join('–') };
  }
  if (step >= SECOND) return { texts: times, note: dates[0] };
  const starts = full.map((text) => text.slice(0, text.lastIndexOf(':')));
  if (!isOne(starts)) return { texts: times.map((time) => time.replace('.', '\n.')), note: dates[0] };
  return { texts: full.map((text, i) => text.slice(starts[i].length + 1) + ' s'), note: starts[0] };
}

/* Ticks */

const TIMES = [
  ...[1, 2, 5, 10, 15, 30].flatMap((one) => [one * SECOND, one * MINUTE]),
  ...[1, 2, 3, 4, 6, 12].map((one) => one * HOUR),
].sort((a, b) => a - b);

/** @param {Moment} from @param {Moment} to @param {number} count @param {Calendar} calendar
 * @returns {{found: Moment[], step: number}} */
function roundMoments(from, to, count, calendar) {
  const span = (to.day - from.day) * DAY + to.ns - from.ns;
  if (!(span > 0)) return { found: [], step: 1 };
  const rough = 0.999 * span / count;
  const time = rough < SECOND / 2 ? decimal(rough) : TIMES.find((one) => one >= rough);
  const all = time ? timesFrom(from, time) : daysFrom(from, rough, calendar);
  const found = [];
  for (const moment of all.moments) {
    if (moment.day > to.day || (moment.day === to.day && moment.ns > to.ns) || found.length > 3 * count) break;
    if (moment.day > from.day || (moment.day === from.day && moment.ns >= from.ns)) found.push(moment);
  }
  return { found, step: all.step };
}

/** The least of 1, 2, 5, 10… that is not below. @param {number} rough */
function decimal(rough) {
  const power = Math.pow(10, Math.floor(Math.log10(Math.max(rough, 1))));
  return /** @type {number} */ ([1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough));
}

/** @param {Moment} from @param {number} step (ns) Which divides a day. */
function timesFrom(from, step) {
  function* moments() {
    for (let at = Math.ceil(from.ns / step);; at += 1) yield carried({ day: from.day, ns: at * step });
  }
  return { step, moments: moments() };
}

/** @param {Moment} from @param {number} rough (ns) @param {Calendar} calendar */
function daysFrom(from, rough, { dayOf, dateOf }) {
  const days = [1, 2, 5, 10].find((one) => one * DAY >= rough);
  const months = [1, 2, 3, 6].find((one) => one * MONTH >= rough) || 12 * decimal(rough / YEAR);
  const [year, month] = dateOf(from.day);
  const begin = 12 * year + month - 1;
  const by = days ? 1 : months;
  function* moments() {
    for (let at = Math.floor(begin / by) * by;; at += by) {
      const [first, next] = [at, at + 1].map((one) => dayOf(Math.floor(one / 12), (one % 12 + 12) % 12 + 1, 1));
      if (!days) yield { day: first, ns: 0 };
      // Not the last of a month, which is beside the first of the next one.
      else for (let day = first; day < next - (days > 1 ? days / 2 : 0); day += days) yield { day, ns: 0 };
    }
  }
  return { step: days ? days * DAY : months < 12 ? months * MONTH : YEAR, moments: moments() };
}

/* The window */

// A bound is as exact as that many steps of the window.
const BOUND_STEPS = 1e5;

/** A bound of a window as text, as it is typed: a number, or a date where the values are dates.
 * @param {Parameters<typeof datesOf>[0]} view @param {number} value @param {number} lo @param {number} hi
 * @returns {string} */
export function boundText(view, value, lo, hi) {
  return datesOf(view)?.text(value, (hi - lo) / BOUND_STEPS) || formatBound(value, lo, hi);
}

/** What was typed as a value; NaN where it is not understood.
 * @param {Parameters<typeof datesOf>[0] | null} view @param {string} text @returns {number} */
export function parseBound(view, text) {
  const trimmed = text.trim().replace('−', '-');
  if (!trimmed) return NaN;
  const dates = Number.isNaN(Number(trimmed)) && view ? datesOf(view) : null;
  return dates ? dates.value(trimmed) : Number(trimmed);
}
