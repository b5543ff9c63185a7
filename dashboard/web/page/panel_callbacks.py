"""The callback of the panels: every two seconds, while they are visible.

    panels-tick ─ server ─► panel-parts ─ browser ─► all panels and the banner, one after the other

The browser shows what is new in a panel, each in a task of its own and hardly while slices move
(`panel-scheduler.mjs`, `panels.mjs`). Components made here would have to pass through Dash and React, which takes
longer. The interval stands still while the tab is hidden or the panels are folded (`shell.mjs`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol, TypedDict

from dash import Dash, Input, Output

from dashboard.bulkhead import Bulkhead
from dashboard.telemetry.series import Series
from dashboard.telemetry.stages import OUTCOMES
from dashboard.telemetry.summaries import CacheStats, Snapshot, StageStats
from dashboard.web.page import charts, ids, panels
from dashboard.web.page.ids import Panel, Shell

log = logging.getLogger(__name__)


class PanelUpdate(TypedDict, total=False):
    """What is new in a panel, by element id; the pipeline panel shows `stages` (ms) by itself."""

    figure: charts.Figure
    hidden: dict[str, bool]
    texts: dict[str, str]
    shares: dict[str, float]
    titles: dict[str, str]
    stages: dict[str, dict[str, float]]


class StatsSource(Protocol):
    """What is needed of `dashboard.telemetry.statistics.Stats`."""

    def snapshot(self, window_s: float | None = None) -> Snapshot:
        """The statistics of the last seconds."""
        ...

    def series(self, seconds: float, step_s: float) -> Series:
        """The same step by step."""
        ...


class DegradedSource(Protocol):
    """What is needed of `dashboard.runtime.health.Health`."""

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written."""
        ...


class PanelSources(Protocol):
    """What is needed of the services."""

    @property
    def stats(self) -> StatsSource:
        """The ledger's statistics."""
        ...

    @property
    def health(self) -> DegradedSource:
        """The health of the process."""
        ...


def register(app: Dash, services: PanelSources) -> None:
    """Keep the panels up to date."""

    # Statistics come every two seconds; a panel that failed is retried with the next ones.
    bulkhead = Bulkhead(log, pause_s=0.0)
    parts: dict[str, Callable[[], PanelUpdate]] = {
        Panel.PIPELINE: lambda: {
            "stages": medians(services.stats.snapshot(charts.SPAN_S)["stages"])
        },
        Panel.LATENCY: lambda: graph(charts.latency(_series(services)), Panel.LATENCY_EMPTY),
        Panel.HIT_RATE: lambda: hit_rate(services.stats),
        Panel.PREFETCH: lambda: prefetch(services.stats.snapshot(charts.SPAN_S)),
        Shell.BANNER: lambda: {"texts": {Shell.BANNER: services.health.degraded() or ""}},
    }

    @app.callback(Output(Panel.PARTS, "data"), Input(Panel.TICK, "n_intervals"))
    def tick(_: int | None) -> dict[str, PanelUpdate]:
        # An error in one panel does not affect the others.
        made = {id_: bulkhead.run(f"The part {id_}", make, None) for id_, make in parts.items()}
        return {id_: part for id_, part in made.items() if part is not None}


def _series(services: PanelSources) -> Series:
    return services.stats.series(charts.SPAN_S, charts.STEP_S)


def hit_rate(stats: StatsSource) -> PanelUpdate:
    """The outcomes over time, the hit rate, and the counts in the legend."""
    shown = graph(charts.outcomes(stats.series(charts.SPAN_S, charts.STEP_S)), Panel.HIT_RATE_EMPTY)
    shown["texts"] = demand(stats.snapshot(charts.SPAN_S)["demand"])
    return shown


def graph(figure: charts.Figure, empty_id: str) -> PanelUpdate:
    """A chart, or the text of an empty one, under which the previous chart stays."""
    if charts.empty(figure):
        return {"hidden": {empty_id: False}}
    return {"figure": figure, "hidden": {empty_id: True}}


def medians(stages: Mapping[str, StageStats]) -> dict[str, dict[str, float]]:
    """What the pipeline panel shows beside the slice on the screen (ms)."""
    return {
        name: {"p50_ms": stage["p50_ms"], "p95_ms": stage["p95_ms"]}
        for name, stage in stages.items()
    }


def demand(counts: Mapping[str, int]) -> dict[str, str]:
    """The hit rate, and the counts in its legend."""
    rate = charts.hit_rate(counts)
    return {
        Panel.HIT_RATE_VALUE: "–" if rate is None else f"{100 * rate:.0f} %",
        **{ids.outcome(name): f"{counts.get(name, 0):,}" for name in OUTCOMES},
    }


def prefetch(snapshot: Snapshot) -> PanelUpdate:
    """Prefetch statistics and fill levels of the caches."""
    ahead = snapshot["prefetch"]
    demanded = sum(snapshot["demand"].get(outcome, 0) for outcome in OUTCOMES)
    moved = bool(demanded or ahead["decoded"])
    texts: dict[str, str] = {}
    shares: dict[str, float] = {}
    titles: dict[str, str] = {}
    for share in panels.SHARE_HELP:
        value = ahead[share]
        percent = None if value is None else min(100.0, max(0.0, 100.0 * value))
        texts[ids.prefetched(share)] = "–" if percent is None else f"{percent:.0f} %"
        shares[ids.bar(share)] = percent or 0.0
    for label in panels.COUNT_LABELS:
        count = ahead[label]
        texts[ids.prefetched(label)] = size(count) if label == "wasted_bytes" else f"{count:,}"
    for name in panels.CACHES:
        cache = snapshot["caches"][name]
        texts[ids.prefetched(name)] = f"{size(cache['bytes'])} of {size(cache['limit'])}"
        shares[ids.bar(name)] = fill_percent(cache)
        titles[ids.share(name)] = cache_summary(name, cache)
    return {
        "texts": texts,
        "shares": {id_: round(percent, 1) for id_, percent in shares.items()},
        "titles": titles,
        "hidden": {Panel.PREFETCH_COUNTS: not moved, Panel.PREFETCH_EMPTY: moved},
    }


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
            return f"{value:.0f} {unit}" if value >= 99.5 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000.0
    return f"{value:.1f} TB"
