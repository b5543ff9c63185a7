"""The page `/monitor`: tiles that are always in sight, and below them one of five rows of charts and tables.

What is here is the frame. Figures come from `/api/v1/` and are drawn by the modules of `assets/`
(`assets/monitor.mjs` is their entry); no callback of Dash is involved.
"""

from __future__ import annotations

import json
from typing import Any, Final

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.addressing.outcomes import Outcome, Reason
from dashboard.settings import Settings
from dashboard.telemetry.history import DAY_S, VIEWERS_S
from dashboard.telemetry.stages import DESKTOP_MS, STAGES
from dashboard.web.page import components, ids, monitor_rows, panels
from dashboard.web.page.document import document
from dashboard.web.page.ids import Monitor, Row
from dashboard.web.page.layout import THEME
from dashboard.web.page.panel_updates import REASONS
from dashboard.web.status_page import STATUS

ROW_LABELS: Final = {
    Row.LATENCY: "Latency",
    Row.REQUESTS: "Requests",
    Row.CACHES: "Caches",
    Row.PREFETCH: "Prefetch",
    Row.MACHINE: "Machine",
}

# Filters by the rows in which they narrow something down.
FILTERS: Final = {
    "volume": (Row.REQUESTS, Row.CACHES),
    "axis": (Row.CACHES,),
    "outcome": (Row.LATENCY, Row.REQUESTS, Row.CACHES),
    "reason": (Row.REQUESTS, Row.CACHES),
    "kind": (Row.MACHINE,),
    "process": (Row.MACHINE,),
}

# Why a slice was no hit, as the end of a sentence about it.
CAUSES: Final = {
    Reason.FIRST: "no slice of its brick had been accessed before",
    Reason.EVICTED: "its brick had been evicted from the cache",
    Reason.CHANGED: "the file had changed",
    Reason.LATE: "its brick was planned or being decoded ahead, and not ready",
    Reason.JUMPED: "the viewer moved farther than it had before",
    Reason.TURNED: "the viewer turned back",
    Reason.UNPLANNED: "its brick was not planned ahead",
    Reason.NO_SPACE: "there had been no space for its brick in the cache",
}


def index_string(settings: Settings, module_tags: str, entry: str) -> str:
    """The HTML around the page; `entry` is a module's address."""
    plotly = f"{settings.url_prefix}/_dash-component-suites/plotly/package_data/plotly.min.js"
    words = _json(config(settings))
    return document(
        settings,
        "How fast slices are served, and why",
        module_tags,
        body=f'<script id="{Monitor.CONFIG}" type="application/json">{words}</script>',
        last_scripts=f'<script defer src="{plotly}"></script><script type="module" src="{entry}"></script>',
    )


def config(settings: Settings) -> dict[str, Any]:
    """What the scripts have to know: names, words and colours, the same as in the viewer."""
    return {
        "prefix": settings.url_prefix,
        "stages": [
            {"name": stage.name, "what": stage.what, "color": panels.STAGE_COLORS[stage.name]}
            for stage in STAGES
        ],
        "outcomes": [
            {
                "name": outcome,
                "label": panels.OUTCOME_LABELS[outcome],
                "help": panels.OUTCOME_HELP[outcome],
                "color": panels.OUTCOME_COLORS[outcome],
                "pattern": panels.OUTCOME_PATTERNS.get(outcome, ""),
            }
            for outcome in Outcome
        ],
        "reasons": REASONS,
        "causes": CAUSES,
        "filters": FILTERS,
        # For how long slow slices, and figures by viewer, are kept (s): asking for more is refused.
        "slowS": max(settings.names_days, 1.0) * DAY_S if settings.names_days > 0 else 0,
        "viewersS": VIEWERS_S if settings.names_days > 0 else 0,
        "desktopMs": DESKTOP_MS,
    }


def _json(value: object) -> str:
    """JSON that ends no script, and in which Dash finds no placeholder."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("{%", "{ %")


def build(settings: Settings) -> Component:
    """The whole page."""
    several = settings.cluster is not None
    return dmc.MantineProvider(
        theme=THEME,
        defaultColorScheme="auto",
        children=html.Div(
            [
                _header(settings),
                html.Main(
                    [
                        html.Section(
                            id=Monitor.TILES,
                            className="tiles",
                            **{"aria-label": "Are people served?"},
                        ),
                        html.Div(id=Monitor.ADVICE, className="advice", role="status"),
                        html.Div(
                            [
                                html.Div(
                                    [_tab(row) for row in Row],
                                    id=Monitor.ROWS,
                                    className="row-tabs",
                                    role="tablist",
                                    **{"aria-label": "Rows"},
                                ),
                                html.Div(
                                    [_filter(name) for name in FILTERS],
                                    id=Monitor.FILTERS,
                                    className="filters",
                                ),
                            ],
                            className="row-head",
                        ),
                        *(
                            _row(row, parts)
                            for row, parts in monitor_rows.build(several=several).items()
                        ),
                    ],
                    className="monitor-main",
                ),
            ],
            id=Monitor.PAGE,
            className="monitor",
        ),
    )


def _header(settings: Settings) -> Component:
    prefix = settings.url_prefix
    return html.Header(
        [
            html.A(
                [html.Span(className="mark"), html.Span("Lamella", className="name")],
                href=f"{prefix}/",
                className="brand",
                title="To the slices",
            ),
            html.H1("Monitor", className="monitor-title"),
            html.Div(
                id=Monitor.RANGES,
                className="ranges",
                role="group",
                **{"aria-label": "Time span"},
            ),
            html.Span(id=Monitor.SPAN, className="span-text"),
            html.Button(
                "×",
                id=Monitor.SPAN_CLEAR,
                className="span-clear hidden",
                **{"aria-label": "Back to the span before"},
            ),
            html.Span(id=Monitor.STATUS, className="monitor-status", role="status"),
            html.Div(className="spacer"),
            html.Button(
                "Pause",
                id=Monitor.PAUSE,
                className="tool",
                title="Stop polling",
                **{"aria-pressed": "false"},
            ),
            html.A(
                "Wall",
                id=Monitor.WALL,
                className="tool",
                title="For a wall screen: dark, without controls, one row after the other",
            ),
            html.A(
                "Status",
                href=f"{prefix}{STATUS}",
                className="tool",
                title="What works and what does not, in words",
            ),
            html.A("Slices", href=f"{prefix}/", className="tool", title="To the slices"),
            *components.account(settings),
            components.theme_toggle(Monitor.SCHEME),
            *components.sign_out(settings),
        ],
        className="header",
    )


def _tab(row: Row) -> Component:
    return html.Button(
        ROW_LABELS[row],
        id=ids.row_tab(row),
        className="row-tab",
        role="tab",
        **{"aria-selected": "false", "aria-controls": ids.row_panel(row), "data-row": row},
    )


def _filter(name: str) -> Component:
    """A choice whose options are written by the scripts."""
    return html.Label(
        [html.Span(name.capitalize()), html.Select(id=f"filter-{name}", **{"data-filter": name})],
        className="filter hidden",
    )


def _row(row: Row, parts: list[Component]) -> Component:
    return html.Section(
        parts,
        id=ids.row_panel(row),
        className=f"monitor-row row-{row} hidden",
        role="tabpanel",
        **{"aria-labelledby": ids.row_tab(row)},
    )
