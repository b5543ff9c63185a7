"""The viewer section: the slice with its tools, readout, slider and playback."""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.web.page import components, picture
from dashboard.web.page.choices import DEFAULT_SPEED, DIRECTIONS, ENDS, SPEEDS, TIMINGS
from dashboard.web.page.components import options, select
from dashboard.web.page.ids import Measure, Tool, View, Views

# Each with its name and its key; the keys are those of assets/ui/tools.mjs.
TOOLS = (
    (Tool.ZOOM, "Drag to zoom", "Z"),
    (Tool.PAN, "Drag to pan", "H"),
    (Tool.POINT, "Point", "P"),
    (Tool.LINE, "Line profile", "L"),
    (Tool.RECTANGLE, "Rectangle", "R"),
    (Tool.ELLIPSE, "Ellipse", "E"),
    (Tool.POLYGON, "Polygon", "G"),
    (Tool.RULER, "Ruler", "M"),
)


def viewer_section() -> Component:
    """Tools, plot, readout and slider, from the top."""
    return html.Section(
        [
            picture.note(),
            html.Div(
                [
                    _tools(),
                    picture.plot(),
                    picture.sheet(),
                    html.Div(id=Views.BESIDE, className="views", hidden=True),
                ],
                id=View.STAGE,
                className="stage",
            ),
            html.Div(
                [
                    html.Div(id=View.READOUT, className="readout-value"),
                    html.Div(id=View.DETAIL, className="readout-detail"),
                ],
                className="readout",
            ),
            _transport(),
            html.Div(id=View.DIMENSIONS, className="dimensions"),
            # Filled by `assets/ui/tools/brief.mjs`, and drawn where the dock is not beside the picture.
            html.Button(
                id=Measure.BRIEF,
                type="button",
                className="measured-brief hidden",
                **{"aria-haspopup": "true"},
            ),
            # Filled by `assets/ui/histogram/`, as the places in the dock are. It lies beside the plot, and is
            # behind what moves the slice for the keyboard.
            html.Div(id=View.HISTOGRAM_BESIDE, className="histogram-beside"),
        ],
        className="viewer",
        **{"aria-label": "Slice"},
    )


def _tools() -> Component:
    """Tools at the left edge of the picture."""
    return html.Div(
        [
            *(_tool(*tool) for tool in TOOLS),
            components.icon_button(View.ZOOM_RESET, "fit", "Show the whole slice", size=30),
        ],
        id=Measure.TOOLS,
        className="tools",
        role="group",
        **{"aria-label": "Tools"},
    )


def _tool(id_: Tool, label: str, key: str) -> Component:
    """The button of a tool, whose key also chooses it."""
    by_mouse = id_ in (Tool.ZOOM, Tool.PAN)
    return components.with_tooltip(
        html.Button(
            components.icon(id_.removeprefix("tool-")),
            id=id_,
            type="button",
            className="tool-button of-mouse" if by_mouse else "tool-button",
            **{
                "aria-label": label,
                "aria-pressed": "true" if id_ is Tool.ZOOM else "false",
                "aria-keyshortcuts": key,
            },
        ),
        f"{label} ({key})",
        position="right",
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
            html.Div(id=View.SLICE_NAME, className="slice-name"),
            html.Div(
                [
                    html.Div(id=View.PLAY_RANGE, className="play-range", hidden=True),
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
            html.Div(id=View.SLICE_VALUE, className="slice-value"),
            components.with_tooltip(
                html.Button(
                    "Newest",
                    id=View.NEWEST,
                    type="button",
                    n_clicks=0,
                    className="text-button newest hidden",
                    **{"aria-pressed": "false"},
                ),
                "Go to the last slice, and stay there while the file grows",
            ),
        ],
        className="transport",
    )


def _playback_settings() -> Component:
    """Playback settings behind a button, without a tooltip, which would cover what it opens."""
    label = "Speed and direction of playing"
    button = dmc.ActionIcon(
        components.icon("speed"),
        id=View.PLAYBACK_SETTINGS,
        variant="subtle",
        color="gray",
        size=32,
        **{"aria-label": label} | components.POPOVER_BUTTON,
    )
    settings = html.Div(
        [
            components.labelled(
                "Speed",
                select(
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
            components.labelled(
                "From and to slice",
                html.Div(
                    [
                        _end(View.PLAY_FROM, "First slice that is played"),
                        _end(View.PLAY_TO, "Last slice that is played"),
                    ],
                    className="joined",
                ),
            ),
        ],
        className="playback",
        role="dialog",
        **{"aria-label": label},
    )
    return components.popover(
        View.PLAYBACK_POPOVER, button, [settings], position="top-start", withArrow=True
    )


def _end(id_: str, label: str) -> Component:
    return dmc.NumberInput(
        id=id_,
        value="",
        min=0,
        allowDecimal=False,
        allowNegative=False,
        debounce=True,
        hideControls=True,
        placeholder="all",
        size="xs",
        w=88,
        **{"aria-label": label},
    )


def _segments(id_: str, pairs: tuple[tuple[str, str], ...], label: str) -> Component:
    return dmc.SegmentedControl(
        id=id_, data=options(pairs), value=pairs[0][0], size="xs", **{"aria-label": label}
    )
