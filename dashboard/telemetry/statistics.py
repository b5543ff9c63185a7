"""Statistics of the ledger for the panels, `/api/v1/stats` and `/metrics`.

Each process reads new rows at most once a second, however many requests there are.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cachetools import FIFOCache

from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.aggregates import Totals
from dashboard.telemetry.ledger import KEEP_S
from dashboard.telemetry.ledger_reader import LedgerReader, ProcessStats
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.telemetry.summaries import (
    Snapshot,
    StageStats,
    slice_stats,
    summarize,
    time_stats,
)

log = logging.getLogger(__name__)

REFRESH_S: Final = 1.0
# Rows name viewers only while they are kept: "all" counts those of the last minute.
VIEWERS_S: Final = 60.0
# Number of windows or step lengths that are cached between two refreshes.
MAX_CACHED: Final = 16


@dataclass(frozen=True, slots=True)
class StageSeries:
    """One stage, or whole slices, by time step.

    Percentiles are in ms and None where it did not occur; `total_s` is the sum of all times (s).
    """

    count: tuple[int, ...]
    p50_ms: tuple[float | None, ...]
    p95_ms: tuple[float | None, ...]
    total_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Time series for the panels, with one entry for each step in every tuple.

    `times` are the steps' starts (Unix time, s), whole multiples of `step_s`; the last step is incomplete.
    `outcomes` and `counts` are sums in the step. `perceived` is the time from a viewer's request to the painted
    slice, and `slices` the number of slices that the stages of the step belong to. `gauges` are the last known
    values at its end, None before the first. Stages, counters and gauges that do not occur are omitted; all
    outcomes are listed.
    """

    step_s: float
    times: tuple[float, ...]
    outcomes: dict[str, tuple[int, ...]]
    stages: dict[str, StageSeries]
    counts: dict[str, tuple[float, ...]]
    gauges: dict[str, tuple[float | None, ...]]
    perceived: StageSeries
    slices: tuple[int, ...]


