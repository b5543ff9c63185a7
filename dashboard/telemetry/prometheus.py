"""Prometheus metrics of the ledger: one collector for all processes.

Counters run since the ledger began, across restarts. Any web process serves the metrics of all, so
prometheus_client's multi-process mode is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from dashboard import __version__
from dashboard.addressing.outcomes import MISSES, Outcome, Reason
from dashboard.errors import Busy
from dashboard.telemetry.aggregates import Dimension, Histogram, K, Totals
from dashboard.telemetry.distributions import BUCKETS
from dashboard.telemetry.ledger import (
    BRICK_WRITE,
    GIVEN_UP,
    PREFETCH_LEAD,
    QUEUE,
    RECOVERED,
    REQUESTS,
    SENT,
    WASTED,
)
from dashboard.telemetry.prefetching import FORMER_EVICTED, bytes_by_cause
from dashboard.telemetry.simulated_caches import FACTORS, WORKING_SET, WORKING_SETS_S
from dashboard.telemetry.stages import OUTCOMES, STAGE_NAMES
from dashboard.telemetry.statistics import Stats
from dashboard.telemetry.summaries import given_up_counts, request_counts

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
TIMES: Final = {
    QUEUE: ("lamella_queue_seconds", "Time for which requests for slices waited for a thread"),
    BRICK_WRITE: (
        "lamella_brick_write_seconds",
        "Time that it took to allocate, write and add the file of a brick",
    ),
    PREFETCH_LEAD: (
        "lamella_prefetch_lead_seconds",
        "Time from a brick decoded ahead being ready to its first access",
    ),
}

COUNTERS: Final = {
    "coalesced.own": "Coalesced demands that waited for a decode which the same viewer had caused",
    "coalesced.shared": "Coalesced demands that waited for a decode which somebody else had caused",
    "prefetched.warmed": "Prefetched slices that `lamella warm` had decoded",
    "frames.variant": "Frames made anew from bricks that were hit, for another window, norm, step or format",
    "bricks.decoded": "Bricks decoded",
    "bricks.decoded_bytes": "Bytes of bricks decoded",
    "bricks.dropped": "Bricks removed from the cache by hand, which are not evicted",
    "bricks.evictions": "Bricks evicted from the cache",
    "bricks.first_wanted": "Bricks accessed by a viewer for the first time",
    "evicted.used": "Evicted bricks that had been accessed by a viewer",
    "evicted.used_age_seconds": "Sum of the times from their last access to their eviction",
    "evicted.unused": "Evicted bricks that no viewer had accessed",
    "evicted.unused_age_seconds": "Sum of the times from their decode to their eviction",
    "frames.evictions": "Frames evicted from the cache",
    "exports.complete": "Exported files that were sent whole",
    "exports.given_up": "Exported files whose client left, or that could not be read to the end",
    "exports.sent_bytes": "Bytes of exported files that were sent",
    "jobs.slabs": "Slabs of jobs that the prefetch worker has done",
    "jobs.slabs_away": "Slabs of jobs that Dask has computed",
    "disk.read_bytes": "Bytes that the processes read from disks, not from the page cache",
    "disk.written_bytes": "Bytes that the processes wrote to disks, most of them bricks",
    "simulated.accesses": "Accesses of demands to bricks that were simulated with other limits of the cache",
    "simulated.hits": "Simulated accesses for which nothing had to be decoded in the cache itself",
    **{
        f"{SENT}.{outcome}": f"Bytes of slices sent to viewers, of the outcome {outcome}"
        for outcome in OUTCOMES
        if outcome is not Outcome.RING
    },
    **{
        f"simulated.hits_{name}": f"Hits of a brick cache with {factor:g} times the limit"
        for name, factor in FACTORS.items()
    },
    "page.ahead": "Slices that pages fetched ahead",
    "page.ahead_bytes": "Bytes of slices that pages fetched ahead",
    "page.skipped": "Requested slices that were never painted, because another one was requested meanwhile",
    "prefetch.decoded": "Bricks decoded ahead",
    "prefetch.decoded_bytes": "Bytes of bricks decoded ahead",
    "prefetch.failed": "Bricks that could not be decoded ahead",
    "prefetch.late": "Bricks decoded ahead that were accessed before they were complete",
    "prefetch.resting_bytes": "Bytes of bricks decoded ahead for a viewer at rest",
    "prefetch.resting_used_bytes": "Bytes of bricks decoded ahead for a viewer at rest that were then accessed",
    "prefetch.used": "Bricks decoded ahead that were then accessed",
    "prefetch.used_bytes": "Bytes of bricks decoded ahead that were then accessed",
    "prefetch.not_begun": "Misses of bricks that were planned, but not yet being decoded ahead",
    "prefetch.recovered": "Wasted bricks decoded ahead that were accessed after all",
    "prefetch.resting_recovered": "The same for viewers at rest",
    "prefetch.resting_recovered_bytes": "Their bytes",
    "prefetch.resting_used": "Bricks decoded ahead for a viewer at rest that were then accessed",
    "prefetch.resting_wasted": "Wasted bricks decoded ahead for a viewer at rest",
    "prefetch.resting_wasted_bytes": "Their bytes",
    "prefetch.saved_seconds": "Decode time of bricks decoded ahead and accessed, less what the accesses waited",
    "prefetch.spent_seconds": "Time spent decoding ahead, without pauses, failed bricks included",
    "prefetch.wasted": "Bricks decoded ahead that no plan had any more, or that left the cache, without an access",
    "overload.refused": "Requests for slices that were refused because they had waited too long for a thread",
    "reports.accepted": "Rows of browser reports that were counted",
    "reports.contradictory": "Rows refused: selection, index and axis do not fit the volume",
    "reports.malformed": "Rows refused: not readable, or a stage took less than 0 or more than 60 s",
    "reports.refused": "Rows of browser reports that were refused, for any reason",
    "reports.too_frequent": "Rows refused: the viewer sent more than 120 within a second",
    "reports.unknown": "Rows refused: the volume, or that version of it, was not opened before",
}

GAUGES: Final = {
    "bricks.bytes": "Bytes in the brick cache",
    "bricks.entries": "Bricks in the brick cache",
    "bricks.limit": "Limit of the brick cache in bytes",
    "disk.free_bytes": "Free bytes on the disk of the cache directory, in steps of 100 MB",
    "frames.bytes": "Bytes in the frame cache",
    "frames.entries": "Frames in the frame cache",
    "frames.limit": "Limit of the frame cache in bytes",
    "children.rss_bytes": "Private memory of all HDF5 workers in bytes, in steps of 10 MB",
    "children.started": "HDF5 workers that the live processes have started",
    "prefetch.in_flight": "Bricks being decoded ahead",
    "prefetch.planned": "Bricks planned to be decoded ahead",
    **{
        f"{WORKING_SET}.s{seconds}": f"Bytes of bricks accessed or decoded in the last {seconds} s"
        for seconds in WORKING_SETS_S
    },
    "threads.busy": "Request threads that were busy in the last second, on average",
}


class LedgerCollector(Collector):
    """Converts the statistics of a `Stats` to metrics at each scrape."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats

    def describe(self) -> list[Metric]:
        """None: naming the metrics on registration would read the ledger."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics with all labels, including those that never occurred."""
        totals = self._stats.totals()
        yield _demand(totals)
        yield _demand_by_node(totals)
        stage_text = "Self time of a stage of the pipeline"
        yield _histograms("stage", stage_text, "stage", STAGE_NAMES, totals.stages)
        server_text = "Total of the server for a slice"
        yield _histograms("slice", server_text, "outcome", OUTCOMES, totals.server)
        perceived_text = "Time from a viewer's request to the painted slice"
        yield _histograms("perceived", perceived_text, "outcome", OUTCOMES, totals.perceived)
        yield _requests(totals)
        yield _misses(totals)
        yield _by_cause(WASTED, totals, "Bytes of bricks decoded ahead that were wasted")
        yield _by_cause(RECOVERED, totals, "Wasted bytes of bricks that were accessed after all")
        prefixes = (REQUESTS, MISSES, GIVEN_UP, WASTED, RECOVERED)
        labelled = (*(f"{prefix}." for prefix in prefixes), FORMER_EVICTED)
        names = [name for name in totals.counts if not name.startswith(labelled)]
        for name in sorted(COUNTERS.keys() | set(names)):
            text = COUNTERS.get(name, f"Count of {name}")
            yield CounterMetricFamily(_metric(name), text, value=totals.counts.get(name, 0.0))
        gauges = self._stats.gauges()
        for name in sorted(GAUGES.keys() | gauges.keys()):
            text = GAUGES.get(name, f"Level of {name}")
            yield GaugeMetricFamily(_metric(name), text, value=gauges.get(name, 0.0))
        yield GaugeMetricFamily(
            "lamella_viewers",
            "Viewers seen in the last minute",
            value=self._stats.snapshot(None)["viewers"],
        )
        for name, (metric, text) in TIMES.items():
            yield _times(metric, text, totals.times.get(name, Histogram()))
        yield _given_up(totals)
        yield GaugeMetricFamily(
            "lamella_worker_up",
            "1 while the prefetch worker is heard of, else 0",
            value=float(self._stats.worker()["state"] == "up"),
        )
        info = GaugeMetricFamily(
            "lamella_build_info", "1; the label is the version", labels=["version"]
        )
        info.add_metric([__version__], 1.0)
        yield info
        labels = ["process", "role"]
        rss = GaugeMetricFamily(
            "lamella_process_rss_bytes",
            "Private memory of the process, without the shared page cache",
            labels=labels,
        )
        beat = GaugeMetricFamily(
            "lamella_process_heartbeat_seconds",
            "Seconds since the last heartbeat of the process",
            labels=labels,
        )
        for name, process in sorted(self._stats.named_processes().items()):
            values = [name, process["role"]]
            rss.add_metric(values, process["rss_bytes"])
            beat.add_metric(values, process["heartbeat_s"])
        yield rss
        yield beat


