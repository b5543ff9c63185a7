"""The dock beside the picture: controls in tabs, of which one is shown at a time, and the panels below them.

The tabs and which panels are open belong to the page (`assets/ui/dock.mjs`), which remembers them.
"""

from __future__ import annotations

from functools import partial

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dashboard.web.page import components, ids, panels
from dashboard.web.page.choices import (
    ASPECTS,
    COLORSCALES,
    DECODINGS,
    NORMS,
    PARTS,
    POOLS,
    PROJECTIONS,
    WINDOWS,
)
from dashboard.web.page.components import options, select
from dashboard.web.page.ids import Measure, Shell, Tab, View

# Above or below a control it would cover the one there, or what that opens.
_with_tooltip = partial(components.with_tooltip, position="left")

TAB_LABELS = {Tab.DISPLAY: "Display", Tab.AXES: "Axes", Tab.MEASURE: "Measure"}

MEASURED = (
    (Measure.PROFILE, "Profile along the line"),
    (Measure.REGION, "Statistics of the region"),
    (Measure.COLUMN, "Values through all slices"),
)


def build() -> Component:
    """The dock: tabs above, panels below."""
    contents = {Tab.DISPLAY: _display(), Tab.AXES: _axes(), Tab.MEASURE: _measure()}
    return html.Aside(
        [
            html.Section(
                [
                    html.Div(
                        [
                            html.Div(
                                [_tab(tab) for tab in Tab],
                                className="tabs",
                                role="tablist",
                                **{"aria-label": "Controls"},
                            ),
                            components.icon_button(
                                Shell.CONTROLS_CLOSE,
                                "close",
                                "Close",
                                size=28,
                                className="narrow-only",
                            ),
                        ],
                        className="tabs-head",
                    ),
                    html.Div(
                        [_tab_panel(tab, content) for tab, content in contents.items()],
                        className="tab-panels",
                    ),
                ],
                id=Shell.CONTROLS,
                className="controls",
                **{"aria-label": "Controls of the picture"},
            ),
            panels.build(),
        ],
        className="dock",
        **{"aria-label": "Controls and statistics"},
    )


def _tab(tab: Tab) -> Component:
    first = tab is Tab.DISPLAY
    return html.Button(
        TAB_LABELS[tab],
        id=tab,
        # Where nothing is measured it is not drawn.
        className="tab hidden" if tab is Tab.MEASURE else "tab",
        role="tab",
        tabIndex=0 if first else -1,
        **{"aria-selected": "true" if first else "false", "aria-controls": ids.tab_panel(tab)},
    )


def _tab_panel(tab: Tab, content: list[Component]) -> Component:
    return html.Div(
        content,
        id=ids.tab_panel(tab),
        className="tab-panel" if tab is Tab.DISPLAY else "tab-panel inactive",
        role="tabpanel",
        **{"aria-labelledby": tab},
    )


def _display() -> list[Component]:
    """Controls of the colours."""
    return [
        components.labelled(
            "Labels",
            html.Div(
                [
                    _with_tooltip(
                        dmc.TextInput(
                            id=View.LABELS,
                            value="",
                            placeholder="all",
                            size="xs",
                            w=120,
                            debounce=True,
                            **{"aria-label": "Labels that are shown"},
                        ),
                        "7, 12 shows these alone, -3, -5 all but those. A click on a label shows it alone,"
                        " another one all again; with Shift it hides the label.",
                    ),
                    html.Div(id=View.LABELS_ERROR, className="field-error", role="alert"),
                ],
                className="window",
            ),
            id=View.LABELS_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Overlay",
            _with_tooltip(
                select(View.OVERLAY, (("none", "None"),), "Labels over values", 150),
                "Labels of the same shape, drawn over these values; where labels are shown, the values below",
            ),
            id=View.OVERLAY_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Opacity",
            dmc.Slider(
                id=View.OPACITY,
                min=0,
                max=100,
                value=50,
                updatemode="drag",
                size=4,
                thumbSize=14,
                w=110,
                label=None,
                thumbLabel="Opacity of the labels",
            ),
            id=View.OPACITY_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Colour scale",
            html.Div(
                [
                    select(
                        View.COLORSCALE,
                        (),
                        "Colour scale",
                        120,
                        value=COLORSCALES[0][1][0][0],
                        data=[
                            {"group": group, "items": options(scales)}
                            for group, scales in COLORSCALES
                        ],
                        renderOption={"function": "lamellaScale"},
                        leftSection=html.Span(className="swatch"),
                        leftSectionWidth=34,
                    ),
                    _with_tooltip(
                        dmc.Checkbox(
                            id=View.REVERSE,
                            label="⇄",
                            size="xs",
                            checked=False,
                            className="check",
                            **{"aria-label": "Reverse"},
                        ),
                        "Reverse the colour scale",
                    ),
                ],
                className="joined",
            ),
            className="of-values",
        ),
        components.labelled(
            "Pool",
            _with_tooltip(
                select(View.POOL, POOLS, "How voxels are pooled", 88),
                "How voxels become one cell where the view holds more of them than are drawn",
            ),
        ),
        components.labelled("Contrast", _window(), className="of-values"),
        components.labelled(
            "Norm", select(View.NORM, NORMS, "Norm of the colours", 80), className="of-values"
        ),
        html.Div(id=View.HISTOGRAM_DOCKED, className="whole-row of-values"),
        html.Div(id=View.HISTOGRAM_CONTROLS, className="whole-row of-values histogram-controls"),
        components.labelled(
            "Values",
            _with_tooltip(
                dmc.SegmentedControl(
                    id=View.DECODE,
                    data=options(DECODINGS),
                    value="1",
                    size="xs",
                    **{"aria-label": "Values decoded, or as they are stored"},
                ),
                "Scaled, with a unit and without fill values, as the file says; or as they are stored",
            ),
            id=View.DECODE_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Part",
            select(View.PART, PARTS, "Part of the complex values", 108),
            id=View.PART_FIELD,
            className="hidden",
        ),
    ]


