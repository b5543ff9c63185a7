"""The callbacks of the viewer. All but one run in the browser: the page talks to `/api/v1/` by itself.

    config ───────────────────────────► main.start: opens what the address bar names
    slice-slider, index-input ────────► viewer.go
    axis-, rows-, cols-select ────────► viewer.setPlane
    voxel-size, aspect-select ────────► viewer.setVoxelSize, setAspect
    kind-select, labels-input ────────► viewer.setKind, setLabels
    decode-, pool-, part-select ──────► viewer.setDecode, setPool, setPart
    colorscale-*, norm-select ────────► viewer.setColors
    window-mode, window-lo, window-hi ► viewer.setColors
    play-* ───────────────────────────► player.configure, dimensions.setRange
    buttons ──────────────────────────► whatever they say
    attributes-, bookmarks-drawer ────► focus.focusPicture
    attributes-of ──── server ────────► attributes

The scripts write the controls back with `set_props`; `dash-bridge.mjs` tells such echoes from what the user
did. Nothing here writes `slice-graph`: its only writer is `assets/render/plot.mjs`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import dash_mantine_components as dmc
from dash import ClientsideFunction, Dash, Input, Output, html
from dash.development.base_component import Component

from dashboard.catalog.nodes import Nodes
from dashboard.errors import LamellaError
from dashboard.hdf5.messages import Attribute
from dashboard.web.page.ids import Panel, Shell, View

# An attribute of a megabyte is no help to anyone who reads it.
LONGEST_VALUE = 2000

BUTTONS = (
    Shell.BURGER,
    Shell.TREE_RELOAD,
    Shell.BOOKMARKS_BUTTON,
    Shell.CONTROLS_TOGGLE,
    Shell.CONTROLS_CLOSE,
    Shell.PANELS_TOGGLE,
    Shell.ATTRIBUTES_BUTTON,
    View.ZOOM_RESET,
    View.RETRY,
    View.CANCEL,
    View.LEAVE,
    View.OFFER,
    View.FILES,
    Panel.PREFETCH_PAUSE,
    View.NOTE_ACTION,
    View.NOTE_CLOSE,
    View.PREVIOUS,
    View.NEXT,
    View.PLAY,
    View.TRANSPOSE,
    View.FLIP_ROWS,
    View.FLIP_COLUMNS,
    View.NEWEST,
)


class AttributeSource(Protocol):
    """What is needed of the services."""

    @property
    def nodes(self) -> Nodes:
        """The objects of files."""


def register(app: Dash, services: AttributeSource, check: Callable[[str], None]) -> None:
    """Connect the controls; `check` raises `LamellaError` for a file that the person may not see."""
    _clientside(app, "start", Input(Shell.CONFIG, "data"), initially=True)
    _clientside(app, "index", Input(View.SLIDER, "value"), Input(View.INDEX, "value"))
    _clientside(app, "axis", Input(View.AXIS, "value"))
    _clientside(app, "sides", Input(View.ROWS, "value"), Input(View.COLUMNS, "value"))
    _clientside(app, "range", Input(View.PLAY_FROM, "value"), Input(View.PLAY_TO, "value"))
    _clientside(app, "voxel", Input(View.VOXEL_SIZE, "value"))
    _clientside(app, "aspect", Input(View.ASPECT, "value"))
    _clientside(app, "kind", Input(View.KIND, "value"))
    _clientside(app, "labels", Input(View.LABELS, "value"))
    _clientside(app, "decode", Input(View.DECODE, "value"))
    _clientside(app, "pool", Input(View.POOL, "value"))
    _clientside(app, "part", Input(View.PART, "value"))
    _clientside(
        app,
        "colours",
        Input(View.COLORSCALE, "value"),
        Input(View.REVERSE, "checked"),
        Input(View.NORM, "value"),
    )
    _clientside(app, "mode", Input(View.WINDOW_MODE, "value"))
    _clientside(app, "bounds", Input(View.WINDOW_LO, "value"), Input(View.WINDOW_HI, "value"))
    _clientside(
        app,
        "playing",
        Input(View.SPEED, "value"),
        Input(View.DIRECTION, "value"),
        Input(View.AT_END, "value"),
        Input(View.TIMING, "value"),
    )
    _clientside(app, "press", *(Input(id_, "n_clicks") for id_ in BUTTONS))
    drawers = (Shell.ATTRIBUTES_DRAWER, Shell.BOOKMARKS_DRAWER)
    _clientside(app, "dialog", *(Input(id_, "opened") for id_ in drawers))
    _clientside(app, "panels", Input(Panel.PARTS, "data"))

    @app.callback(
        Output(Shell.ATTRIBUTES, "children"),
        Input(Shell.ATTRIBUTES_OF, "data"),
        prevent_initial_call=True,
    )
    def attributes(of: object) -> Component:
        match of:
            case {"file": str(file), "dataset": str(dataset)}:
                pass
            case _:
                return html.Div()
        try:
            check(file)
            return attribute_table(dataset, services.nodes.node(file, dataset).record.attributes)
        except LamellaError as error:
            return html.Div(error.message, className="field-error")


def attribute_table(dataset: str, attributes: Sequence[Attribute]) -> Component:
    """Names and values; a value that is too long is cut."""
    if not attributes:
        return html.Div(f"{dataset} has no attributes.", className="empty")
    return dmc.Table(
        [
            dmc.TableTbody(
                [
                    dmc.TableTr([dmc.TableTh(one.name), dmc.TableTd(_cut(one.text))])
                    for one in sorted(attributes, key=lambda one: one.name)
                ]
            )
        ],
        className="attribute-table",
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + " …"


def _clientside(app: Dash, name: str, *inputs: Input, initially: bool = False) -> None:
    app.clientside_callback(
        ClientsideFunction("lamella", name), *inputs, prevent_initial_call=not initially
    )