def _metric(name: str) -> str:
    return "lamella_" + name.replace(".", "_")


def _demand(totals: Totals) -> Metric:
    family = CounterMetricFamily(
        "lamella_demand", "Demands of viewers by outcome", labels=["outcome"]
    )
    for outcome in OUTCOMES:
        family.add_metric([outcome], totals.demand.get(outcome, 0))
    return family


def _demand_by_node(totals: Totals) -> Metric:
    text = "Demands that the server answered by machine, where there are several, and outcome"
    family = CounterMetricFamily("lamella_node_demand", text, labels=["node", "outcome"])
    for node, group in sorted(totals.groups.get(Dimension.NODE, {}).items()):
        for outcome in OUTCOMES:
            family.add_metric([node, outcome], group.demand.get(outcome, 0))
    return family


def _misses(totals: Totals) -> Metric:
    text = "Misses and coalesced demands by reason"
    family = CounterMetricFamily("lamella_misses", text, labels=["reason"])
    for reason in Reason:
        family.add_metric([reason], totals.counts.get(f"{MISSES}.{reason}", 0.0))
    return family


def _by_cause(counter: str, totals: Totals, text: str) -> Metric:
    family = CounterMetricFamily(f"lamella_prefetch_{counter}", text, labels=["cause"])
    for cause, nbytes in bytes_by_cause(totals, counter).items():
        family.add_metric([cause], nbytes)
    return family


