"""The menu of what is taken along: the picture, its values, a range of slices, code and link.

What its buttons do is in `assets/ui/export-menu.mjs`, by the names in `data-export`.
"""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.web.page import components
from dashboard.web.page.ids import Export


def build() -> list[Component]:
    """The button that copies the link, and the menu."""
    link = html.Button(
        components.icon("chain"),
        type="button",
        className="icon-link",
        **{"aria-label": "Copy link", "data-export": "link"},
    )
    return [components.with_tooltip(link, "Copy a link to this view"), _menu()]


def _menu() -> Component:
    button = html.Button(
        [
            components.icon("download"),
            html.Span("Export", className="wide-only"),
            components.icon("chevron"),
        ],
        id=Export.BUTTON,
        type="button",
        className="text-button export-button",
        **{"aria-label": "Export"} | components.POPOVER_BUTTON,
    )
    menu = html.Div(
        _groups(),
        id=Export.MENU,
        className="export-menu",
        role="dialog",
        **{"aria-label": "Export"},
    )
    return components.popover(
        Export.POPOVER,
        button,
        [menu],
        position="bottom-end",
        width=292,
        # It has the ids that the scripts fill before it is opened.
        keepMounted=True,
    )


def _groups() -> list[Component]:
    return [
        _group(
            "Picture as shown", [_button("PNG", "picture", "With colours, axes, bar and title")]
        ),
        _group(
            "Values in view",
            [
                _button("NPY", "npy", "An array for NumPy"),
                _button("TIFF", "tiff", "An image of the values themselves"),
                _button("CSV", "csv", "Lines of numbers"),
            ],
            Export.REGION,
        ),
        html.Div(
            [
                html.Div("Range of slices", className="export-title"),
                html.Div(
                    [
                        _field(Export.FROM, "First slice"),
                        html.Span("to", **{"aria-hidden": "true"}),
                        _field(Export.TO, "Last slice"),
                    ],
                    className="export-range",
                ),
                html.Div(
                    [
                        _button("TIFF stack", "stack-tiff", "A page for each slice"),
                        _button("HDF5", "stack-h5", "A cut-out with the dataset's attributes"),
                        _button("NPY", "stack-npy", "An array for NumPy"),
                    ],
                    className="export-buttons",
                ),
            ],
            id=Export.SLICES,
            className="export-group",
        ),
        _group(
            "Copy as code",
            [
                _button("h5py", "h5py", "For the file itself"),
                _button("Client", "client", "For this server, with dashboard.client"),
                _button("curl", "curl", "For the command line"),
            ],
        ),
    ]


def _group(title: str, buttons: list[Component], id_: str = "") -> Component:
    more = [html.Span(id=id_, className="export-note")] if id_ else []
    return html.Div(
        [
            html.Div([title, *more], className="export-title"),
            html.Div(buttons, className="export-buttons"),
        ],
        className="export-group",
    )


def _button(text: str, name: str, title: str) -> Component:
    return html.Button(
        text,
        type="button",
        title=title,
        className="export-choice",
        **{"data-export": name},
    )


def _field(id_: str, label: str) -> Component:
    return dmc.NumberInput(
        id=id_,
        value=0,
        min=0,
        allowDecimal=False,
        allowNegative=False,
        hideControls=True,
        size="xs",
        w=84,
        **{"aria-label": label},
    )


def status() -> Component:
    """What is received, with its progress, or was copied."""
    return html.Div(
        [
            html.Span(id=Export.TEXT, className="export-text"),
            html.Button(
                "Cancel",
                id=Export.CANCEL,
                type="button",
                className="export-choice",
                **{"data-export": "cancel"},
            ),
            html.Div(html.Div(id=Export.BAR), className="export-progress"),
        ],
        id=Export.STATUS,
        className="export-status hidden",
        role="status",
        **{"aria-live": "polite"},
    )
