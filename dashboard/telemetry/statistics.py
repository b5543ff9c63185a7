"""Statistics of the ledger for the panels, `/api/v1/stats` and `/metrics`.

Each process reads new rows at most once a second, however many requests there are.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from cachetools import FIFOCache

from dashboard.addressing.outcomes import Outcome
from dashboard.storage.rows import Rows, RowsUnavailable
from dashboard.telemetry.aggregates import Histogram, Totals
from dashboard.telemetry.ledger import KEEP_S, REQUESTS
from dashboard.telemetry.ledger_reader import LedgerReader, ProcessStats
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES

log = logging.getLogger(__name__)

REFRESH_S: Final = 1.0
# Rows name viewers only while they are kept: "all" counts those of the last minute.
VIEWERS_S: Final = 60.0
# Number of windows or step lengths that are cached between two refreshes.
MAX_CACHED: Final = 16


# Rows of browser reports: `refused` is the sum of the reasons after it.
REPORTS: Final = (
    "accepted",
    "refused",
    "malformed",
    "unknown",
    "contradictory",
    "too_frequent",
)


class StageStats(TypedDict):
    """One stage over a window: count, percentiles (ms) and sum (s)."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    total_s: float


class CacheStats(TypedDict):
    """One cache: its size and limit now (bytes), its entries now, and the evictions in the window."""

    bytes: int
    limit: int
    entries: int
    evictions: int


class PhaseStats(TypedDict):
    """Bytes decoded ahead in one phase of viewing, and those of them that were used; share 0…1 or None."""

    decoded_bytes: int
    used_bytes: int
    accuracy: float | None


class PrefetchStats(TypedDict):
    """Prefetching: counts of bricks, bytes, and shares (0…1, None without any)."""

    planned: int
    in_flight: int
    decoded: int
    used: int
    late: int
    failed: int
    decoded_bytes: int
    used_bytes: int
    wasted_bytes: int
    accuracy: float | None
    coverage: float | None
    timeliness: float | None
    moving: PhaseStats
    resting: PhaseStats


class PageStats(TypedDict):
    """What pages report beside their slices: skipped ones, and slices and bytes that they fetched ahead."""

    skipped: int
    ahead: int
    ahead_bytes: int


class Snapshot(TypedDict):
    """Statistics over a window, as `/api/v1/stats` has them.

    `server` and `perceived` are whole slices by outcome, and `all` of them: the server's total, and the time from
    a viewer's request to the painted slice. `requests` counts all responses to requests for slices by kind (demand,
    ahead, script) and status.
    """

    demand: dict[str, int]
    stages: dict[str, StageStats]
    server: dict[str, StageStats]
    perceived: dict[str, StageStats]
    page: PageStats
    requests: dict[str, dict[str, int]]
    caches: dict[str, CacheStats]
    prefetch: PrefetchStats
    reports: dict[str, int]
    viewers: int
    processes: list[ProcessStats]


