/* The table of the row "Caches": a breakdown of what was demanded, or what is in the cache now. */

import { recentPart, switchOf } from '../../model/monitor/address.mjs';
import { CONTENTS_HEAD, contentsRows, dropQuestion, jobRows, JOBS_HEAD } from '../../model/monitor/contents.mjs';
import { GROUP_HEAD, groupRows } from '../../model/monitor/facts.mjs';
import { element } from '../../render/dom.mjs';
import { keep, make, table } from '../../render/monitor/elements.mjs';

/** @import { By } from '../../data/monitor/statistics.mjs' */
/** @import { Span, State } from '../../model/monitor/address.mjs' */
/** @import { ContentsGroup } from '../../model/monitor/contents.mjs' */
/** @import { RowParts } from './rows.mjs' */

const NO_SLICES = 'No slices in this time.';
const NO_BRICKS = 'The cache is empty.';
const NO_VIEWERS = 'Viewers are kept for an hour at most.';
const NO_NAMES = 'This server keeps no statistics by viewer.';
// The row's own filters.
const ROW = 'caches';

/** @param {Pick<RowParts, 'config' | 'statistics' | 'onError'>} parts @param {() => number} now Unix time (s). */
export function createGroups({ config, statistics, onError }, now) {
  /** Which of the filters that are set do not apply to a table. @param {State} state @param {string[]} applied */
  function notes({ filters }, applied) {
    const others = Object.keys(filters).filter((name) => config.filters[name].includes(ROW) && !applied.includes(name));
    return others.length ? [make('p', 'empty', `Not filtered by ${others.join(' and ')}.`)] : [];
  }

  /** @param {State} state @param {Span} span */
  async function show(state, span) {
    const by = switchOf(state, 'groups');
    if (by === 'contents') return await showContents(state);
    const list = element('monitor-groups');
    // Viewers are kept for an hour.
    const kept = by === 'viewer' ? recentPart(span, config.viewersS, now()) : null;
    if (by === 'viewer' && !kept) {
      const why = config.viewersS ? NO_VIEWERS : NO_NAMES;
      keep(list, why, () => [make('p', 'empty', why)]);
      return;
    }
    const { groups } = await statistics.sums(kept ? { ...state, span: kept } : state, /** @type {By} */ (by));
    const rows = groupRows(groups, by, state.filters[by]);
    keep(
      list,
      [by, rows, state.filters],
      () => [
        ...notes(state, [by]),
        ...table({ head: GROUP_HEAD[by], rows, chosen: null, onRow: null, empty: NO_SLICES }),
      ],
    );
  }

  /** @param {State} state */
  async function showContents(state) {
    const [{ contents, may_drop: mayDrop }, { jobs, may_ask: mayWarm }] = await Promise.all([
      statistics.contents(),
      statistics.jobs(),
    ]);
    /** @param {Promise<unknown>} change */
    const after = (change) => change.then(() => showContents(state)).catch(onError);
    const actions = {
      warm: mayWarm ? (/** @type {ContentsGroup} */ group) => after(statistics.warm(group)) : null,
      drop: mayDrop
        ? (/** @type {ContentsGroup} */ group) => confirm(dropQuestion(group)) && after(statistics.drop(group))
        : null,
    };
    const cancel = mayWarm ? (/** @type {string} */ id) => after(statistics.cancelJob(id)) : null;
    /** @param {string[]} names @param {unknown[]} buttons */
    const head = (names, ...buttons) => [...names, ...buttons.filter(Boolean).map(() => '')];
    keep(
      element('monitor-groups'),
      ['contents', contents, jobs, state.filters, mayDrop, mayWarm],
      () => [
        ...notes(state, ['volume', 'axis']),
        ...(jobs.length
          ? table({ head: head(JOBS_HEAD, cancel), rows: jobRows(jobs, cancel), chosen: null, onRow: null, empty: '' })
          : []),
        ...table({
          head: head(CONTENTS_HEAD, actions.warm, actions.drop),
          rows: contentsRows(contents, state.filters, actions),
          chosen: null,
          onRow: null,
          empty: NO_BRICKS,
        }),
      ],
    );
  }

  return { show };
}
