"""Statistics over time: what one step of a series has, and series as JSON types and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboard.telemetry.aggregates import OTHER, Totals
from dashboard.telemetry.distributions import BUCKET_NAMES, distributions
from dashboard.telemetry.groups import By, GroupStats, groups_of
from dashboard.telemetry.ledger import BRICK_WRITE, PREFETCH_LEAD, QUEUE
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.telemetry.summaries import StageStats, all_slices_stats, time_stats

# Groups of a breakdown over time; the rest is one.
MAX_SHOWN: Final = 32
# A slice that is painted within this time (s) is seen at once; a boundary of the histograms.
AT_ONCE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class StageSeries:
    """One stage, or whole slices, by time step.

    Percentiles are in ms and None where it did not occur; `total_s` is the sum of all times (s).
    """

    count: tuple[int, ...]
    p50_ms: tuple[float | None, ...]
    p95_ms: tuple[float | None, ...]
    total_s: tuple[float, ...]
    p99_ms: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """Time series, with one entry for each step in every tuple.

    `times` are the steps' starts (Unix time, s), whole multiples of `step_s`; the last step may be incomplete.
    `resolution_s` is the length of the longest rows that were summed. `outcomes` and `counts` are sums in the
    step. `server` and `perceived` are whole slices: the server's total, and the time from a viewer's request to
    the painted slice; `slices` is the number of slices that the stages of the step belong to. `gauges` are the
    last known values at its end, None before the first. Stages, counters and gauges that do not occur are
    omitted; all outcomes are listed. `groups` are those of a breakdown `by` something, None without one. `totals`
    is what all of it is made of, shared and not to be modified. `seen_at_once` is the number of slices that were
    painted within 100 ms, `queue` and `brick_write` are as in a `Snapshot`; `prefetch_lead` is the time from a
    prefetched brick being ready to its first demand.
    """

    step_s: float
    times: tuple[float, ...]
    outcomes: dict[str, tuple[int, ...]]
    stages: dict[str, StageSeries]
    counts: dict[str, tuple[float, ...]]
    gauges: dict[str, tuple[float | None, ...]]
    perceived: StageSeries
    slices: tuple[int, ...]
    server: StageSeries = StageSeries((), (), (), ())
    resolution_s: int = 1
    by: By | None = None
    groups: dict[str, tuple[GroupStats | None, ...]] | None = None
    totals: tuple[Totals, ...] = ()
    seen_at_once: tuple[int, ...] = ()
    queue: StageSeries = StageSeries((), (), (), ())
    brick_write: StageSeries = StageSeries((), (), (), ())
    prefetch_lead: StageSeries = StageSeries((), (), (), ())


def make_series(
    times: Sequence[float],
    step_s: float,
    resolution_s: int,
    totals: Sequence[Totals],
    gauges: dict[str, tuple[float | None, ...]],
    by: By | None,
) -> Series:
    """The series of steps that begin at `times` and have these totals."""
    stages: dict[str, StageSeries] = {}
    for stage in STAGE_NAMES:
        stats = [time_stats(t.stages.get(stage)) for t in totals]
        if any(stats):
            stages[stage] = _stage_series(stats)
    perceived = _stage_series([all_slices_stats(t.perceived) for t in totals])
    names = sorted({name for t in totals for name in t.counts})
    return Series(
        step_s=step_s,
        times=tuple(times),
        outcomes={o: tuple(t.demand.get(o, 0) for t in totals) for o in OUTCOMES},
        stages=stages,
        counts={name: tuple(t.counts.get(name, 0.0) for t in totals) for name in names},
        gauges=gauges,
        perceived=perceived,
        # The server's part of a slice is counted up to two seconds before the page's: in a step with one of them
        # only, the slice counts all the same.
        slices=tuple(
            max(sum(t.demand.values()), painted)
            for t, painted in zip(totals, perceived.count, strict=True)
        ),
        server=_stage_series([all_slices_stats(t.server) for t in totals]),
        resolution_s=resolution_s,
        by=by,
        groups=None if by is None else _groups(totals, by),
        totals=tuple(totals),
        seen_at_once=tuple(
            sum(histogram.at_most(AT_ONCE_S) for histogram in t.perceived.values()) for t in totals
        ),
        queue=_stage_series([time_stats(t.times.get(QUEUE)) for t in totals]),
        brick_write=_stage_series([time_stats(t.times.get(BRICK_WRITE)) for t in totals]),
        prefetch_lead=_stage_series([time_stats(t.times.get(PREFETCH_LEAD)) for t in totals]),
    )


def _stage_series(stats: Sequence[StageStats | None]) -> StageSeries:
    return StageSeries(
        count=tuple(f["count"] if f else 0 for f in stats),
        p50_ms=tuple(f["p50_ms"] if f else None for f in stats),
        p95_ms=tuple(f["p95_ms"] if f else None for f in stats),
        total_s=tuple(f["total_s"] if f else 0.0 for f in stats),
        p99_ms=tuple(f["p99_ms"] if f else None for f in stats),
    )


def _groups(totals: Sequence[Totals], by: By) -> dict[str, tuple[GroupStats | None, ...]]:
    """The groups of all steps together, step by step; what is none of the largest there is `other`."""
    together = Totals()
    for each in totals:
        together.merge(each)
    largest = [name for name in groups_of(together, by) if name != OTHER][:MAX_SHOWN]
    names = groups_of(together, by, set(largest))
    steps = [groups_of(each, by, names) for each in totals]
    return {name: tuple(step.get(name) for step in steps) for name in names}


def as_json(series: Series, histogram: bool = False) -> dict[str, Any]:
    """A series as JSON types; percentiles have three digits, which is more than they are exact to.

    With a breakdown, it has the groups and neither stages nor counters nor gauges; with `histogram`, the
    distributions of whole slices instead.
    """
    found: dict[str, Any] = {
        "from": series.times[0],
        "to": series.times[-1] + series.step_s,
        "step_s": series.step_s,
        "resolution_s": series.resolution_s,
        "times": series.times,
        "demand": series.outcomes,
    }
    if series.groups is not None:
        return found | {
            "by": series.by,
            "groups": {name: _group(steps) for name, steps in series.groups.items()},
        }
    found |= {
        "server": _times(series.server, ("p50_ms", "p95_ms", "p99_ms")),
        "perceived": _times(series.perceived, ("p50_ms", "p95_ms", "p99_ms")),
    }
    if histogram:
        return found | {"histogram": {"bounds": BUCKET_NAMES} | distributions(series.totals)}
    return found | {
        "seen_within_100_ms": series.seen_at_once,
        "queue": _times(series.queue, ("p50_ms", "p95_ms")),
        "brick_write": _times(series.brick_write, ("p50_ms", "p95_ms")),
        "prefetch_lead": _times(series.prefetch_lead, ("p50_ms", "p95_ms")),
        "stages": {
            stage: _times(one, ("p50_ms", "p95_ms")) for stage, one in series.stages.items()
        },
        "counters": {
            name: [_short(v, 9) for v in values] for name, values in series.counts.items()
        },
        "gauges": {name: [_short(v, 9) for v in values] for name, values in series.gauges.items()},
    }


def _times(series: StageSeries, percentiles: Sequence[str]) -> dict[str, Sequence[float | None]]:
    found: dict[str, Sequence[float | None]] = {
        "count": series.count,
        "total_s": [_short(value, 6) for value in series.total_s],
    }
    return found | {name: [_short(v, 3) for v in getattr(series, name)] for name in percentiles}


def _group(steps: Sequence[GroupStats | None]) -> dict[str, Any]:
    """One group over time: counts, and where they are known demands by outcome and the server's time."""
    found: dict[str, Any] = {"count": [step["count"] if step else 0 for step in steps]}
    demands = [step.get("demand", {}) if step else {} for step in steps]
    occurring = [outcome for outcome in OUTCOMES if any(outcome in demand for demand in demands)]
    if occurring:
        found["demand"] = {o: [demand.get(o, 0) for demand in demands] for o in occurring}
        times = [step.get("server_s", 0.0) if step else 0.0 for step in steps]
        found["server_s"] = [_short(value, 4) for value in times]
    return found


def _short(value: float | None, digits: int) -> float | None:
    """A number with so many significant digits, whole where it can be."""
    if value is None:
        return None
    rounded = float(f"{value:.{digits}g}")
    return int(rounded) if rounded.is_integer() else rounded


def as_csv(series: Series, histogram: bool = False) -> str:
    """A series as CSV: a line for each step, with a column for each list of `as_json`, such as `server.p95_ms`."""
    found = as_json(series, histogram)
    if histogram:
        del found["histogram"]["bounds"]  # names of columns, and no column
    columns = [("time", found.pop("times")), *_columns("", found)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(name for name, _ in columns)
    writer.writerows(zip(*(values for _, values in columns), strict=True))
    return text.getvalue()


def _columns(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _columns(f"{prefix}{name}.", value)
        elif isinstance(value, (list, tuple)):
            yield f"{prefix}{name}", value