class Stats:
    """Reads the ledger; all methods may be called from any thread.

    `clock` gives Unix time (s).
    """

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._reader = LedgerReader(rows)
        self._snapshots: FIFOCache[float | None, Snapshot] = FIFOCache(MAX_CACHED)
        # Bounded, since windows are chosen by clients.
        self._series: FIFOCache[tuple[float, float], Series] = FIFOCache(MAX_CACHED)

    def snapshot(self, window_s: float | None = None) -> Snapshot:
        """Statistics of the last `window_s` seconds, or (None) since the ledger began, as JSON types.

        Windows are limited to the 15 minutes for which rows are kept. `viewers` is the number of viewers active
        in the window, for None in the last minute. Shares with a denominator of 0 are None. The result must not
        be modified.
        """
        window = None if window_s is None else min(max(1.0, window_s), KEEP_S)
        with self._lock:
            self._refresh()
            if window not in self._snapshots:
                self._snapshots[window] = self._snapshot(window)
            return self._snapshots[window]

    def series(self, seconds: float, step_s: float) -> Series:
        """The last `seconds` (at most 15 minutes) in steps of `step_s` seconds (at least 1)."""
        step = max(1.0, step_s)
        span = min(max(step, seconds), KEEP_S)
        with self._lock:
            self._refresh()
            if (span, step) not in self._series:
                self._series[span, step] = self._steps(span, step)
            return self._series[span, step]

    def totals(self) -> Totals:
        """Totals since the ledger began."""
        with self._lock:
            self._refresh()
            copy = Totals()
            copy.merge(self._reader.all)
            return copy

    def gauges(self) -> dict[str, float]:
        """Current values of all gauges."""
        with self._lock:
            self._refresh()
            return self._reader.gauges()

    def processes(self) -> list[ProcessStats]:
        """The live processes."""
        with self._lock:
            self._refresh()
            return [process.stats for process in self._reader.processes]

    def refresh(self) -> None:
        """Read new rows now, however short a time ago that was done."""
        with self._lock:
            self._read_at = -math.inf
            self._refresh()

    def _refresh(self) -> None:
        now = self._clock()
        if abs(now - self._read_at) < REFRESH_S:
            return
        self._read_at = now
        try:
            self._reader.refresh(now)
        except RowsUnavailable as error:
            log.warning("the ledger cannot be read, the statistics stay as they are: %s", error)
            return
        self._snapshots.clear()
        self._series.clear()

    def _window(self, window: float | None) -> tuple[Totals, set[str]]:
        viewers: set[str] = set()
        since = self._read_at - (VIEWERS_S if window is None else window)
        recent = [b for second, b in self._reader.bins.items() if second >= math.floor(since)]
        for bin_ in recent:
            viewers |= bin_.viewers
        if window is None:
            return self._reader.all, viewers
        totals = Totals()
        for bin_ in recent:
            totals.merge(bin_.totals)
        return totals, viewers

    def _snapshot(self, window: float | None) -> Snapshot:
        totals, viewers = self._window(window)
        processes = [process.stats for process in self._reader.processes]
        return summarize(totals, self._reader.gauges(), len(viewers), processes)

    def _steps(self, span: float, step: float) -> Series:
        last = math.floor(self._read_at / step)
        steps = range(last - max(1, math.ceil(span / step)) + 1, last + 1)
        sums = {step_index: Totals() for step_index in steps}
        for second, bin_ in self._reader.bins.items():
            if (step_index := math.floor(second / step)) in sums:
                sums[step_index].merge(bin_.totals)
        every = list(sums.values())
        stages: dict[str, StageSeries] = {}
        for stage in STAGE_NAMES:
            stats = [time_stats(totals.stages.get(stage)) for totals in every]
            if any(stats):
                stages[stage] = _stage_series(stats)
        perceived = _stage_series([slice_stats(t.perceived).get("all") for t in every])
        names = sorted({name for totals in every for name in totals.counts})
        return Series(
            step_s=step,
            times=tuple(step_index * step for step_index in steps),
            outcomes={o: tuple(t.demand.get(o, 0) for t in every) for o in OUTCOMES},
            stages=stages,
            counts={name: tuple(t.counts.get(name, 0.0) for t in every) for name in names},
            gauges=self._gauge_steps(steps, step),
            perceived=perceived,
            # The server's part of a slice is counted up to two seconds before the page's: in a step with one of
            # them only, the slice counts all the same.
            slices=tuple(
                max(sum(totals.demand.values()), painted)
                for totals, painted in zip(every, perceived.count, strict=True)
            ),
        )

    def _gauge_steps(self, steps: range, step: float) -> dict[str, tuple[float | None, ...]]:
        live = {process.name for process in self._reader.processes}
        last_seen: dict[str, int] = {}
        for second, bin_ in self._reader.bins.items():
            for process in bin_.per_process:
                last_seen[process] = max(last_seen.get(process, second), second)
        shared: dict[str, float] = {}
        own: dict[str, dict[str, float]] = {}
        values: list[dict[str, float]] = []
        seconds = sorted(self._reader.bins)
        position = 0
        for step_index in steps:
            while position < len(seconds) and seconds[position] < (step_index + 1) * step:
                bin_ = self._reader.bins[seconds[position]]
                shared |= bin_.shared
                for process, gauges in bin_.per_process.items():
                    own.setdefault(process, {}).update(gauges)
                position += 1
            known = dict(shared)
            for process, gauges in own.items():
                # The last values of a dead process are no longer valid.
                if process in live or last_seen[process] >= step_index * step:
                    for name, value in gauges.items():
                        known[name] = known.get(name, 0.0) + value
            values.append(known)
        answer: dict[str, tuple[float | None, ...]] = {}
        for name in sorted({name for known in values for name in known}):
            answer[name] = tuple(known.get(name) for known in values)
        # Rows contain every change, so what is in no row has not changed for as long as rows are kept.
        for name, value in self._reader.gauges().items():
            answer.setdefault(name, (value,) * len(values))
        return answer


def _stage_series(stats: Sequence[StageStats | None]) -> StageSeries:
    return StageSeries(
        count=tuple(f["count"] if f else 0 for f in stats),
        p50_ms=tuple(f["p50_ms"] if f else None for f in stats),
        p95_ms=tuple(f["p95_ms"] if f else None for f in stats),
        total_s=tuple(f["total_s"] if f else 0.0 for f in stats),
    )