def _axes() -> list[Component]:
    """Controls of what is on the screen: the sliced axis, rows, columns, their directions, the kind of picture."""
    return [
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
            className="whole-row",
        ),
        _side(
            "Rows",
            View.ROWS,
            View.FLIP_ROWS,
            "flip-rows",
            "Flip the rows: the first one at the other end",
        ),
        components.icon_button(
            View.TRANSPOSE,
            "transpose",
            "Transpose: rows as columns",
            size=30,
            disabled=True,
            className="transpose",
        ),
        _side(
            "Columns",
            View.COLUMNS,
            View.FLIP_COLUMNS,
            "flip-columns",
            "Flip the columns: the first one at the other end",
        ),
        components.labelled(
            "Show as",
            select(View.KIND, (("values", "Values"),), "Kind of picture", 92),
            id=View.KIND_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Projection",
            html.Div(
                [
                    _with_tooltip(
                        select(View.PROJECT, PROJECTIONS, "Projection across the slices", 118),
                        "Some slices around this one, reduced to one voxel by voxel",
                    ),
                    dmc.NumberInput(
                        id=View.PROJECT_COUNT,
                        value=9,
                        min=1,
                        allowDecimal=False,
                        allowNegative=False,
                        # More slices than there are is answered by the page, with a note.
                        clampBehavior="none",
                        debounce=True,
                        size="xs",
                        w=64,
                        className="project-count",
                        **{"aria-label": "Number of slices of the projection"},
                    ),
                ],
                className="joined",
            ),
            id=View.PROJECT_FIELD,
            className="hidden",
        ),
        components.labelled(
            "Aspect",
            _with_tooltip(
                dmc.SegmentedControl(
                    id=View.ASPECT,
                    data=options(ASPECTS),
                    value=ASPECTS[0][0],
                    size="xs",
                    **{"aria-label": "Shape of voxels on the screen"},
                ),
                "Voxels in their own shape, as squares, or as the plot has space",
            ),
        ),
        components.labelled(
            "Voxel size",
            html.Div(
                [
                    _with_tooltip(
                        dmc.TextInput(
                            id=View.VOXEL_SIZE,
                            value="",
                            placeholder="0.65 µm",
                            size="xs",
                            w=112,
                            debounce=True,
                            **{"aria-label": "Voxel size"},
                        ),
                        "A number and a unit, or one number for each of the last dimensions:"
                        " 2 × 0.65 × 0.65 µm. It is kept in the link.",
                    ),
                    html.Div(id=View.VOXEL_SIZE_ERROR, className="field-error", role="alert"),
                ],
                className="window",
            ),
            id=View.VOXEL_SIZE_FIELD,
        ),
    ]


def _measure() -> list[Component]:
    """What the tools measure, filled by `assets/ui/tools/`."""
    return [
        html.Div(id=Measure.SHAPES, className="measured-shapes whole-row"),
        html.Div(id=Measure.LENGTH, className="measured-where whole-row", role="status"),
        *(
            html.Section(id=id_, className="measured whole-row hidden", **{"aria-label": label})
            for id_, label in MEASURED
        ),
    ]


def _side(caption: str, id_: str, flip: str, icon: str, label: str) -> Component:
    """The dimension along a side of the picture, and its direction."""
    return components.labelled(
        caption,
        html.Div(
            [
                select(id_, (), f"Dimension of the {caption.lower()}", 74, disabled=True),
                components.icon_button(flip, icon, label, size=30, disabled=True),
            ],
            className="side",
        ),
    )


def _window() -> Component:
    return html.Div(
        [
            dmc.SegmentedControl(
                id=View.WINDOW_MODE,
                data=options(WINDOWS),
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
