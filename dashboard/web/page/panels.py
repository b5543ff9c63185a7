"""The column of panels: the pipeline, latency, hit rate and prefetching."""

from __future__ import annotations

from typing import Any, Final, Literal

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.web.page import components, ids
from dashboard.web.page.ids import Panel, Shell

TICK_MS: Final = 2000

# Blues and greens on the server, warm colours in the browser, so that one sees at once whose time it is;
# all have a contrast of 3:1 with both backgrounds.
STAGE_COLORS: Final[dict[str, str]] = {
    Stage.WAIT: "#7d8790",
    Stage.CACHE: "#5c7cba",
    Stage.READ: "#3d8fc4",
    Stage.DECODE: "#1f97a8",
    Stage.INDEX: "#2a9d78",
    Stage.SCALE: "#5f9f43",
    Stage.ENCODE: "#8c9430",
    Stage.OTHER: "#9a8f7a",
    Stage.WAITED: "#8f6f5e",
    Stage.TRANSFER: "#b8862b",
    Stage.CONVERT: "#d07437",
    Stage.DRAW: "#cf5f56",
    Stage.DISPLAY: "#b5608f",
}

OUTCOME_COLORS: Final[dict[str, str]] = {
    Outcome.RING: "#2a9d78",
    Outcome.HIT: "#3d8fc4",
    Outcome.PREFETCHED: "#6f7fc9",
    Outcome.COALESCED: "#c08a2c",
    Outcome.MISS: "#cf5f56",
}

OUTCOME_HELP: Final = {
    Outcome.RING: "the page had the frame",
    Outcome.HIT: "cached and accessed before",
    Outcome.PREFETCHED: "decoded ahead, and accessed for the first time",
    Outcome.COALESCED: "waited for another request's decoding",
    Outcome.MISS: "decoded now",
}

SHARE_HELP: Final[dict[Literal["accuracy", "coverage", "timeliness"], str]] = {
    "accuracy": "Of the bytes decoded ahead, the share in bricks that were accessed afterwards",
    "coverage": "Of all bricks accessed for the first time, the share that was decoded ahead",
    "timeliness": "Of the bricks decoded ahead and accessed, the share that was complete in time",
}

COUNT_LABELS: Final[
    dict[Literal["planned", "in_flight", "decoded", "used", "wasted_bytes"], str]
] = {
    "planned": "planned",
    "in_flight": "in flight",
    "decoded": "decoded",
    "used": "used",
    "wasted_bytes": "wasted",
}

CACHES: Final = ("bricks", "frames")

EMPTY_TEXT: Final = "Move through slices to see {}."

_GRAPH_CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True, "doubleClick": False}


def build() -> Component:
    """All four panels."""
    return html.Aside(
        [_pipeline(), _latency(), _hit_rate(), _prefetch()],
        id=Shell.PANELS,
        className="panels",
        **{"aria-label": "Statistics"},
    )


def _card(id_: str, title: str, note: str | Component, *children: Component) -> Component:
    return html.Section(
        [
            html.Div(
                [html.H2(title, className="section-title"), html.Div(note, className="card-note")],
                className="card-head",
            ),
            *children,
        ],
        id=id_,
        className="card",
    )


def _pipeline() -> Component:
    note = html.Div(
        [
            html.Span(id=Panel.PIPELINE_SOURCE, className="source"),
            html.Span(id=Panel.PIPELINE_TOTAL, className="total"),
        ],
        className="pipeline-note",
    )
    return _card(
        Panel.PIPELINE,
        "Pipeline",
        note,
        html.Div(
            html.Div(EMPTY_TEXT.format("where their time goes"), className="empty"),
            id=Panel.PIPELINE_ROWS,
            className="pipeline",
        ),
    )


def _latency() -> Component:
    return _card(
        Panel.LATENCY,
        "Latency",
        "median of each stage, ms",
        _graph(Panel.LATENCY_GRAPH, Panel.LATENCY_EMPTY, "how long each stage takes"),
    )


def _hit_rate() -> Component:
    return _card(
        Panel.HIT_RATE,
        "Hit rate",
        html.Span("–", id=Panel.HIT_RATE_VALUE, className="big"),
        _graph(Panel.HIT_RATE_GRAPH, Panel.HIT_RATE_EMPTY, "which the caches had"),
        html.Div(
            [_outcome(outcome) for outcome in Outcome],
            id=Panel.HIT_RATE_COUNTS,
            className="outcomes",
        ),
    )


def _graph(id_: str, empty_id: str, what: str) -> Component:
    return html.Div(
        [
            dcc.Graph(
                id=id_, figure=_blank(), config=_GRAPH_CONFIG, responsive=True, className="chart"
            ),
            html.Div(EMPTY_TEXT.format(what), id=empty_id, className="empty over"),
        ],
        className="chart-frame",
    )


def _blank() -> dict[str, Any]:
    return {
        "data": [],
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": {"visible": False},
            "yaxis": {"visible": False},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        },
    }


def _outcome(name: Outcome) -> Component:
    """One of the hit rate's legend, with its count."""
    return components.with_tooltip(
        html.Span(
            [
                html.Span(className="dot", style={"background": OUTCOME_COLORS[name]}),
                html.Span(name),
                html.B("0", id=ids.outcome(name)),
            ],
            className="outcome",
        ),
        f"{name.capitalize()}: {OUTCOME_HELP[name]}",
    )


def _prefetch() -> Component:
    return _card(
        Panel.PREFETCH,
        "Prefetch",
        "last five minutes",
        html.Div(
            [
                components.with_tooltip(
                    _share(name, name, html.B("–", id=ids.prefetched(name)), "meter"),
                    help_,
                    block=True,
                )
                for name, help_ in SHARE_HELP.items()
            ],
            className="shares",
        ),
        html.Div(
            [
                html.Span([html.B("0", id=ids.prefetched(name)), f" {label}"])
                for name, label in COUNT_LABELS.items()
            ],
            id=Panel.PREFETCH_COUNTS,
            className="facts hidden",
        ),
        html.Div(
            EMPTY_TEXT.format("what is decoded ahead"), id=Panel.PREFETCH_EMPTY, className="facts"
        ),
        html.Div(
            [
                _share(name, name.capitalize(), html.Span(id=ids.prefetched(name)), "meter grey")
                for name in CACHES
            ],
            className="fills",
        ),
    )


def _share(name: str, label: str, value: Component, bar_class: str) -> Component:
    """A figure over a bar that says how much of the whole it is."""
    return html.Div(
        [
            html.Div([html.Span(label, className="share-label"), value], className="share-head"),
            html.Div(
                html.Div(),
                id=ids.bar(name),
                className=bar_class,
                role="progressbar",
                **{"aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100},
            ),
        ],
        id=ids.share(name),
        className="share",
    )
