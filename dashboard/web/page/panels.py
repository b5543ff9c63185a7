"""The four panels in the dock: the pipeline, latency, hit rate and prefetching.

A panel is open in full or compact: a line with its number and a small chart. Which ones are open is decided by the
page (`assets/ui/dock.mjs`) from the height that there is.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.web.page import components, ids
from dashboard.web.page.ids import Panel, Shell
from dashboard.web.page.panel_help import HELP

TICK_MS: Final = 2000
# The longest period of a page that nobody uses (`assets/ui/polling.mjs`).
IDLE_TICK_MS: Final = 60_000

# Blues and greens on the server, warm colours in the browser, so that one sees at once whose time it is. All have
# a contrast of 3:1 with both backgrounds. Dark and light ones alternate: layers that may meet in a stack differ by
# 10 (CIEDE2000) at least for every kind of colour blindness (tests/unit/web/test_colors.py).
STAGE_COLORS: Final[dict[str, str]] = {
    Stage.WAIT: "#848f9c",
    Stage.CACHE: "#2d69d1",
    Stage.READ: "#3098eb",
    Stage.DECODE: "#187886",
    Stage.INDEX: "#16a572",
    Stage.SCALE: "#367c10",
    Stage.ENCODE: "#739e28",
    Stage.OTHER: "#8e8978",
    Stage.WAITED: "#84644e",
    Stage.TRANSFER: "#c98022",
    Stage.CONVERT: "#ad500d",
    Stage.DRAW: "#f26660",
    Stage.DISPLAY: "#b33991",
}

OUTCOME_COLORS: Final[dict[str, str]] = {
    Outcome.RING: "#008951",
    Outcome.HIT: "#009ce3",
    Outcome.PREFETCHED: "#3a68d0",
    Outcome.COALESCED: "#ad5907",
    Outcome.MISS: "#e65266",
}

# Hatching (Plotly's names) of the outcomes that a viewer waited for.
OUTCOME_PATTERNS: Final[dict[str, str]] = {Outcome.COALESCED: "\\", Outcome.MISS: "/"}

# Outcomes in words for the viewer of slices; the terms are in the tooltips.
OUTCOME_LABELS: Final[dict[str, str]] = {
    Outcome.RING: "in the page",
    Outcome.HIT: "cached",
    Outcome.PREFETCHED: "ahead",
    Outcome.COALESCED: "shared",
    Outcome.MISS: "decoded",
}

OUTCOME_HELP: Final = {
    Outcome.RING: "the page had the frame",
    Outcome.HIT: "cached and accessed before",
    Outcome.PREFETCHED: "decoded ahead, and accessed for the first time",
    Outcome.COALESCED: "waited for another request's decoding",
    Outcome.MISS: "decoded now",
}

Share = Literal["accuracy", "coverage", "timeliness"]
SHARE_LABELS: Final[dict[Share, str]] = {
    "accuracy": "useful",
    "coverage": "foreseen",
    "timeliness": "in time",
}
SHARE_HELP: Final[dict[Share, str]] = {
    "accuracy": "Accuracy: of the bytes decoded ahead that were then used or wasted, the share that was used",
    "coverage": "Coverage: of all bricks accessed for the first time, the share that was decoded ahead",
    "timeliness": "Timeliness: of the bricks decoded ahead and accessed, the share that was complete in time",
}

Fate = Literal["used", "undecided", "wasted"]
FATES: Final[dict[Fate, tuple[str, str]]] = {
    "used": ("used", "Bytes of bricks decoded ahead that were then accessed"),
    "undecided": (
        "not yet",
        "Bytes of bricks decoded ahead that are cached, planned or were so until now, and not accessed yet",
    ),
    "wasted": (
        "wasted",
        "Bytes of bricks decoded ahead that no plan has any more, or that left the cache, without an access",
    ),
}

WORTH: Final = {
    "saved": "Time that viewers did not wait: the decode times of bricks that were used, less what was waited for",
    "spent": "Time that the server spent on decoding ahead",
}

CACHES: Final = ("bricks", "frames")

# Whose slices the hit rate is of.
MINE: Final = "mine"
WHOSE: Final = {MINE: "Mine", "everyone": "Everyone"}

EMPTY_TEXT: Final = "Move through slices to see {}."

# The least height of a panel that is open in full (px).
FULL_HEIGHTS: Final[dict[str, int]] = {
    Panel.PIPELINE: 310,
    Panel.LATENCY: 136,
    Panel.HIT_RATE: 160,
    Panel.PREFETCH: 168,
}

_GRAPH_CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True, "doubleClick": False}


def build() -> Component:
    """All four panels."""
    return html.Div(
        [_pipeline(), _latency(), _hit_rate(), _prefetch()],
        id=Shell.PANELS,
        className="panels",
        role="group",
        **{"aria-label": "Statistics"},
    )


def _card(id_: str, title: str, number: Component, *children: Component) -> Component:
    return html.Section(
        [
            html.Div(
                [
                    html.H2(
                        html.Button(title, className="card-toggle", **{"aria-expanded": "true"}),
                        className="section-title",
                    ),
                    html.Div(
                        id=ids.sparkline(id_), className="sparkline", **{"aria-hidden": "true"}
                    ),
                    number,
                    _help(id_, title),
                ],
                className="card-head",
            ),
            *children,
        ],
        id=id_,
        className="card",
        style={"--full": f"{FULL_HEIGHTS[id_]}px"},
        **{"data-full": str(FULL_HEIGHTS[id_])},
    )


def _help(id_: str, title: str) -> Component:
    """What the panel shows, why, and what to do, behind a question mark; opened by `assets/ui/help.mjs`."""
    texts = HELP[id_]
    parts = (("What", texts.what), ("Why", texts.why), ("What to do", texts.action))
    return dmc.Tooltip(
        dmc.ActionIcon(
            "?",
            id=ids.help_mark(id_),
            variant="subtle",
            color="gray",
            size=18,
            className="card-help",
            **{"aria-label": f"What the panel {title} shows"},
        ),
        label=html.Dl(
            [part for head, text in parts for part in (html.Dt(head), html.Dd(text))],
            className="help-text",
        ),
        id=ids.help_text(id_),
        opened=False,
        multiline=True,
        w=300,
        position="left-start",
        withArrow=True,
    )


def _pipeline() -> Component:
    note = html.Div(
        [
            html.Span(id=Panel.PIPELINE_SOURCE, className="source"),
            html.Span(id=Panel.PIPELINE_TOTAL, className="number"),
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
        html.P(id=Panel.PIPELINE_CULPRIT, className="culprit"),
    )


def _latency() -> Component:
    return _card(
        Panel.LATENCY,
        "Latency",
        _number(Panel.LATENCY_VALUE, "One slice in twenty of the last five minutes took longer"),
        _graph(Panel.LATENCY_GRAPH, Panel.LATENCY_EMPTY, "how long they take"),
    )


def _number(id_: str, help_: str) -> Component:
    return html.Span("–", id=id_, className="number", title=help_)


def _hit_rate() -> Component:
    return _card(
        Panel.HIT_RATE,
        "Hit rate",
        html.Div(
            [
                dmc.SegmentedControl(
                    id=Panel.HIT_RATE_WHOSE,
                    data=[{"value": name, "label": label} for name, label in WHOSE.items()],
                    value=MINE,
                    size="xs",
                    className="whose",
                    **{"aria-label": "Whose slices the panel counts"},
                ),
                _number(
                    Panel.HIT_RATE_VALUE,
                    "Slices of the last five minutes that were there without decoding, rounded down",
                ),
            ],
            className="whose-note",
        ),
        _graph(Panel.HIT_RATE_GRAPH, Panel.HIT_RATE_EMPTY, "which the caches had"),
        html.Div(
            [
                *(_outcome(outcome) for outcome in Outcome),
                html.Span(id=Panel.HIT_RATE_UNSEEN, className="outcome bad"),
            ],
            id=Panel.HIT_RATE_COUNTS,
            className="outcomes",
        ),
        html.P(id=Panel.HIT_RATE_REASONS, className="culprit"),
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
    pattern = {"\\": " back", "/": " forth"}.get(OUTCOME_PATTERNS.get(name, ""), "")
    return components.with_tooltip(
        html.Span(
            [
                html.Span(className=f"dot{pattern}", style={"--dot": OUTCOME_COLORS[name]}),
                html.Span(OUTCOME_LABELS[name]),
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
        _number(Panel.PREFETCH_STATE, "What the prefetch worker does now"),
        html.Div(
            [
                components.with_tooltip(
                    html.Span([f"{name} ", html.B("–", id=ids.prefetched(name))]), help_
                )
                for name, help_ in WORTH.items()
            ]
            + [html.Span("of all viewers")],
            className="facts",
        ),
        html.Div(
            [html.Div(id=ids.bar(fate), className=f"fate {fate}") for fate in FATES],
            className="fates",
            **{"aria-hidden": "true"},
        ),
        html.Div(
            [
                components.with_tooltip(
                    html.Span(
                        [
                            html.Span(className=f"dot {fate}"),
                            f"{label} ",
                            html.B("0 B", id=ids.prefetched(fate)),
                        ],
                        className="outcome",
                    ),
                    help_,
                )
                for fate, (label, help_) in FATES.items()
            ],
            className="outcomes",
        ),
        html.Div(
            [
                components.with_tooltip(
                    html.Span([f"{SHARE_LABELS[name]} ", html.B("–", id=ids.prefetched(name))]),
                    help_,
                )
                for name, help_ in SHARE_HELP.items()
            ],
            className="facts",
        ),
        html.Div([_fill(name) for name in CACHES], className="fills"),
        components.with_tooltip(
            html.Button(
                "Turn off for me, for 5 minutes",
                id=Panel.PREFETCH_PAUSE,
                n_clicks=0,
                className="link-button",
                **{"aria-pressed": "false"},
            ),
            "Nothing is decoded or fetched ahead of you meanwhile: to compare, or to spare a slow link",
        ),
    )


def _fill(name: str) -> Component:
    """The fill level of a cache."""
    label = name.capitalize()
    return html.Div(
        [
            html.Div(
                [html.Span(label, className="share-label"), html.Span(id=ids.prefetched(name))],
                className="share-head",
            ),
            html.Div(
                html.Div(),
                id=ids.bar(name),
                className="meter",
                role="progressbar",
                **{"aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100},
            ),
        ],
        id=ids.share(name),
        className="share",
    )
