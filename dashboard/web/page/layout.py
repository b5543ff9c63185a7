"""The page: header, tree, the slice with its controls, and a column of panels.

What is here never changes after it was sent, but through `set_props` of the modules in `assets/` and
through the callbacks in `viewer_callbacks.py` and `panel_callbacks.py`. The layout is the same for everyone:
which slice is shown stands in the address bar.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.settings import Settings
from dashboard.telemetry.stages import STAGES, WHOLE_REFERENCE
from dashboard.web.page import components, controls, dock, export_menu, panels
from dashboard.web.page.document import document
from dashboard.web.page.ids import Panel, Shell, Views

NAVBAR_WIDTH = {"base": 280, "md": 232, "xl": 290}
HEADER_HEIGHT = 48

# A calm teal for what can be operated, and greys with a trace of it: the picture has the colours.
TEAL = "#e8f5f6 #d2e8ea #a5d2d6 #74bac1 #4ca5ae #33969f #238a94 #147680 #06636d #00525b".split()
SLATE = "#dce1e4 #b9c1c7 #98a2aa #707b84 #3c444b #2c3339 #22282d #191e22 #13171a #0e1113".split()

THEME: dict[str, Any] = {
    "colors": {"teal": TEAL, "dark": SLATE},
    "primaryColor": "teal",
    "primaryShade": {"light": 7, "dark": 4},
    "autoContrast": True,
    "defaultRadius": "sm",
    "cursorType": "pointer",
    "respectReducedMotion": True,
    "fontFamily": (
        '-apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", "Liberation Sans", Arial, sans-serif'
    ),
    "fontFamilyMonospace": 'ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace',
}


def index_string(settings: Settings, module_tags: str) -> str:
    """The HTML around the app."""
    early = escape(json.dumps({"prefix": settings.url_prefix, "restCells": settings.rest_cells}))
    tags = f'<meta name="lamella" content="{early}">\n        {module_tags}'
    return document(settings, "Leaf through HDF5 volumes, slice by slice", tags)


def build(settings: Settings) -> Component:
    """The whole page."""
    return dmc.MantineProvider(
        theme=THEME,
        defaultColorScheme="auto",
        children=[
            dcc.Store(id=Shell.CONFIG, data=_config(settings)),
            dcc.Store(id=Panel.PARTS),
            dcc.Store(id=Panel.VIEWER),
            dcc.Interval(id=Panel.TICK, interval=panels.TICK_MS),
            dmc.AppShell(
                id=Shell.APP,
                header={"height": HEADER_HEIGHT},
                navbar={
                    "width": NAVBAR_WIDTH,
                    "breakpoint": "md",
                    "collapsed": {"mobile": True, "desktop": False},
                },
                transitionDuration=150,
                padding=0,
                children=[
                    _header(settings),
                    dmc.AppShellNavbar(_tree(), p=0, **{"aria-label": "Files and datasets"}),
                    dmc.AppShellMain(
                        [
                            html.Div(id=Shell.BANNER, className="banner", role="alert"),
                            html.Div(
                                [controls.viewer_section(), dock.build()],
                                className="workbench",
                            ),
                        ]
                    ),
                ],
            ),
            _bookmarks(),
            export_menu.status(),
            html.Div(id=Shell.STATUS, className="visually-hidden", role="status", **_LIVE),
        ],
    )


_LIVE = {"aria-live": "polite"}


def _config(settings: Settings) -> dict[str, Any]:
    """What the scripts have to know; sizes in cells, times in ms."""
    return {
        "prefix": settings.url_prefix,
        "signsIn": settings.asks_sign_in,
        "restCells": settings.rest_cells,
        "restDelay": settings.rest_delay_ms,
        "idlePoll": panels.IDLE_TICK_MS,
        "stages": [
            {
                "name": stage.name,
                "where": stage.where,
                "what": stage.what,
                "reference": stage.reference,
                "color": panels.STAGE_COLORS[stage.name],
            }
            for stage in STAGES
        ],
        "wholeReference": WHOLE_REFERENCE,
        "navbar": {"width": NAVBAR_WIDTH, "breakpoint": "md"},
    }


def _header(settings: Settings) -> Component:
    prefix = settings.url_prefix
    return dmc.AppShellHeader(
        className="header",
        children=[
            components.icon_button(
                Shell.BURGER, "menu", "Files and datasets", hiddenFrom="md", className="burger"
            ),
            html.Div(
                [html.Span(className="mark"), html.Span("Lamella", className="name")],
                className="brand",
            ),
            html.Div(id=Shell.BREADCRUMB, className="crumb"),
            components.icon_button(
                Shell.DETAILS_BUTTON, "info", "What this dataset says of itself", hiddenFrom="md"
            ),
            html.Div(className="spacer"),
            _search(),
            _views(),
            *export_menu.build(),
            components.with_tooltip(
                html.A(
                    html.Span(className="icon icon-monitor"),
                    href=f"{prefix}/monitor",
                    target="_blank",
                    className="icon-link wide-only",
                    **{"aria-label": "Monitor: statistics of all viewers over time"},
                ),
                "Monitor: statistics of all viewers over time",
            ),
            components.with_tooltip(
                html.Button(
                    components.icon("keys"),
                    id=Shell.HELP_BUTTON,
                    type="button",
                    className="icon-link wide-only",
                    **{"aria-label": "Keys and gestures", "aria-keyshortcuts": "?"},
                ),
                "Keys and gestures (?)",
            ),
            components.icon_button(
                Shell.CONTROLS_TOGGLE, "controls", "Display and axes", className="narrow-only"
            ),
            components.icon_button(Shell.PANELS_TOGGLE, "panels", "Show or hide the dock"),
            components.theme_toggle(Shell.SCHEME),
            *components.sign_out(settings),
        ],
    )


def _search() -> Component:
    """What opens the command palette; on narrow screens an icon."""
    return html.Button(
        [
            components.icon("search"),
            html.Span("Search", className="palette-word"),
            html.Kbd("Ctrl K", className="palette-word"),
        ],
        id=Shell.PALETTE_BUTTON,
        type="button",
        className="palette-button",
        title="Search actions, files and datasets (Ctrl K)",
        **{
            "aria-label": "Search actions, files and datasets",
            "aria-keyshortcuts": "Control+K Meta+K",
            "aria-haspopup": "dialog",
        },
    )


def _views() -> Component:
    """How many pictures there are."""
    choices = (
        (Views.ONE, "one", "One view"),
        (Views.THREE, "three", "Three views through a point"),
        (Views.COMPARE, "compare", "Compare with another dataset"),
    )
    return html.Div(
        [
            html.Button(
                components.icon(f"views-{name}"),
                id=id_,
                type="button",
                className="views-button",
                title=label,
                **{"aria-label": label, "aria-pressed": "true" if name == "one" else "false"},
            )
            for id_, name, label in choices
        ],
        id=Views.SELECT,
        className="views-select",
        role="group",
        **{"aria-label": "Views"},
    )


def _tree() -> list[Component]:
    return [
        html.Div(
            [
                html.H2("Files", className="section-title"),
                html.Div(className="spacer"),
                components.icon_button(
                    Shell.BOOKMARKS_BUTTON, "bookmark", "Bookmarks and shared links", size=26
                ),
                components.icon_button(
                    Shell.TREE_RELOAD, "reload", "Reload the list of files", size=26
                ),
            ],
            className="tree-head",
        ),
        html.Div(id=Shell.TREE_FILTER, className="tree-filter"),
        html.Div(
            html.Div(id=Shell.TREE, **{"aria-label": "Files and datasets"}), className="tree-scroll"
        ),
        html.Div(id=Shell.TREE_MESSAGE, className="tree-message", role="status"),
        html.Section(
            id=Shell.NODE_DETAILS, className="node-details", **{"aria-label": "What is chosen"}
        ),
    ]


def _bookmarks() -> Component:
    """What is in it is made by `assets/ui/bookmarks.mjs`, for which it is there before it is opened."""
    return dmc.Drawer(
        id=Shell.BOOKMARKS_DRAWER,
        title="Bookmarks and shared links",
        returnFocus=False,
        keepMounted=True,
        position="left",
        size="md",
        overlayProps={"backgroundOpacity": 0.25},
        children=html.Div(id=Shell.BOOKMARKS, className="bookmarks"),
    )
