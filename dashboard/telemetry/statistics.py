"""Statistics of the ledger for the panels, `/api/v1/stats` and `/metrics`.

Each process reads new rows at most once a second, however many requests there are, and of the history once what
was compacted since.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from typing import Final

from cachetools import FIFOCache

from dashboard import errors
from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.aggregates import Totals
from dashboard.telemetry.gauge_steps import Span, gauge_steps
from dashboard.telemetry.groups import By, groups_of, totals_of_viewer
from dashboard.telemetry.history import (
    DEFAULT_RETENTION,
    HOURS,
    KEEP_S,
    MINUTES,
    VIEWERS,
    VIEWERS_S,
    Retention,
    Sums,
    Tier,
    duration,
    resolve_span,
)
from dashboard.telemetry.ledger_reader import LedgerReader, ProcessStats, WorkerStats
from dashboard.telemetry.past import PastReader
from dashboard.telemetry.series import Series, make_series
from dashboard.telemetry.summaries import Snapshot, summarize

log = logging.getLogger(__name__)

REFRESH_S: Final = 1.0
# Rows name viewers only while they are kept: "all" counts those of the last minute.
RECENT_VIEWERS_S: Final = 60.0
# Number of windows or step lengths that are cached between two refreshes.
MAX_CACHED: Final = 16
# Time spans whose history is cached until the next compaction.
MAX_CACHED_PAST: Final = 6
# Spans of which the sums are in memory until the next rows are read.
MAX_CACHED_SUMMED: Final = 4

# Steps that are chosen (s): the first with which a series is short enough.
STEPS_S: Final = (
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800),
    *(hours * 3600 for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168)),
)
# With so many steps, a response is smaller than 30 kB, compressed.
MAX_STEPS: Final = 100
MAX_STEPS_OF_GROUPS: Final = 62


class Stats:
    """Reads the ledger; all methods may be called from any thread.

    `clock` gives Unix time (s); `retention` says what is kept of the past.
    """

    def __init__(
        self,
        rows: Rows,
        clock: Callable[[], float] = time.time,
        retention: Retention = DEFAULT_RETENTION,
        node: str = "",
    ) -> None:
        self._node = node
        self._clock = clock
        self._retention = retention
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._reader = LedgerReader(rows, node)
        self._history = PastReader(rows, self._reader)
        # Bounded, since windows are chosen by clients.
        self._snapshots: FIFOCache[Hashable, Snapshot] = FIFOCache(MAX_CACHED)
        self._series: FIFOCache[tuple[Span, By | None, str | None], Series] = FIFOCache(MAX_CACHED)
        self._summed: FIFOCache[Hashable, list[Sums]] = FIFOCache(MAX_CACHED_SUMMED)
        self._past: FIFOCache[Hashable, Mapping[int, Sums]] = FIFOCache(MAX_CACHED_PAST)
        self._past_bases: frozenset[str] = frozenset()

    def snapshot(self, window_s: float | None = None, by: By | None = None) -> Snapshot:
        """Statistics of the last `window_s` seconds, or (None) since the ledger began, as JSON types.

        A window begins with the first row that has any of its time: `from` is where, `resolution_s` how long
        rows are there. `viewers` is the number of viewers active in the window, but at most in the last hour,
        for None in the last minute. Shares with a denominator of 0 are None. Raises `BadRequest` for a window
        that is not kept. The result must not be modified.
        """
        if window_s is not None:
            self._prepare(lambda: self._window(window_s, by), by)
        with self._lock:
            self._refresh()
            if (window_s, by) not in self._snapshots:
                self._snapshots[window_s, by] = self._snapshot(window_s, by)
            return self._snapshots[window_s, by]

    @property
    def keeps_viewers(self) -> bool:
        """Whether there are statistics by viewer."""
        return self._retention.names_days > 0

    def snapshot_between(self, start: float, end: float, by: By | None = None) -> Snapshot:
        """The same from `start` to `end`, times as in `between`; levels and processes are those of now."""
        self._prepare(lambda: self._whole_span(start, end, by), by)
        with self._lock:
            self._refresh()
            if (start, end, by) not in self._snapshots:
                span = self._whole_span(start, end, by)
                self._snapshots[start, end, by] = self._snapshot_of(span, by)
            return self._snapshots[start, end, by]

    def series(self, seconds: float, step_s: float, viewer: str | None = None) -> Series:
        """The last `seconds` in steps of `step_s` seconds (at least 1), as `between`.

        With `viewer`, its outcomes and counters alone; raises `BadRequest` where none are kept by viewer.
        Steps have to be whole minutes beyond the last 15 minutes, and whole hours beyond two days.
        """
        step = max(1.0, step_s)
        with self._lock:
            self._refresh()
            last = math.floor(self._read_at / step)
            count = max(1, math.ceil(seconds / step))
            first = (last - count + 1) * step
            self._check_kept(self._read_at - seconds, None if viewer is None else By.VIEWER)
            resolution = self._retention.resolution_s(self._read_at - first)
            return self._cached_series(Span(first, step, count, resolution), None, viewer)

    def between(
        self, start: float, end: float, step: int | None = None, by: By | None = None
    ) -> Series:
        """The steps that have any time from `start` to `end` (Unix time, s; 0 and negative: before now).

        Without `step` (s), one is chosen. Raises `BadRequest` for times that are not kept and for steps that are
        not whole rows of them or too many.
        """
        self._prepare(lambda: self._chosen_span(start, end, step, by), by)
        with self._lock:
            self._refresh()
            return self._cached_series(self._chosen_span(start, end, step, by), by)

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

    def own_processes(self) -> list[ProcessStats]:
        """The live processes of this machine."""
        with self._lock:
            self._refresh()
            return [one.stats for one in self._reader.processes if one.node == self._node]

    def named_processes(self) -> dict[str, ProcessStats]:
        """The live processes by name, such as `web-0`."""
        with self._lock:
            self._refresh()
            return {process.label: process.stats for process in self._reader.processes}

    def worker(self) -> WorkerStats:
        """The state of the prefetch worker of this machine."""
        with self._lock:
            self._refresh()
            return self._reader.worker

    def refresh(self) -> bool:
        """Read new rows now, however short a time ago that was done; returns whether that was possible."""
        with self._lock:
            self._read_at = -math.inf
            return self._refresh()

    def _refresh(self) -> bool:
        now = self._clock()
        if abs(now - self._read_at) < REFRESH_S:
            return True
        self._read_at = now
        try:
            self._reader.refresh(now)
        except RowsUnavailable as error:
            log.warning("the ledger cannot be read, the statistics stay as they are: %s", error)
            return False
        self._snapshots.clear()
        self._series.clear()
        self._summed.clear()
        return True

    def _snapshot(self, window: float | None, by: By | None) -> Snapshot:
        if window is not None:
            return self._snapshot_of(self._window(window, by), by)
        if by is By.VIEWER:
            self._check_kept(-math.inf, by)
        viewers = self._viewers(self._read_at - RECENT_VIEWERS_S)
        return self._summarized(self._reader.all, viewers, by, {"to": self._read_at})

    def _snapshot_of(self, span: Span, by: By | None) -> Snapshot:
        viewers = self._viewers(max(span.first, self._read_at - VIEWERS_S))
        covers = {
            "from": span.first,
            "to": min(span.end, self._read_at),
            "resolution_s": span.resolution_s,
        }
        return self._summarized(self._sums(span, by)[0].totals, viewers, by, covers)

    def _summarized(
        self, totals: Totals, viewers: set[str], by: By | None, covers: Mapping[str, float]
    ) -> Snapshot:
        processes = [process.stats for process in self._reader.processes]
        worker, gauges = self._reader.worker, self._reader.gauges()
        loads = {process.label: process.load for process in self._reader.processes}
        ever = self._reader.all
        found = summarize(totals, gauges, len(viewers), processes, worker, loads, ever)
        found |= covers  # type: ignore[typeddict-item]
        if by is not None:
            found |= {"by": by, "groups": groups_of(totals, by)}
        return found

    def _window(self, window: float, by: By | None) -> Span:
        """The last `window` seconds as one step, to the end of the present second; raises `BadRequest`."""
        now = self._read_at
        self._check_kept(now - window, by)
        resolution_s = self._retention.resolution_s(window)
        first = math.floor((now - window) / resolution_s) * resolution_s
        return Span(first, math.floor(now) + 1 - first, 1, resolution_s)

    def _whole_span(self, start: float, end: float, by: By | None) -> Span:
        """The rows from `start` to `end` as one step; raises `BadRequest`."""
        start, end = resolve_span(start, end, self._read_at)
        self._check_kept(start, by)
        resolution_s = self._retention.resolution_s(self._read_at - start)
        first, last = (math.floor(t / resolution_s) * resolution_s for t in (start, end))
        return Span(first, last + resolution_s - first, 1, resolution_s)

    def _prepare(self, make_span: Callable[[], Span], by: By | None) -> None:
        """Have the history of a span in memory, without the lock that short windows need meanwhile."""
        with self._lock:
            self._refresh()
            span, now = make_span(), self._read_at
        if span.resolution_s > 1:
            with suppress(RowsUnavailable):
                self._history.prepare(*self._past_arguments(span, by, now), now)

    def _past_arguments(
        self, span: Span, by: By | None, now: float
    ) -> tuple[tuple[Tier, ...], float, float, float]:
        """The tiers of a span, its start, its step (inf: only one), and where its history ends."""
        tiers = (HOURS, MINUTES, VIEWERS) if by is By.VIEWER else (HOURS, MINUTES)
        step = span.step if span.count > 1 else math.inf
        return tiers, span.first, step, span.end if span.end < now - KEEP_S else math.inf

    def _viewers(self, since: float) -> set[str]:
        """Viewers active since then (Unix time, s)."""
        viewers: set[str] = set()
        for second, bin_ in self._reader.bins.items():
            if math.floor(since) <= second <= self._read_at:
                viewers |= bin_.viewers
        if self._read_at - since > KEEP_S:
            first = math.floor(since / VIEWERS.seconds) * VIEWERS.seconds
            for sums in self._past_sums((VIEWERS,), first, math.inf, math.inf).values():
                viewers |= sums.viewers
        return viewers

    # Series

    def _check_kept(self, start: float, by: By | None) -> None:
        """Raise `BadRequest` unless there are statistics from `start` on (Unix time, s)."""
        age = self._read_at - start
        if by is By.VIEWER and self._retention.names_days <= 0:
            raise errors.BadRequest("This server keeps no statistics by viewer.")
        if by is By.VIEWER and age > VIEWERS_S:
            raise errors.BadRequest(f"By viewer, statistics are kept for {duration(VIEWERS_S)}.")
        if age > self._retention.kept_s:
            raise errors.BadRequest(f"Statistics are kept for {duration(self._retention.kept_s)}.")

    def _chosen_span(self, start: float, end: float, step: int | None, by: By | None) -> Span:
        now = self._read_at
        start, end = resolve_span(start, end, self._read_at)
        self._check_kept(start, by)
        most = MAX_STEPS if by is None else MAX_STEPS_OF_GROUPS
        chosen = (
            [step] if step is not None else [s for s in STEPS_S if (end - start) / s <= most - 2]
        )
        for one in chosen:
            first = math.floor(start / one) * one
            resolution = self._retention.resolution_s(now - first)
            if one % resolution == 0:
                count = math.floor(end / one) - math.floor(start / one) + 1
                if count > most:
                    raise errors.BadRequest(f"A series has at most {most} steps.")
                return Span(first, one, count, resolution)
        resolution = self._retention.resolution_s(now - start)
        raise errors.BadRequest(f"Steps of this time span are multiples of {resolution} seconds.")

    def _cached_series(self, span: Span, by: By | None, viewer: str | None = None) -> Series:
        key = (span, by, viewer)
        if key not in self._series:
            sums = self._sums(span, by if viewer is None else By.VIEWER)
            of_all = gauge_steps(self._reader, span, sums, self._read_at) if viewer is None else {}
            totals = [one.totals for one in sums]
            if viewer is not None:
                totals = [totals_of_viewer(one, viewer) for one in totals]
            self._series[key] = make_series(
                [span.first + index * span.step for index in range(span.count)],
                span.step,
                span.resolution_s,
                totals,
                of_all,
                by,
            )
        return self._series[key]

    def _sums(self, span: Span, by: By | None) -> list[Sums]:
        """What the rows of each step add up to; they may be shared and must not be modified."""
        # Rows of seconds are the same for each breakdown.
        past = None if span.resolution_s == 1 else self._past_arguments(span, by, self._read_at)
        if (span, past) not in self._summed:
            self._summed[span, past] = self._add_up(span, past and self._past_sums(*past))
        return self._summed[span, past]

    def _add_up(self, span: Span, past: Mapping[int, Sums] | None) -> list[Sums]:
        past = past or {}
        fresh: dict[int, Sums] = {}
        for second, bin_ in self._reader.bins.items():
            index = math.floor((second - span.first) / span.step)
            if 0 <= index < span.count and second <= self._read_at:
                if index not in fresh:
                    fresh[index] = past[index].copy() if index in past else Sums()
                fresh[index].totals.merge(bin_.totals)
        nothing = Sums()
        return [fresh.get(i) or past.get(i) or nothing for i in range(span.count)]

    def _past_sums(
        self, tiers: tuple[Tier, ...], first: float, step: float, until: float
    ) -> Mapping[int, Sums]:
        """What the rows of the history add up to in each step; raises `Busy`."""
        key = tiers, first, step, until
        if self._past_bases == self._reader.bases and key in self._past:
            return self._past[key]
        try:
            sums = self._history.steps(tiers, first, step, until, self._read_at)
        except RowsUnavailable as error:
            raise self._unreadable(error) from None
        if self._past_bases != self._reader.bases:
            self._past.clear()
            self._past_bases = self._reader.bases
        self._past[key] = sums
        return sums

    def _unreadable(self, error: RowsUnavailable) -> errors.Busy:
        log.warning("the history of the statistics cannot be read: %s", error)
        return errors.Busy("The statistics cannot be read now; try again.")