@dataclass(frozen=True, slots=True)
class StageSeries:
    """One stage by time step; percentiles in ms, None where it did not occur."""

    count: tuple[int, ...]
    p50_ms: tuple[float | None, ...]
    p95_ms: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Series:
    """Time series for the panels, with one entry for each step in every tuple.

    `times` are the steps' starts (Unix time, s), whole multiples of `step_s`; the last step is incomplete.
    `outcomes` and `counts` are sums in the step. `gauges` are the last known values at its end, None before the
    first. Stages, counters and gauges that do not occur are omitted; all outcomes are listed.
    """

    step_s: float
    times: tuple[float, ...]
    outcomes: dict[str, tuple[int, ...]]
    stages: dict[str, StageSeries]
    counts: dict[str, tuple[float, ...]]
    gauges: dict[str, tuple[float | None, ...]]


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
        gauges = self._reader.gauges()
        return {
            "demand": {outcome: totals.demand.get(outcome, 0) for outcome in OUTCOMES},
            "stages": {
                stage: stats
                for stage in STAGE_NAMES
                if (stats := time_stats(totals.stages.get(stage))) is not None
            },
            "server": slice_stats(totals.server),
            "perceived": slice_stats(totals.perceived),
            "page": {
                "skipped": round(totals.counts.get("page.skipped", 0.0)),
                "ahead": round(totals.counts.get("page.ahead", 0.0)),
                "ahead_bytes": round(totals.counts.get("page.ahead_bytes", 0.0)),
            },
            "requests": request_counts(totals),
            "caches": {
                name: {
                    "bytes": round(gauges.get(f"{name}.bytes", 0.0)),
                    "limit": round(gauges.get(f"{name}.limit", 0.0)),
                    "entries": round(gauges.get(f"{name}.entries", 0.0)),
                    "evictions": round(totals.counts.get(f"{name}.evictions", 0.0)),
                }
                for name in ("bricks", "frames")
            },
            "prefetch": prefetch_stats(totals, gauges),
            "reports": report_stats(totals),
            "viewers": len(viewers),
            "processes": [process.stats for process in self._reader.processes],
        }

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
                stages[stage] = StageSeries(
                    count=tuple(f["count"] if f else 0 for f in stats),
                    p50_ms=tuple(f["p50_ms"] if f else None for f in stats),
                    p95_ms=tuple(f["p95_ms"] if f else None for f in stats),
                )
        names = sorted({name for totals in every for name in totals.counts})
        return Series(
            step_s=step,
            times=tuple(step_index * step for step_index in steps),
            outcomes={o: tuple(t.demand.get(o, 0) for t in every) for o in OUTCOMES},
            stages=stages,
            counts={name: tuple(t.counts.get(name, 0.0) for t in every) for name in names},
            gauges=self._gauge_steps(steps, step),
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


def slice_stats(histograms: Mapping[Outcome, Histogram]) -> dict[str, StageStats]:
    """Statistics of whole slices by outcome, and under `all` of them together."""
    together = Histogram()
    for histogram in histograms.values():
        together.merge(histogram)
    parts = [*((str(o), histograms.get(o)) for o in OUTCOMES), ("all", together)]
    return {name: stats for name, part in parts if (stats := time_stats(part)) is not None}


def request_counts(totals: Totals) -> dict[str, dict[str, int]]:
    """Responses to requests for slices by kind and status."""
    found: dict[str, dict[str, int]] = {}
    for name, count in sorted(totals.counts.items()):
        if name.startswith(f"{REQUESTS}."):
            kind, _, status = name.partition(".")[2].rpartition("_")
            found.setdefault(kind, {})[status] = round(count)
    return found


def time_stats(histogram: Histogram | None) -> StageStats | None:
    """Count, percentiles (ms) and sum (s); None without any time."""
    if histogram is None or histogram.count == 0:
        return None
    p50, p95, p99 = (1e3 * (q or 0.0) for q in histogram.quantiles(0.50, 0.95, 0.99))
    return {
        "count": histogram.count,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "total_s": histogram.total_s,
    }


def prefetch_stats(totals: Totals, gauges: dict[str, float]) -> PrefetchStats:
    """Prefetch statistics: counts of bricks, bytes, and shares (0…1, None without any)."""
    counts = totals.counts
    decoded_bytes, used_bytes = (
        counts.get(f"prefetch.{name}", 0.0) for name in ("decoded_bytes", "used_bytes")
    )
    resting_bytes, resting_used = (
        counts.get(f"prefetch.{name}", 0.0) for name in ("resting_bytes", "resting_used_bytes")
    )
    used = counts.get("prefetch.used", 0.0)
    return {
        "planned": round(gauges.get("prefetch.planned", 0.0)),
        "in_flight": round(gauges.get("prefetch.in_flight", 0.0)),
        "decoded": round(counts.get("prefetch.decoded", 0.0)),
        "used": round(used),
        "late": round(counts.get("prefetch.late", 0.0)),
        "failed": round(counts.get("prefetch.failed", 0.0)),
        "decoded_bytes": round(decoded_bytes),
        "used_bytes": round(used_bytes),
        "wasted_bytes": round(counts.get("prefetch.wasted_bytes", 0.0)),
        "accuracy": _share(used_bytes, decoded_bytes),
        "coverage": _share(used, counts.get("bricks.first_wanted", 0.0)),
        "timeliness": _share(used - counts.get("prefetch.late", 0.0), used),
        "moving": _phase_stats(decoded_bytes - resting_bytes, used_bytes - resting_used),
        "resting": _phase_stats(resting_bytes, resting_used),
    }


def report_stats(totals: Totals) -> dict[str, int]:
    """Accepted and refused rows of browser reports, with the reasons."""
    return {name: round(totals.counts.get(f"reports.{name}", 0.0)) for name in REPORTS}


def _phase_stats(decoded_bytes: float, used_bytes: float) -> PhaseStats:
    return {
        "decoded_bytes": round(max(0.0, decoded_bytes)),
        "used_bytes": round(max(0.0, used_bytes)),
        "accuracy": _share(used_bytes, decoded_bytes),
    }


def _share(part: float, whole: float) -> float | None:
    # Bricks used in a window may have been decoded before it, so the share is clipped to one.
    return min(1.0, max(0.0, part / whole)) if whole > 0.0 else None
