"""Summaries of totals, in the shape of `/api/v1/stats`: pure functions, and the types of what they return."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NotRequired

from typing_extensions import TypedDict

from dashboard.addressing.outcomes import MISSES, Outcome, Reason
from dashboard.telemetry.aggregates import Histogram, Totals
from dashboard.telemetry.groups import By, GroupStats
from dashboard.telemetry.ledger import BRICK_WRITE, GIVEN_UP, KINDS, QUEUE, REQUESTS
from dashboard.telemetry.ledger_reader import ProcessLoad, ProcessStats, WorkerStats
from dashboard.telemetry.prefetching import PrefetchStats, prefetch_stats, share
from dashboard.telemetry.simulated_caches import FACTORS, SIMULATED, WORKING_SET, WORKING_SETS_S
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES

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


class EvictedStats(TypedDict):
    """Bricks that were evicted, and their mean time since the last access (s); None without any."""

    count: int
    mean_age_s: float | None


class CacheStats(TypedDict):
    """One cache: its size and limit now (bytes), its entries now, and the evictions in the window.

    `evicted` has the bricks evicted by whether they were `used` or `unused`.
    """

    bytes: int
    limit: int
    entries: int
    evictions: int
    evicted: NotRequired[dict[str, EvictedStats]]


class SimulatedCache(TypedDict):
    """The brick cache with `factor` times its limit: hits, and their share of all accesses (0…1 or None)."""

    factor: float
    hits: int
    hit_rate: float | None


class CacheSizes(TypedDict):
    """Demands' accesses to bricks, those for which nothing had to be decoded, and what other sizes would give."""

    accesses: int
    hits: int
    hit_rate: float | None
    simulated: list[SimulatedCache]


class MachineStats(TypedDict):
    """Now: live processes by name, such as `web-0`, free bytes on the cache's disk, and the HDF5 workers.

    Of these, how many were started, and the memory of those that run (bytes).
    """

    processes: dict[str, ProcessLoad]
    free_bytes: int | None
    hdf5_started: int
    hdf5_rss_bytes: int


class PageStats(TypedDict):
    """What pages report beside their slices: skipped ones, and slices and bytes that they fetched ahead."""

    skipped: int
    ahead: int
    ahead_bytes: int


_Window = TypedDict(
    "_Window", {"from": float | None, "to": float | None, "resolution_s": int | None}
)


class Snapshot(_Window):
    """Statistics over a window, as `/api/v1/stats` has them.

    They are from `from` to `to` (Unix time, s), and were summed of rows of `resolution_s` seconds; None for
    those since the ledger began. `by` and `groups` are a breakdown.

    `reasons` says why demands were no hits; their sum is that of misses and coalesced ones. `coalesced` splits the
    latter by whether the same viewer had caused the decode. `warmed` counts prefetched slices that `lamella warm`
    had decoded, `variants` frames that were made anew from bricks that were hit.

    `server` and `perceived` are whole slices by outcome, and `all` of them: the server's total, and the time from
    a viewer's request to the painted slice. `requests` counts all responses to requests for slices by kind
    (demand, ahead, script) and status, `given_up` those whose client left before it had the response. `queue` is
    the time for which they waited for a thread, `brick_write` the time that it took to write a brick.
    `working_set` has the bytes of the bricks that were accessed or decoded in the last 60, 300, 900 and 3600 s.
    """

    demand: dict[str, int]
    reasons: dict[str, int]
    coalesced: dict[str, int]
    warmed: int
    variants: int
    stages: dict[str, StageStats]
    server: dict[str, StageStats]
    perceived: dict[str, StageStats]
    page: PageStats
    requests: dict[str, dict[str, int]]
    given_up: dict[str, int]
    queue: StageStats | None
    brick_write: StageStats | None
    caches: dict[str, CacheStats]
    cache_sizes: CacheSizes
    prefetch: PrefetchStats
    reports: dict[str, int]
    viewers: int
    processes: list[ProcessStats]
    worker: WorkerStats
    machine: MachineStats
    working_set: dict[str, int] | None
    by: NotRequired[By]
    groups: NotRequired[dict[str, GroupStats]]


