"""The rows of `/monitor`: frames of charts and tables, which the scripts fill."""

from __future__ import annotations

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard.web.page.ids import Chart, Monitor, Row


def build(*, several: bool = False) -> dict[Row, list[Component]]:
    """The charts, tables and lists of each row; with `several` machines, what is known of each."""
    groups = {"volume": "volumes", "axis": "axes", "format": "formats", "viewer": "viewers"}
    return {
        Row.LATENCY: [
            _chart(
                Chart.LATENCY,
                "How long slices took",
                "Slices by time and duration; darker cells have more of them. Click one for its requests, drag to"
                " choose a time span.",
                {"perceived": "until painted", "server": "on the server"},
            ),
            _card(
                [html.H2("Requests", id=Monitor.CELL_TITLE)],
                html.Div(id=Monitor.CELL_LIST, className="scroll"),
            ),
        ],
        Row.REQUESTS: [
            _card(
                [
                    html.H2("Single slices"),
                    _switch("slow", {"slowest": "slowest first", "latest": "latest first"}),
                ],
                html.Div(id=Monitor.SLOW_LIST, className="scroll"),
            ),
            _card(
                [html.H2("Where its time went")],
                html.Div(id=Monitor.WATERFALL, className="waterfall scroll"),
            ),
        ],
        Row.CACHES: [
            _chart(
                Chart.OUTCOMES,
                "Where slices came from",
                "Outcomes of viewers' demands over time",
                {"requests": "slices", "bytes": "bytes", "time": "time"},
                below=html.Div(id=Monitor.OUTCOME_LIST, className="facts-line"),
            ),
            _chart(
                Chart.REASONS,
                "Why they were not cached",
                "Each slice that was decoded, or waited for a decode, has one reason",
                below=html.Div(id=Monitor.REASON_LIST, className="facts-line"),
            ),
            _chart(
                Chart.SIZES,
                "Hit rate against size",
                "What the brick cache would have hit with other limits, simulated over the same accesses",
                below=html.P(id=Monitor.SIZES_TEXT, className="sentence"),
            ),
            _chart(
                Chart.CONTENTS,
                "How full they are",
                "Bytes in the brick cache, its limit, and evictions",
                below=html.Div(id=Monitor.CACHE_LIST, className="facts-line"),
            ),
            _card(
                [
                    html.H2("Who needs what"),
                    html.Div(className="spacer"),
                    _switch(
                        "groups",
                        groups
                        | ({"node": "machines"} if several else {})
                        | {"contents": "in the cache now"},
                    ),
                ],
                html.Div(id=Monitor.GROUPS, className="scroll"),
            ),
        ],
        Row.PREFETCH: [
            _chart(
                Chart.AHEAD,
                "Bytes decoded ahead",
                "Bytes of bricks decoded ahead of viewers, and what became of bricks at that time",
            ),
            _chart(
                Chart.PLANS,
                "Bricks planned and decoded",
                "What the worker had to do, and what was not ready when it was needed",
            ),
            _card(
                [html.H2("Is prefetching worth it?")],
                html.Div(id=Monitor.PREFETCH_FACTS, className="facts-table scroll"),
            ),
            _card(
                [
                    html.H2("Horizon of each viewer"),
                    html.Div(className="spacer"),
                    _horizon_legend(),
                ],
                html.Div(id=Monitor.HORIZONS, className="scroll"),
            ),
        ],
        Row.MACHINE: [
            _chart(
                Chart.THREADS,
                "Busy threads and the queue",
                "Request threads that were busy, and how long requests waited for one",
            ),
            _chart(
                Chart.ANSWERS,
                "Requests for slices",
                "Responses by kind: what viewers see, what pages fetch ahead, scripts; errors in red",
            ),
            _card(
                [html.H2("Processes")],
                html.Div(id=Monitor.PROCESSES, className="scroll"),
            ),
            _card(
                [html.H2("Disks and bookkeeping")],
                html.Div(id=Monitor.MACHINE_FACTS, className="facts-table scroll"),
            ),
        ],
    }


def _horizon_legend() -> Component:
    kinds = (("cached", "cached"), ("ahead", "decoded ahead"), ("coming", "to come"))
    return html.Div(
        [
            html.Span([html.Span(className=f"dot horizon-part {kind}"), label], className="outcome")
            for kind, label in kinds
        ],
        className="facts-line",
    )


def _card(head: list[Component], *children: Component, **more: Any) -> Component:
    return html.Div(
        [html.Div(head, className="tile-head"), *children], className="monitor-card", **more
    )


def _chart(
    id_: Chart,
    title: str,
    help_: str,
    switch: dict[str, str] | None = None,
    below: Component | None = None,
) -> Component:
    """A chart with its title, what it may be switched to, and its figures as CSV."""
    name = id_.removeprefix("chart-")
    head = [html.H2(title, title=help_), html.Div(className="spacer")]
    if switch is not None:
        head.append(_switch(name, switch))
    head.append(
        html.A(
            "CSV",
            id=f"{id_}-csv",
            className="csv",
            **{"aria-label": f"{title}: figures as CSV"},
        )
    )
    plot = html.Div(
        [
            html.Div(
                id=id_, className="plot-area", role="img", **{"aria-label": f"{title}. {help_}"}
            ),
            html.Div(id=f"{id_}-empty", className="empty over hidden"),
        ],
        className="plot-holder",
    )
    return _card(head, plot, *([below] if below is not None else []))


def _switch(name: str, options: dict[str, str]) -> Component:
    """One of a few ways to show the same; the first one holds at first."""
    return html.Div(
        [
            html.Button(
                label,
                className="switch-option",
                **{"data-value": value, "aria-pressed": "true" if i == 0 else "false"},
            )
            for i, (value, label) in enumerate(options.items())
        ],
        id=f"switch-{name}",
        className="switch",
        role="group",
    )
