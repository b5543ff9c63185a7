"""The main dataset of a file."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.meaning.main import Candidate, choose_main
from dashboard.meaning.reading import DEFAULTS
from tests.nodes import MadeNode


def main(root: MadeNode | None = None, **shapes: tuple[int, ...]) -> str | None:
    """The main dataset of shapes by name, of which `__` separates the steps, and `v_` marks what is no picture."""
    listed = [
        Candidate("/" + name.replace("__", "/"), shape, "uint16", len(shape) > 1)
        for name, shape in shapes.items()
    ]
    return choose_main(root or MadeNode(), listed, DEFAULTS)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"a": (10, 10), "b": (30, 40, 50), "c": (20, 20)}, "/b"),
        ({"table": (1_000_000, 3), "image": (100, 100)}, "/image"),
        ({"column": (500, 1), "row": (1, 500)}, "/column"),
        ({"flatfield": (2000, 2000), "data": (5, 100, 100)}, "/data"),
        ({"entry__instrument__pixel_mask": (900, 900), "x": (50, 50)}, "/x"),
        (
            {
                "exchange__data": (18, 60, 80),
                "exchange__data_dark": (40, 60, 80),
                "exchange__data_white": (50, 60, 80),
                "exchange__theta": (18,),
            },
            "/exchange/data",
        ),
        ({"darkField": (90, 90), "openBeam1": (80, 80), "sample": (50, 50)}, "/sample"),
        ({"reference": (90, 90), "moving": (50, 50)}, "/moving"),
        (
            {"GridCoordinates__CoordinateX": (41, 31), "FlowSolution__p": (40, 30)},
            "/FlowSolution/p",
        ),
        ({"transform": (3, 3), "points": (5000,)}, "/points"),
        ({"df___i_table__index__indices": (4, 4000), "df__table": (4000,)}, "/df/table"),
        ({"reference": (90, 90), "table": (1000, 3)}, "/reference"),
        ({"a_quality_flag": (30, 40), "a_uncertainty": (30, 40), "t": (30, 40)}, "/t"),
        ({"XLAT": (30, 40), "XLONG": (30, 40), "nav_lon": (30, 40), "zeta": (30, 40)}, "/zeta"),
        ({"timelapse": (30, 40), "time_series": (50, 50), "time_bounds": (90, 90)}, "/time_series"),
        (
            {
                "DataSet__TimePoint 0__Channel 0__Data": (10, 50, 50),
                "Thumbnail__Data": (256, 1024),
            },
            "/DataSet/TimePoint 0/Channel 0/Data",
        ),
        ({"pixel_mask": (900, 900)}, "/pixel_mask"),
        ({"time_bnds": (4000, 2), "lat_bnds": (100, 100), "tas": (20, 20)}, "/tas"),
        (
            {"t00000__s00__1__cells": (10, 50, 50), "t00000__s00__0__cells": (20, 100, 100)},
            "/t00000/s00/0/cells",
        ),
        ({"spectrum": (2000,), "empty": (0, 5)}, "/spectrum"),
        ({"scan_1": (20, 20), "scan_2": (20, 20)}, "/scan_1"),
        ({"darkness": (20, 20), "small": (10, 10)}, "/darkness"),
        ({"labels": (50, 90, 90), "raw": (50, 90, 90)}, "/raw"),
        ({"labels": (50, 90, 90), "table": (1000, 3)}, "/labels"),
        ({"many": (4, 6, 40, 50), "volume": (24, 40, 50)}, "/volume"),
        ({"all_nan": (5, 40, 40), "const": (5, 40, 40), "x": (1, 1, 80, 90)}, "/x"),
        ({"volume": (24, 40, 50), "single": (1, 1, 240, 200)}, "/single"),
        ({"constellation": (50, 50), "other": (20, 20)}, "/constellation"),
        ({}, None),
    ],
)
def test_the_largest_that_is_like_a_picture(
    shapes: dict[str, tuple[int, ...]], expected: str | None
) -> None:
    assert main(**shapes) == expected


def test_an_axis_of_others_is_never_the_main_one() -> None:
    scale = MadeNode(attrs={"CLASS": "DIMENSION_SCALE"}, values=np.zeros((90, 90)))
    root = MadeNode(children={"mesh": scale, "other": MadeNode(values=np.zeros((20, 20)))})
    assert main(root, mesh=(90, 90), other=(20, 20)) == "/other"
    assert main(root, mesh=(90, 90)) == "/mesh"


def nexus(**attrs: object) -> MadeNode:
    """An entry with a default plot and a larger dataset."""
    plot = MadeNode(
        attrs={"NX_class": "NXdata", "signal": "counts"},
        children={
            "counts": MadeNode(values=np.zeros((6, 9))),
            "raw": MadeNode(values=np.zeros((90, 90))),
        },
    )
    entry = MadeNode(attrs={"NX_class": "NXentry", **attrs}, children={"plot": plot})
    return MadeNode(attrs={"default": "entry"}, children={"entry": entry})


@pytest.mark.parametrize("default", [{"default": "plot"}, {}, {"default": "none"}])
def test_the_default_plot_goes_before_everything(default: dict[str, object]) -> None:
    assert (
        main(nexus(**default), entry__plot__counts=(6, 9), entry__plot__raw=(90, 90))
        == "/entry/plot/counts"
    )


def test_a_circle_of_defaults_ends() -> None:
    root = nexus(default="..")
    assert main(root, entry__plot__counts=(60, 90)) == "/entry/plot/counts"


def test_the_legacy_style_marks_the_signal() -> None:
    data = MadeNode(
        attrs={"NX_class": "NXdata"},
        children={
            "a": MadeNode(values=np.zeros((9, 9))),
            "b": MadeNode(attrs={"signal": np.int32(1)}, values=np.zeros((9, 9))),
        },
    )
    root = MadeNode(
        children={"entry": MadeNode(attrs={"NX_class": "NXentry"}, children={"d": data})}
    )
    assert main(root, entry__d__a=(9, 9), entry__d__b=(9, 9)) == "/entry/d/b"


def test_what_serves_a_variable_by_its_attributes_is_never_the_main_one() -> None:
    shape = (20, 20)
    root = MadeNode(
        children={
            "a": MadeNode(attrs={"units": "degrees_north"}, values=np.zeros(shape)),
            "b": MadeNode(values=np.zeros(shape)),
            "c": MadeNode(values=np.zeros(shape)),
            "d": MadeNode(
                attrs={"coordinates": "b a", "cell_measures": "area: c"}, values=np.zeros(shape)
            ),
        }
    )
    assert main(root, a=shape, b=shape, c=shape, d=shape) == "/d"
    assert main(root, a=shape) == "/a"
