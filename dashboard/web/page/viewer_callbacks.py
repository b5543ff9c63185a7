"""The callbacks of the viewer. All run in the browser: the page talks to `/api/v1/` by itself.

    config ───────────────────────────► main.start: opens what the address bar names
    slice-slider, index-input ────────► viewer.go
    axis-, rows-, cols-select ────────► viewer.setPlane
    voxel-size, aspect-select ────────► viewer.setVoxelSize, setAspect
    kind-select, labels-input ────────► viewer.setKind, setLabels
    overlay-select, overlay-opacity ──► viewer.setOverlay, openUnder, setOpacity
    project-select, project-count ────► viewer.setProjection
    decode-, pool-, part-select ──────► viewer.setDecode, setPool, setPart
    colorscale-*, norm-select ────────► viewer.setColors
    window-mode, window-lo, window-hi ► viewer.setColors
    play-* ───────────────────────────► player.configure, dimensions.setRange
    buttons ──────────────────────────► whatever they say
    bookmarks-drawer ─────────────────► focus.focusPicture

The scripts write the controls back with `set_props`; `dash-bridge.mjs` tells such echoes from what the user
did. Nothing here writes `slice-graph`: its only writer is `assets/render/plot.mjs`.
"""

from __future__ import annotations

from dash import ClientsideFunction, Dash, Input

from dashboard.web.page.ids import Export, Panel, Shell, View

DIALOGS = (Shell.BOOKMARKS_DRAWER, View.PLAYBACK_POPOVER, Export.POPOVER)
BUTTONS = (
    Shell.BURGER,
    Shell.TREE_RELOAD,
    Shell.BOOKMARKS_BUTTON,
    Shell.CONTROLS_TOGGLE,
    Shell.CONTROLS_CLOSE,
    Shell.PANELS_TOGGLE,
    Shell.DETAILS_BUTTON,
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


def register(app: Dash) -> None:
    """Connect the controls."""
    _clientside(app, "start", Input(Shell.CONFIG, "data"), initially=True)
    _clientside(app, "index", Input(View.SLIDER, "value"), Input(View.INDEX, "value"))
    _clientside(app, "axis", Input(View.AXIS, "value"))
    _clientside(app, "sides", Input(View.ROWS, "value"), Input(View.COLUMNS, "value"))
    _clientside(app, "range", Input(View.PLAY_FROM, "value"), Input(View.PLAY_TO, "value"))
    _clientside(app, "voxel", Input(View.VOXEL_SIZE, "value"))
    _clientside(app, "aspect", Input(View.ASPECT, "value"))
    _clientside(app, "kind", Input(View.KIND, "value"))
    _clientside(app, "labels", Input(View.LABELS, "value"))
    _clientside(app, "overlay", Input(View.OVERLAY, "value"))
    _clientside(app, "opacity", Input(View.OPACITY, "value"))
    _clientside(app, "project", Input(View.PROJECT, "value"), Input(View.PROJECT_COUNT, "value"))
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
    _clientside(app, "dialog", *(Input(id_, "opened") for id_ in DIALOGS))
    _clientside(app, "panels", Input(Panel.PARTS, "data"))


def _clientside(app: Dash, name: str, *inputs: Input, initially: bool = False) -> None:
    app.clientside_callback(
        ClientsideFunction("lamella", name), *inputs, prevent_initial_call=not initially
    )