def _requests(totals: Totals) -> Metric:
    family = CounterMetricFamily(
        "lamella_requests", "Responses to requests for slices", labels=["kind", "code"]
    )
    for kind, codes in request_counts(totals).items():
        for code, count in codes.items():
            family.add_metric([kind, code], count)
    return family


def _given_up(totals: Totals) -> Metric:
    text = "Requests for slices whose client left before it had the response"
    family = CounterMetricFamily("lamella_given_up", text, labels=["kind"])
    for kind, count in given_up_counts(totals).items():
        family.add_metric([kind], count)
    return family


def _times(metric: str, text: str, found: Histogram) -> Metric:
    family = HistogramMetricFamily(metric, text)
    buckets, total_s = _buckets(found)
    family.add_metric([], buckets, sum_value=total_s)
    return family


def _buckets(fine: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts by upper bound, and the sum (s)."""
    coarse = [(str(bound), float(fine.at_most(bound))) for bound in BUCKETS]
    return [*coarse, ("+Inf", float(fine.count))], fine.total_s


def _histograms(
    name: str, text: str, label: str, values: Sequence[K], found: Mapping[K, Histogram]
) -> Metric:
    """The histograms of all `values` of a label, also of those that never occurred."""
    family = HistogramMetricFamily(f"lamella_{name}_seconds", text, labels=[label])
    for value in values:
        buckets, total_s = _buckets(found.get(value, Histogram()))
        family.add_metric([value], buckets, sum_value=total_s)
    return family


def exposition(stats: Stats) -> tuple[bytes, str]:
    """Response to a scrape: (text, content type); raises `Busy`.

    All rows that were written before are in it: of two scrapes that different processes serve, none goes back.
    """
    if not stats.refresh():
        raise Busy("The statistics cannot be read now; try again.")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(stats))
    return generate_latest(registry), CONTENT_TYPE
