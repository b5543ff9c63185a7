"""What Imaris, BigDataViewer, ilastik, EMD and hyperspy say."""

from __future__ import annotations

import json

import numpy as np

from dashboard.meaning.reading import meaning_of
from tests.nodes import MadeNode, dataset


def test_imaris_has_extents() -> None:
    def letters(text: str) -> tuple[str, ...]:
        return tuple(text)

    sizes = {
        f"ImageSize{axis}": letters(n) for axis, n in zip("XYZ", ("100", "50", "10"), strict=True)
    }
    ends = {f"ExtMin{k}": letters("0") for k in range(3)} | {
        f"ExtMax{k}": letters("50") for k in range(3)
    }
    node = dataset((16, 64, 128), "u1")
    channel = MadeNode(attrs=sizes, children={"Data": node})
    point = MadeNode(children={"Channel 0": channel})
    level = MadeNode(children={"TimePoint 0": point})
    info = MadeNode(
        children={
            "Image": MadeNode(attrs={**ends, "Unit": letters("um")}),
            "Channel 0": MadeNode(attrs={"Name": letters("DAPI")}),
        }
    )
    MadeNode(
        children={"DataSet": MadeNode(children={"ResolutionLevel 0": level}), "DataSetInfo": info}
    )
    found = meaning_of(node)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 2.5, "step": 5.0},
        {"start": 0.5, "step": 1.0},
        {"start": 0.25, "step": 0.5},
    ]
    assert (found["aspect"], found["value"]["name"]) == (2.0, "DAPI")


def test_bigdataviewer_is_unsigned() -> None:
    node = dataset((10, 50, 50), "i2")
    cells = MadeNode(
        children={
            "t00000": MadeNode(
                children={"s00": MadeNode(children={"1": MadeNode(children={"cells": node})})}
            ),
            "s00": MadeNode(
                children={"resolutions": MadeNode(values=np.array([[1, 1, 1], [2, 2, 4.0]]))}
            ),
        }
    )
    assert cells.child("/t00000/s00/1/cells") is node
    found = meaning_of(node)
    assert found["value"]["unsigned"]
    assert [axis["name"] for axis in found["axes"]] == ["z", "y", "x"]
    assert found["axes"][0]["coordinates"] == {"start": 1.5, "step": 4.0}


def test_ilastik_names_its_axes() -> None:
    tags = json.dumps(
        {"axes": [{"key": k, "resolution": 0.5 if k in "yx" else 0} for k in "tzyxc"]}
    )
    found = meaning_of(
        dataset((3, 20, 150, 180, 2), "u1", axistags=tags, drange=np.array([0.0, 1.0]))
    )
    assert [axis["name"] for axis in found["axes"]] == list("tzyxc")
    assert found["index"] == [1, 10, None, None, 0]
    assert found["axes"][2]["coordinates"] == {"start": 0.0, "step": 0.5}
    assert found["suggested"]["window"] == [0.0, 1.0]
    assert meaning_of(dataset((3, 4), "u1", axistags="{"))["notes"]


def test_emd_has_axes_beside_the_data() -> None:
    node = dataset((60, 90), "f4")
    dims = {
        "dim1": MadeNode(attrs={"name": "y", "units": "[n_m]"}, values=np.arange(60) * 0.5),
        "dim2": MadeNode(attrs={"name": "x", "units": "[n_m]"}, values=np.array([0, 0.25])),
    }
    MadeNode(attrs={"emd_group_type": np.int64(1)}, children={"data": node, **dims})
    found = meaning_of(node)
    assert [axis["coordinates"] for axis in found["axes"]] == [
        {"start": 0.0, "step": 0.5},
        {"start": 0.0, "step": 0.25},
    ]
    assert (found["axes"][1]["unit"], found["aspect"]) == ("nm", 2.0)


def test_hyperspy_shows_where_spectra_are() -> None:
    def axis(name: str, *, navigate: bool, step: float) -> MadeNode:
        return MadeNode(
            attrs={
                "name": name,
                "units": "nm",
                "scale": np.float64(step),
                "offset": np.float64(1),
                "navigate": np.bool_(navigate),
            }
        )

    node = dataset((30, 40, 2000), "f4")
    MadeNode(
        children={
            "data": node,
            "axis-0": axis("y", navigate=True, step=2),
            "axis-1": axis("x", navigate=True, step=2),
            "axis-2": axis("Energy", navigate=False, step=0.1),
        }
    )
    found = meaning_of(node)
    assert (found["rows"], found["columns"]) == (0, 1)
    assert found["axes"][2]["coordinates"] == {"start": 1.0, "step": 0.1}
