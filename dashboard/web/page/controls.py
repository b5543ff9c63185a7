"""The viewer section: the slice with the controls of its position and colours."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.web.page import components, picture
from dashboard.web.page.ids import FIXED_INDICES, View

COLORSCALES = (
    ("gray", "Gray"),
    ("viridis", "Viridis"),
    ("magma", "Magma"),
    ("inferno", "Inferno"),
    ("plasma", "Plasma"),
    ("cividis", "Cividis"),
    ("turbo", "Turbo"),
    ("hot", "Hot"),
    ("rdbu", "Red–blue"),
    ("twilight", "Twilight"),
)

NORMS = (("linear", "Linear"), ("log", "Log"), ("symlog", "Symlog"), ("sqrt", "Sqrt"))
POOLS = (("mean", "Mean"), ("max", "Max"), ("nearest", "Nearest"))
PARTS = (("abs", "Magnitude"), ("phase", "Phase"), ("real", "Real"), ("imag", "Imaginary"))
SPEEDS = tuple((str(n), f"{n} slices a second") for n in (1, 2, 5, 10, 15, 25, 30, 60))
DEFAULT_SPEED = "15"
DIRECTIONS = (("1", "Forward"), ("-1", "Backward"))
ENDS = (("loop", "Start again"), ("bounce", "Bounce"), ("stop", "Stop"))
TIMINGS = (("every", "Show every slice"), ("real", "Skip late slices"))
WINDOWS = (("volume", "Volume"), ("slice", "Slice"), ("manual", "Manual"))


def viewer_section() -> Component:
    """Toolbars, plot, readout and slider, from the top."""
    return html.Section(
        [
            html.Div([_navigation_toolbar(), _color_toolbar()], className="toolbar"),
            picture.note(),
            picture.plot(),
            html.Div(
                [
                    html.Div(id=View.READOUT, className="readout-value"),
                    html.Div(id=View.DETAIL, className="readout-detail"),
                ],
                className="readout",
            ),
            _transport(),
        ],
        className="viewer",
        **{"aria-label": "Slice"},
    )


def _options(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"value": value, "label": label} for value, label in pairs]


def _select(
    id_: str,
    pairs: tuple[tuple[str, str], ...],
    label: str,
    width: int,
    *,
    portal: bool = True,
    **more: Any,
) -> Component:
    """A select. In a popover it needs `portal` False, since a click outside closes the popover."""
    return dmc.Select(
        id=id_,
        data=_options(pairs),
        value=more.pop("value", pairs[0][0]),
        allowDeselect=False,
        w=width,
        size="xs",
        checkIconPosition="right",
        maxDropdownHeight=340,
        comboboxProps={"width": "max-content", "position": "bottom-start", "withinPortal": portal},
        **{"aria-label": label},
        **more,
    )


def _navigation_toolbar() -> Component:
    """Controls of the position: axis, indices, pooling, complex part."""
    return html.Div(
        [
            components.labelled(
                "Axis",
                dmc.SegmentedControl(
                    id=View.AXIS,
                    data=[{"value": "0", "label": "0"}],
                    value="0",
                    size="xs",
                    disabled=True,
                    **{"aria-label": "Axis that is sliced"},
                ),
                id=View.AXIS_FIELD,
            ),
            *(_fixed(dimension, id_) for dimension, id_ in enumerate(FIXED_INDICES)),
            components.labelled(
                "Part",
                _select(View.PART, PARTS, "Part of the complex values", 108),
                id=View.PART_FIELD,
                className="hidden",
            ),
            components.labelled(
                "Pool",
                components.with_tooltip(
                    _select(View.POOL, POOLS, "How voxels are pooled", 90),
                    "How voxels become one cell where the view holds more of them than are drawn",
                ),
            ),
            html.Div(className="spacer"),
            html.Div(
                [
                    dmc.SegmentedControl(
                        id=View.DRAG,
                        data=[
                            {"value": "zoom", "label": components.icon("zoom")},
                            {"value": "pan", "label": components.icon("pan")},
                        ],
                        value="zoom",
                        size="xs",
                        className="icon-segments wide-only",
                        **{"aria-label": "Dragging zooms or pans"},
                    ),
                    components.icon_button(View.ZOOM_RESET, "fit", "Show the whole slice", size=30),
                    html.Div(
                        [
                            components.icon("download"),
                            _download(View.PNG, "PNG", "Download this slice as a picture"),
                            _download(View.NPY, "NPY", "Download this slice as values for NumPy"),
                        ],
                        className="downloads",
                    ),
                ],
                className="tools",
            ),
        ],
        className="toolbar-row",
    )


def _fixed(dimension: int, id_: str) -> Component:
    return components.labelled(
        f"Axis {dimension} at",
        dmc.NumberInput(
            id=id_,
            value=0,
            min=0,
            allowDecimal=False,
            allowNegative=False,
            # As for the slice's index: the page clamps, with a note, and digits are not reported one by one.
            clampBehavior="none",
            debounce=True,
            size="xs",
            w=72,
            **{"aria-label": f"Index of dimension {dimension}"},
        ),
        id=f"{id_}-field",
        className="hidden",
    )


def _download(id_: str, text: str, label: str) -> Component:
    return components.with_tooltip(
        html.A(text, id=id_, className="text-button", **{"aria-label": label}),
        label,
    )


def _color_toolbar() -> Component:
    """Controls of the colour mapping."""
    return html.Div(
        [
            components.labelled(
                "Colour scale",
                html.Div(
                    [
                        _select(
                            View.COLORSCALE,
                            COLORSCALES,
                            "Colour scale",
                            114,
                            renderOption={"function": "lamellaScale"},
                            leftSection=html.Span(className="swatch"),
                            leftSectionWidth=34,
                        ),
                        components.with_tooltip(
                            dmc.Checkbox(
                                id=View.REVERSE,
                                label="Reverse",
                                size="xs",
                                checked=False,
                                className="check",
                            ),
                            "Reverse the colour scale",
                        ),
                    ],
                    className="joined",
                ),
            ),
            components.labelled("Norm", _select(View.NORM, NORMS, "Norm of the colours", 86)),
            components.labelled("Contrast", _window()),
        ],
        className="toolbar-row",
    )


def _window() -> Component:
    return html.Div(
        [
            dmc.SegmentedControl(
                id=View.WINDOW_MODE,
                data=_options(WINDOWS),
                value="volume",
                size="xs",
                **{"aria-label": "Contrast window"},
            ),
            _bound(View.WINDOW_LO, "Lower end of the window"),
            _bound(View.WINDOW_HI, "Upper end of the window"),
            html.Div(id=View.WINDOW_ERROR, className="field-error", role="alert"),
        ],
        id=View.WINDOW,
        className="window",
        role="group",
        **{"aria-label": "Contrast window"},
    )


def _bound(id_: str, label: str) -> Component:
    """A number field as text, which allows 1e5 and an error message for invalid numbers."""
    return dmc.TextInput(
        id=id_,
        value="",
        size="xs",
        w=74,
        debounce=True,
        className="bound",
        inputProps={"inputMode": "decimal"},
        **{"aria-label": label},
    )


def _transport() -> Component:
    return html.Div(
        [
            html.Div(
                [
                    components.icon_button(View.PREVIOUS, "previous", "Previous slice (←)"),
                    components.icon_button(View.PLAY, "play", "Play (space)", className="play"),
                    components.icon_button(View.NEXT, "next", "Next slice (→)"),
                    _playback_settings(),
                ],
                className="buttons",
            ),
            html.Div(
                [
                    dmc.Slider(
                        id=View.SLIDER,
                        min=0,
                        max=1,
                        value=0,
                        step=1,
                        updatemode="drag",
                        size=4,
                        thumbSize=16,
                        disabled=True,
                        labelTransitionProps={"duration": 0},
                        thumbLabel="Slice",
                    ),
                    components.with_tooltip(
                        html.Div(id=View.RESIDENCY, className="residency"),
                        "Slices that are decoded (solid), planned ahead (hatched) and in progress (light)",
                        block=True,
                    ),
                ],
                className="slider",
            ),
            dmc.NumberInput(
                id=View.INDEX,
                value=0,
                min=0,
                max=0,
                allowDecimal=False,
                allowNegative=False,
                # An index beyond the end is answered by the page, with a note; what is typed stays whole.
                clampBehavior="none",
                # Reported on Enter and blur: the digits of 700 are not three slices.
                debounce=True,
                hideControls=True,
                size="xs",
                w=64,
                disabled=True,
                **{"aria-label": "Index of the slice"},
            ),
            html.Div(id=View.LAST_INDEX, className="last-index"),
        ],
        className="transport",
    )


def _playback_settings() -> Component:
    """Playback settings behind a button."""
    return dmc.Popover(
        [
            # A tooltip would cover what the button opens.
            dmc.PopoverTarget(
                dmc.ActionIcon(
                    components.icon("speed"),
                    id=View.PLAYBACK_SETTINGS,
                    variant="subtle",
                    color="gray",
                    size=32,
                    **{"aria-label": "Speed and direction of playing"},
                )
            ),
            dmc.PopoverDropdown(
                html.Div(
                    [
                        components.labelled(
                            "Speed",
                            _select(
                                View.SPEED,
                                SPEEDS,
                                "Slices a second",
                                190,
                                portal=False,
                                value=DEFAULT_SPEED,
                            ),
                        ),
                        components.labelled(
                            "Direction",
                            _segments(View.DIRECTION, DIRECTIONS, "Direction of playing"),
                        ),
                        components.labelled(
                            "At the end", _segments(View.AT_END, ENDS, "What happens at the end")
                        ),
                        components.labelled(
                            "When slices are late",
                            _segments(View.TIMING, TIMINGS, "What happens when slices are late"),
                        ),
                    ],
                    className="playback",
                )
            ),
        ],
        position="top-start",
        withArrow=True,
        shadow="md",
    )


def _segments(id_: str, pairs: tuple[tuple[str, str], ...], label: str) -> Component:
    return dmc.SegmentedControl(
        id=id_, data=_options(pairs), value=pairs[0][0], size="xs", **{"aria-label": label}
    )