def summarize(
    totals: Totals,
    gauges: dict[str, float],
    viewers: int,
    processes: list[ProcessStats],
    worker: WorkerStats,
    loads: dict[str, ProcessLoad],
    ever: Totals,
) -> Snapshot:
    """The statistics of a window, as JSON types; `ever` are the totals since the ledger began."""

    def count(name: str) -> int:
        return round(totals.counts.get(name, 0.0))

    return {
        "from": None,
        "to": None,
        "resolution_s": None,
        "demand": {outcome: totals.demand.get(outcome, 0) for outcome in OUTCOMES},
        "reasons": {r: count(f"{MISSES}.{r}") for r in Reason},
        "coalesced": {name: count(f"coalesced.{name}") for name in ("own", "shared")},
        "warmed": count("prefetched.warmed"),
        "variants": count("frames.variant"),
        "stages": {
            stage: stats
            for stage in STAGE_NAMES
            if (stats := time_stats(totals.stages.get(stage))) is not None
        },
        "server": slice_stats(totals.server),
        "perceived": slice_stats(totals.perceived),
        "page": {
            "skipped": count("page.skipped"),
            "ahead": count("page.ahead"),
            "ahead_bytes": count("page.ahead_bytes"),
        },
        "requests": request_counts(totals),
        "given_up": given_up_counts(totals),
        "queue": time_stats(totals.times.get(QUEUE)),
        "brick_write": time_stats(totals.times.get(BRICK_WRITE)),
        "caches": {
            "bricks": cache_stats("bricks", totals, gauges)
            | {"evicted": {kind: evicted_stats(kind, totals) for kind in ("used", "unused")}},
            "frames": cache_stats("frames", totals, gauges),
        },
        "cache_sizes": cache_sizes(totals),
        "prefetch": prefetch_stats(totals, gauges, ever),
        "reports": report_stats(totals),
        "viewers": viewers,
        "processes": processes,
        "worker": worker,
        "working_set": working_set(gauges),
        "machine": {
            "processes": loads,
            "free_bytes": round(gauges["disk.free_bytes"]) if "disk.free_bytes" in gauges else None,
            "hdf5_started": round(gauges.get("children.started", 0.0)),
            "hdf5_rss_bytes": round(gauges.get("children.rss_bytes", 0.0)),
        },
    }


def cache_stats(name: str, totals: Totals, gauges: Mapping[str, float]) -> CacheStats:
    """One of the two caches."""
    return {
        "bytes": round(gauges.get(f"{name}.bytes", 0.0)),
        "limit": round(gauges.get(f"{name}.limit", 0.0)),
        "entries": round(gauges.get(f"{name}.entries", 0.0)),
        "evictions": round(totals.counts.get(f"{name}.evictions", 0.0)),
    }


def evicted_stats(kind: str, totals: Totals) -> EvictedStats:
    """Evicted bricks that were `used` or `unused`."""
    count = totals.counts.get(f"evicted.{kind}", 0.0)
    age_s = totals.counts.get(f"evicted.{kind}_age_seconds", 0.0)
    return {"count": round(count), "mean_age_s": round(age_s / count, 1) if count else None}


def slice_stats(histograms: Mapping[Outcome, Histogram]) -> dict[str, StageStats]:
    """Statistics of whole slices by outcome, and under `all` of them together."""
    parts = {str(outcome): time_stats(histograms.get(outcome)) for outcome in OUTCOMES}
    parts["all"] = all_slices_stats(histograms)
    return {name: stats for name, stats in parts.items() if stats is not None}


def all_slices_stats(histograms: Mapping[Outcome, Histogram]) -> StageStats | None:
    """Statistics of whole slices of all outcomes together; None without any."""
    if not histograms:
        return None
    together = Histogram()
    for histogram in histograms.values():
        together.merge(histogram)
    return time_stats(together)


def request_counts(totals: Totals) -> dict[str, dict[str, int]]:
    """Responses to requests for slices by kind and status."""
    found: dict[str, dict[str, int]] = {}
    for name, count in sorted(totals.counts.items()):
        if name.startswith(f"{REQUESTS}."):
            kind, _, status = name.partition(".")[2].rpartition("_")
            found.setdefault(kind, {})[status] = round(count)
    return found


def given_up_counts(totals: Totals) -> dict[str, int]:
    """Requests for slices whose client left before it had the response, by kind."""
    return {kind: round(totals.counts.get(f"{GIVEN_UP}.{kind}", 0.0)) for kind in KINDS}


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


def cache_sizes(totals: Totals) -> CacheSizes:
    """Hit rates of the brick cache, and of the simulated ones."""

    def count(name: str) -> float:
        return totals.counts.get(f"{SIMULATED}.{name}", 0.0)

    accesses = count("accesses")
    return {
        "accesses": round(accesses),
        "hits": round(count("hits")),
        "hit_rate": share(count("hits"), accesses),
        "simulated": [
            {
                "factor": factor,
                "hits": round(count(f"hits_{name}")),
                "hit_rate": share(count(f"hits_{name}"), accesses),
            }
            for name, factor in FACTORS.items()
        ],
    }


def working_set(gauges: Mapping[str, float]) -> dict[str, int] | None:
    """Bytes of the bricks that were accessed or decoded in the last seconds, by their number; None if unknown."""
    found = {
        str(seconds): round(gauges[name])
        for seconds in WORKING_SETS_S
        if (name := f"{WORKING_SET}.s{seconds}") in gauges
    }
    return found or None


def report_stats(totals: Totals) -> dict[str, int]:
    """Accepted and refused rows of browser reports, with the reasons."""
    return {name: round(totals.counts.get(f"reports.{name}", 0.0)) for name in REPORTS}
