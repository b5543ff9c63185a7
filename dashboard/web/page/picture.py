"""The picture: the plot, what is awaited, what is wrong, and the note above it."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.web.page import components
from dashboard.web.page.ids import View, Views

GRAPH_CONFIG: dict[str, Any] = {
    "displayModeBar": False,
    "displaylogo": False,
    "doubleClick": False,
    "scrollZoom": True,
    "responsive": False,
    "showTips": False,
}

# Nothing but an empty plot: all that it shows later is written by assets/render/plot.mjs.
EMPTY_FIGURE: dict[str, Any] = {
    "data": [],
    "layout": {
        "xaxis": {"visible": False},
        "yaxis": {"visible": False},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
    },
}


def plot() -> Component:
    """The plot, and over it what is awaited and what is wrong."""
    return html.Div(
        [
            html.Div(className="progress"),
            html.Canvas(id=View.CANVAS, className="slice-canvas", **{"aria-hidden": "true"}),
            dcc.Graph(
                id=View.GRAPH,
                figure=EMPTY_FIGURE,
                config=GRAPH_CONFIG,
                responsive=False,
                className="plot",
            ),
            html.Div(
                html.Span(id=View.SCALE_BAR_TEXT),
                id=View.SCALE_BAR,
                className="scale-bar",
                hidden=True,
            ),
            html.Div(
                [html.Div(className="across"), html.Div(className="down")],
                id=Views.CROSSHAIR,
                className="crosshair",
                hidden=True,
            ),
            _start(),
            html.Div(id=View.REMARK, className="remark hidden", role="status"),
            html.Div(
                [
                    html.Span(id=View.WAIT_TEXT, className="wait-text"),
                    _button("Cancel", View.CANCEL),
                ],
                id=View.WAIT,
                className="wait hidden",
            ),
            html.Div(
                [
                    html.Div(id=View.MESSAGE_TEXT, className="message-text"),
                    html.Div(
                        [
                            _button("Try again", View.RETRY, variant="light"),
                            _button("Open", View.OFFER, className="offer"),
                            _button("Files", View.FILES, hiddenFrom="md"),
                            _button("Cancel", View.LEAVE),
                        ],
                        className="message-actions",
                    ),
                ],
                id=View.MESSAGE,
                className="message hidden",
                role="alert",
            ),
        ],
        id=View.FRAME,
        className="plot-frame",
        # Where the focus is while slices are turned; the keys work from everywhere else too.
        tabIndex=0,
        role="group",
        **{"aria-label": "Picture of the slice: arrow keys turn slices, space plays"},
    )


def _start() -> Component:
    """What is shown while nothing is chosen; the lists are filled by `assets/ui/start-page.mjs`."""
    lists = ((View.START_RECENT, "Recent"), (View.START_FILES, "Files"))
    return html.Div(
        [
            *(
                html.Section(
                    [html.H2(title, className="section-title"), html.Ul(id=id_)],
                    id=f"{id_}-section",
                    hidden=True,
                )
                for id_, title in lists
            ),
            html.P(id=View.START_MORE, className="start-more"),
            html.P(
                [
                    "A file opens with its main dataset. Other files are served by ",
                    html.Code("lamella serve FILE-OR-FOLDER …"),
                    " on the machine that has them.",
                ],
                className="start-more",
            ),
        ],
        id=View.START,
        className="start-page",
        hidden=True,
    )


def _button(text: str, id_: str, *, variant: str = "default", **more: Any) -> Component:
    return dmc.Button(text, id=id_, size="xs", variant=variant, n_clicks=0, **more)


def sheet() -> Component:
    """Where curves, tables, text and values are shown instead of the plot."""
    return html.Div(
        id=View.SHEET, className="sheet hidden", role="region", **{"aria-label": "Values"}
    )


def note() -> Component:
    """A line above the picture: a link that did not fit, a file that changed."""
    return html.Div(
        [
            html.Div(id=View.NOTE_TEXT, className="note-text"),
            _button("", View.NOTE_ACTION),
            components.icon_button(View.NOTE_CLOSE, "close", "Close this note", size=24),
        ],
        id=View.NOTE,
        className="note hidden",
        role="status",
    )
