"""What is new in the panels: pure functions from the ledger's statistics to texts, widths and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypedDict

from dashboard.addressing.outcomes import MISSES, Outcome, Reason, Waste
from dashboard.telemetry.groups import By
from dashboard.telemetry.ledger_reader import WorkerStats
from dashboard.telemetry.prefetching import PrefetchStats
from dashboard.telemetry.series import Series
from dashboard.telemetry.stages import OUTCOMES
from dashboard.telemetry.summaries import CacheStats, Snapshot, StageStats
from dashboard.web.page import charts, ids, panels
from dashboard.web.page.ids import Panel


class PanelUpdate(TypedDict, total=False):
    """What is new in a panel, by element id.

    The pipeline panel shows `stages` and `slices` (ms) by itself. `sparks` are small charts, from 0 to their
    highest value, `shares` are widths (%), and `alerts` says which texts are bad news.
    """

    figure: charts.Figure
    hidden: dict[str, bool]
    texts: dict[str, str]
    shares: dict[str, float]
    titles: dict[str, str]
    alerts: dict[str, bool]
    sparks: dict[str, list[float]]
    stages: dict[str, Percentiles]
    slices: dict[str, Percentiles]


class Percentiles(TypedDict):
    """Percentiles of a stage or of whole slices (ms), and their number."""

    p50_ms: float
    p95_ms: float
    count: int


class StatsSource(Protocol):
    """What is needed of `dashboard.telemetry.statistics.Stats`."""

    def snapshot(self, window_s: float | None = None, by: By | None = None) -> Snapshot:
        """The statistics of the last seconds."""
        ...

    def series(self, seconds: float, step_s: float, viewer: str | None = None) -> Series:
        """The same step by step, or the demands of one viewer alone."""
        ...

    @property
    def keeps_viewers(self) -> bool:
        """Whether there are statistics by viewer."""
        ...


def _series(stats: StatsSource, viewer: str | None = None) -> Series:
    return stats.series(charts.SPAN_S, charts.STEP_S, viewer)


def pipeline(stats: StatsSource) -> PanelUpdate:
    """What the pipeline panel shows beside the slice on the screen."""
    snapshot = stats.snapshot(charts.SPAN_S)
    return {
        "stages": percentiles(snapshot["stages"]),
        "slices": percentiles(snapshot["perceived"]),
        "sparks": _spark(Panel.PIPELINE, _series(stats).perceived.p50_ms),
    }


def percentiles(stages: Mapping[str, StageStats]) -> dict[str, Percentiles]:
    """Percentiles (ms) and numbers, in tenths of a millisecond below ten."""
    return {
        name: {
            "p50_ms": _rounded(stage["p50_ms"]),
            "p95_ms": _rounded(stage["p95_ms"]),
            "count": stage["count"],
        }
        for name, stage in stages.items()
    }


def latency(stats: StatsSource) -> PanelUpdate:
    """Times over time, and the 95th percentile of the perceived time."""
    series = _series(stats)
    shown = graph(charts.latency(series), Panel.LATENCY_EMPTY)
    whole = stats.snapshot(charts.SPAN_S)["perceived"].get("all")
    shown["texts"] = {
        Panel.LATENCY_VALUE: "–" if whole is None else f"p95 {charts.duration(whole['p95_ms'])}"
    }
    shown["sparks"] = _spark(Panel.LATENCY, series.perceived.p95_ms)
    return shown


def hit_rate(stats: StatsSource, viewer: str | None = None) -> PanelUpdate:
    """The outcomes over time, the hit rate, and the counts in the legend; of one viewer where those are kept."""
    if not stats.keeps_viewers:
        viewer = None
    series = _series(stats, viewer)
    shown = graph(charts.outcomes(series), Panel.HIT_RATE_EMPTY)
    skipped, failed = (round(sum(values)) for values in charts.unseen_steps(series))
    counts = {name: sum(values) for name, values in series.counts.items()}
    shown["texts"] = {
        **demand(_demand(stats, viewer)),
        Panel.HIT_RATE_UNSEEN: unseen(skipped, failed),
        Panel.HIT_RATE_REASONS: reasons(counts),
    }
    shown["titles"] = parts_of_outcomes(counts)
    rates = (
        charts.hit_rate(dict(zip(OUTCOMES, step, strict=True)))
        for step in zip(*(series.outcomes[name] for name in OUTCOMES), strict=True)
    )
    shown["sparks"] = _spark(Panel.HIT_RATE, [rate and 100 * rate for rate in rates])
    shown["hidden"] = shown["hidden"] | {Panel.HIT_RATE_WHOSE: not stats.keeps_viewers}
    return shown


def _demand(stats: StatsSource, viewer: str | None) -> Mapping[str, int]:
    if viewer is None:
        return stats.snapshot(charts.SPAN_S)["demand"]
    group = stats.snapshot(charts.SPAN_S, By.VIEWER)["groups"].get(viewer)
    return {} if group is None else group["demand"]


def graph(figure: charts.Figure, empty_id: str) -> PanelUpdate:
    """A chart, or the text of an empty one, under which the previous chart stays."""
    if charts.empty(figure):
        return {"hidden": {empty_id: False}}
    return {"figure": figure, "hidden": {empty_id: True}}


def demand(counts: Mapping[str, int]) -> dict[str, str]:
    """The hit rate, rounded down to a tenth of a percent, and the counts in its legend."""
    total = sum(counts.get(name, 0) for name in OUTCOMES)
    served = sum(counts.get(name, 0) for name in charts.SERVED)
    return {
        Panel.HIT_RATE_VALUE: percent(served / total if total else None),
        **{ids.outcome(name): f"{counts.get(name, 0):,}" for name in OUTCOMES},
    }


def percent(share: float | None) -> str:
    """A share (0…1), rounded down to a tenth of a percent as in the monitor: 100 % has no exception."""
    if share is None:
        return "–"
    tenths = int(1000 * share + 1e-9)
    return f"{tenths / 10:.1f} %" if tenths % 10 else f"{tenths // 10} %"


def unseen(skipped: int, failed: int) -> str:
    """Slices that were requested and never seen."""
    parts = ((skipped, "skipped"), (failed, "failed"))
    return " · ".join(f"{count:,} {name}" for count, name in parts if count)


# Why a slice was decoded or waited for, in words for the viewer of slices.
REASONS: Final[dict[str, str]] = {
    Reason.FIRST: "for the first time",
    Reason.EVICTED: "evicted from the cache meanwhile",
    Reason.CHANGED: "file changed",
    Reason.LATE: "planned but not ready",
    Reason.JUMPED: "after a jump",
    Reason.TURNED: "after turning back",
    Reason.UNPLANNED: "not planned ahead",
    Reason.NO_SPACE: "no space in the cache",
}
MAX_REASONS_NAMED: Final = 3


def reasons(counts: Mapping[str, float]) -> str:
    """Why slices were decoded or waited for, the most frequent reasons first; empty without any."""
    known = {name: round(counts.get(f"{MISSES}.{name}", 0.0)) for name in REASONS}
    found = sorted((name for name in known if known[name]), key=lambda name: -known[name])
    if not found:
        return ""
    named = [f"{known[name]:,} {REASONS[name]}" for name in found[:MAX_REASONS_NAMED]]
    rest = sum(known[name] for name in found[MAX_REASONS_NAMED:])
    return f"Why: {', '.join([*named, *([f'{rest:,} for other reasons'] if rest else [])])}."


def parts_of_outcomes(counts: Mapping[str, float]) -> dict[str, str]:
    """What is said of outcomes of two kinds when they are pointed at."""
    own, shared = (round(counts.get(f"coalesced.{name}", 0.0)) for name in ("own", "shared"))
    warmed = round(counts.get("prefetched.warmed", 0.0))
    return {
        ids.outcome(
            Outcome.COALESCED
        ): f"{own:,} for a decode of your own page, {shared:,} for others",
        ids.outcome(Outcome.PREFETCHED): f"{warmed:,} of them decoded by lamella warm",
    }


def prefetch(stats: StatsSource) -> PanelUpdate:
    """What the worker does, what became of the bytes decoded ahead, and fill levels of the caches."""
    snapshot = stats.snapshot(charts.SPAN_S)
    ahead = snapshot["prefetch"]
    state, bad = worker_state(ahead, snapshot["worker"])
    fates = fates_of(ahead)
    whole = sum(fates.values())
    texts: dict[str, str] = {
        Panel.PREFETCH_STATE: state,
        ids.prefetched("saved"): seconds(ahead["saved_s"]),
        ids.prefetched("spent"): seconds(ahead["spent_s"]),
    }
    shares: dict[str, float] = {}
    titles: dict[str, str] = {ids.prefetched("wasted"): causes(ahead)}
    for fate, nbytes in fates.items():
        texts[ids.prefetched(fate)] = size(nbytes)
        shares[ids.bar(fate)] = 100.0 * nbytes / whole if whole else 0.0
    for share in panels.SHARE_LABELS:
        texts[ids.prefetched(share)] = percent(ahead[share])
    if ahead["accuracy"] is None and ahead["decoded"]:
        texts[ids.prefetched("accuracy")] = "not decided yet"
    for name in panels.CACHES:
        cache = snapshot["caches"][name]
        texts[ids.prefetched(name)] = f"{size(cache['bytes'])} of {size(cache['limit'])}"
        shares[ids.bar(name)] = fill_percent(cache)
        titles[ids.share(name)] = cache_summary(name, cache)
    return {
        "texts": texts,
        "shares": {id_: round(percent, 1) for id_, percent in shares.items()},
        "titles": titles,
        "alerts": {Panel.PREFETCH_STATE: bad},
        "sparks": _spark(Panel.PREFETCH, _series(stats).counts.get("prefetch.decoded", ())),
    }


# A worker that does not run, by its state in the statistics, with the time since then.
ABSENT: Final[dict[str, str]] = {
    "away": "worker away for {}",
    "ended": "worker ended {} ago",
    "none": "worker never started",
}


def worker_state(ahead: PrefetchStats, worker: WorkerStats) -> tuple[str, bool]:
    """What the prefetch worker does, and whether that is bad news; `/monitor` has the same states."""
    absent = ABSENT.get(worker["state"])
    if absent is not None:
        return absent.format(time_span(worker["since_s"] or 0.0)), True
    if ahead["planned"]:
        return f"{ahead['in_flight']} of {ahead['planned']} planned", False
    return "idle", False


def time_span(passed_s: float) -> str:
    """A time span (s) in whole seconds, minutes or hours."""
    for size_s, unit in ((1, "s"), (60, "min")):
        if passed_s < 99.5 * size_s:
            return f"{passed_s / size_s:.0f} {unit}"
    return f"{passed_s / 3600:.0f} h"


def fates_of(ahead: PrefetchStats) -> dict[panels.Fate, int]:
    """Bytes decoded ahead by what became of them."""
    return {
        "used": ahead["used_bytes"],
        "undecided": ahead["undecided_bytes"],
        "wasted": ahead["wasted_bytes"],
    }


# Why bricks were not used, in words for the viewer of slices.
CAUSES: Final[dict[str, str]] = {
    Waste.TURNED: "after turning back",
    Waste.JUMPED: "after a jump",
    Waste.LEFT: "after leaving the volume",
    Waste.TOO_DEEP: "planned further than needed",
    Waste.EVICTED: "evicted from the cache",
    Waste.DROPPED: "removed from the cache by hand",
}


def causes(ahead: PrefetchStats) -> str:
    """Wasted bytes by cause, the largest first; empty without any."""
    found = sorted(ahead["wasted"].items(), key=lambda item: -item[1])
    return ", ".join(f"{size(nbytes)} {CAUSES[cause]}" for cause, nbytes in found if nbytes)


def seconds(value: float) -> str:
    """A sum of times (s) as people read it."""
    return "0 s" if value <= 0.0 else charts.duration(1e3 * value)


def _spark(panel: Panel, values: Sequence[float | None]) -> dict[str, list[float]]:
    return {ids.sparkline(panel): [_rounded(value or 0.0) for value in values]}


def _rounded(value: float) -> float:
    return round(value, 2) if value < 10 else round(value, 1)


def fill_percent(cache: CacheStats) -> float:
    """Fill level of a cache (%)."""
    limit = cache["limit"]
    return min(100.0, 100.0 * cache["bytes"] / limit) if limit else 0.0


def cache_summary(name: str, cache: CacheStats) -> str:
    """What is in a cache, as a sentence."""
    entries = f"{cache['entries']:,} {'entry' if cache['entries'] == 1 else 'entries'}"
    return (
        f"{name.capitalize()} in the cache: {entries}, {cache['evictions']:,} evicted"
        " in the last five minutes"
    )


def size(count: float) -> str:
    """Bytes as people read them."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 9.95 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000.0
    return f"{value:.1f} TB"
