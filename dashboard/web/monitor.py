"""The callback of the panels: every two seconds, while somebody can see them.

    panels-tick ─ server ─► hit-rate-value, banner
                         ├► panel-parts ─ browser ─► latency-graph, hit-rate-graph, hit-rate-counts, prefetch-body
                         └► ledger ─ browser ─► pipeline-panel (with the slice on the screen)

What takes long to draw goes through the browser, which shows one part after the other (`turns.js`).
The interval stands still while the tab is hidden or the panels are folded (`shell.js`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import dash_mantine_components as dmc
from dash import Dash, Input, Output, html
from dash.development.base_component import Component

from dashboard.telemetry.stages import OUTCOMES
from dashboard.telemetry.stats import Series
from dashboard.web import figures, panels, parts
from dashboard.web.ids import Panel, Shell


class Figures(Protocol):
    """What is needed of `dashboard.telemetry.stats.Stats`."""

    def snapshot(self, window_s: float | None = None) -> Mapping[str, Any]:
        """The figures of the last seconds."""
        ...

    def series(self, seconds: float, step_s: float) -> Series:
        """The same step by step."""
        ...


class Services(Protocol):
    """What is needed of the services."""

    @property
    def stats(self) -> Figures:
        """The ledger's figures."""
        ...

    def degraded(self) -> str | None:
        """One sentence while the caches cannot be written."""
        ...


def register(app: Dash, services: Services) -> None:
    """Keep the panels up to date."""

    @app.callback(
        Output(Panel.LATENCY_EMPTY, "className"),
        Output(Panel.HIT_RATE_EMPTY, "className"),
        Output(Panel.HIT_RATE_VALUE, "children"),
        Output(Panel.PARTS, "data"),
        Output(Panel.LEDGER, "data"),
        Output(Shell.BANNER, "children"),
        Input(Panel.TICK, "n_intervals"),
    )
    def tick(_: int | None) -> tuple[Any, ...]:
        series = services.stats.series(figures.SPAN_S, figures.STEP_S)
        snapshot = services.stats.snapshot(figures.SPAN_S)
        latency = figures.latency(series)
        outcomes = figures.outcomes(series)
        rate = figures.hit_rate(snapshot["demand"])
        drawn: dict[str, dict[str, Any]] = {
            Panel.HIT_RATE_COUNTS: {"children": panels.outcome_counts(snapshot["demand"])},
            Panel.PREFETCH_BODY: {"children": prefetch(snapshot)},
        }
        for graph, figure in ((Panel.LATENCY_GRAPH, latency), (Panel.HIT_RATE_GRAPH, outcomes)):
            if not figures.empty(figure):
                drawn[graph] = {"figure": figure}
        return (
            _empty_class(latency),
            _empty_class(outcomes),
            "–" if rate is None else f"{100 * rate:.0f} %",
            drawn,
            medians(snapshot["stages"]),
            services.degraded() or "",
        )


def _empty_class(figure: figures.Figure) -> str:
    return "empty over" if figures.empty(figure) else "hidden"


def medians(stages: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """What the pipeline panel shows beside the slice on the screen (ms)."""
    return {
        name: {"p50_ms": stage["p50_ms"], "p95_ms": stage["p95_ms"]}
        for name, stage in stages.items()
    }


def prefetch(snapshot: Mapping[str, Any]) -> list[Component]:
    """How well fetching ahead works, and how full the caches are."""
    ahead = snapshot["prefetch"]
    caches = snapshot["caches"]
    demanded = sum(snapshot["demand"].get(outcome, 0) for outcome in OUTCOMES)
    moved = bool(demanded or ahead["decoded"])
    return [
        html.Div(
            [
                panels.share(
                    "accuracy",
                    ahead["accuracy"],
                    "Of the bytes decoded ahead, the share in bricks that were then wanted",
                ),
                panels.share(
                    "coverage",
                    ahead["coverage"],
                    "Of all bricks wanted for the first time, the share that was decoded ahead",
                ),
                panels.share(
                    "timeliness",
                    ahead["timeliness"],
                    "Of the bricks decoded ahead and wanted, the share that was ready in time",
                ),
            ],
            className="shares",
        ),
        _counts(ahead) if moved else panels.nothing_yet("what is decoded ahead"),
        html.Div(
            [fill("Bricks", caches["bricks"]), fill("Frames", caches["frames"])], className="fills"
        ),
    ]


def _counts(ahead: Mapping[str, Any]) -> Component:
    return html.Div(
        [
            _fact("planned", ahead["planned"]),
            _fact("under way", ahead["in_flight"]),
            _fact("decoded", ahead["decoded"]),
            _fact("used", ahead["used"]),
            _fact("wasted", size(ahead["wasted_bytes"])),
        ],
        className="facts",
    )


def _fact(name: str, value: int | str) -> Component:
    return html.Span([html.B(f"{value:,}" if isinstance(value, int) else value), f" {name}"])


def fill(name: str, cache: Mapping[str, int]) -> Component:
    """How full a cache is."""
    limit = cache["limit"]
    percent = 100.0 * cache["bytes"] / limit if limit else 0.0
    entries = f"{cache['entries']:,} {'entry' if cache['entries'] == 1 else 'entries'}"
    return parts.tip(
        html.Div(
            [
                html.Div(
                    [
                        html.Span(name, className="share-label"),
                        html.Span(f"{size(cache['bytes'])} of {size(limit)}"),
                    ],
                    className="share-head",
                ),
                dmc.Progress(
                    value=min(100.0, percent), size=4, color="gray", **{"aria-label": name}
                ),
            ],
            className="share",
        ),
        f"{name} in the cache: {entries}, {cache['evictions']:,} evicted in the last five minutes",
        block=True,
    )


def size(count: float) -> str:
    """Bytes as people read them."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 99.5 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000.0
    return f"{value:.1f} TB"
