"""What NeXus says: axes and signals, detectors and their masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import meaning_of
from tests.nodes import MadeNode, dataset


def nexus(node: MadeNode, fields: dict[str, MadeNode], **attrs: Any) -> Meaning:
    """The meaning of the signal of an NXdata group."""
    MadeNode(attrs={"NX_class": "NXdata", "signal": "d", **attrs}, children={"d": node, **fields})
    return meaning_of(node)


ENERGY = MadeNode(attrs={"units": "meV"}, values=np.geomspace(1, 100, 61))
ANGLE = MadeNode(attrs={"units": "deg"}, values=np.linspace(-30, 30, 90))


@pytest.mark.parametrize(
    ("group", "signal"),
    [
        ({"axes": ("energy", "angle")}, {}),
        ({"axes": "[energy,angle]"}, {}),
        ({}, {"axes": "energy:angle"}),
        ({"signal": "other"}, {"axes": "energy:angle"}),
        (
            {
                "axes": ("angle", "energy"),
                "angle_indices": np.int64(1),
                "energy_indices": np.int64(0),
            },
            {},
        ),
    ],
)
def test_nexus_axes(group: dict[str, Any], signal: dict[str, Any]) -> None:
    node = dataset((60, 90), long_name="counts per second", **signal)
    found = nexus(node, {"energy": ENERGY, "angle": ANGLE}, **group)
    energy, angle = found["axes"]
    assert (energy["name"], energy["unit"], energy["edges"]) == ("energy", "meV", True)
    assert energy["coordinates"] is not None
    assert len(energy["coordinates"]["values"]) == 61  # type: ignore[typeddict-item]
    assert (angle["name"], angle["unit"]) == ("angle", "deg")
    assert angle["coordinates"] == {"start": -30.0, "step": pytest.approx(60 / 89)}
    assert found["value"]["name"] == "counts per second"
    assert found["conventions"] == ["NeXus"]


def test_nexus_interpretation_and_slice() -> None:
    found = nexus(
        dataset((5, 30, 40, 3), "f4", interpretation="rgb-image"),
        {},
        default_slice=("2", ".", ".", "."),
    )
    assert (found["kind"], found["channels"], found["rows"], found["columns"]) == ("color", 3, 1, 2)
    assert found["index"] == [2, None, None, 0]
    spectra = nexus(dataset((30, 40, 2000), interpretation="spectrum"), {})
    assert (spectra["rows"], spectra["columns"]) == (0, 1)


@pytest.mark.parametrize(
    ("keys", "index"), [([1, 1, 2, 2, 2, 0, 0, 1], 6), ([1, 1, 2, 2], 2), ([0, 0], 2)]
)
def test_the_first_picture_of_a_tomography_is_one_of_the_sample(
    keys: list[int], index: int
) -> None:
    shape = (len(keys) if len(keys) > 2 else 5, 30, 40)
    found = nexus(dataset(shape), {"image_key": MadeNode(values=np.array(keys))})
    assert found["index"][0] == index


def test_nexus_detector_has_pixel_sizes() -> None:
    def size(value: float) -> MadeNode:
        return MadeNode(attrs={"units": "um"}, values=np.array([value]))

    node = dataset((5, 30, 40))
    MadeNode(
        attrs={"NX_class": "NXdetector"},
        children={"data": node, "x_pixel_size": size(75), "y_pixel_size": size(150)},
    )
    found = meaning_of(node)
    assert found["axes"][1]["coordinates"] == {"start": 0.0, "step": 150.0}
    assert found["axes"][2]["unit"] == "um"
    assert found["aspect"] == 2.0


def masked(shape: tuple[int, ...], mask: MadeNode, name: str = "pixel_mask") -> Meaning:
    """The meaning of the data of a detector with a mask."""
    detector = MadeNode(attrs={"NX_class": "NXdetector"})
    node = dataset(shape, "u2")
    MadeNode(children={"detector": detector})
    detector.children |= {"data": node, name: mask}
    detector.__post_init__()
    return meaning_of(node)


def test_the_mask_of_a_detector_lies_beside_its_pixels() -> None:
    found = masked((5, 20, 30), dataset((20, 30), "u4"))
    assert found["value"]["mask"] == "/detector/pixel_mask"
    assert found["value"]["decoded_dtype"] == "float32"
    assert found["conventions"] == ["NeXus", "detector masks"]
    for other in (dataset((30, 20), "u4"), dataset((20, 30), "f4")):
        assert masked((5, 20, 30), other)["value"]["mask"] is None
    assert masked((5, 20, 30), dataset((20, 30), "u4"), "mask")["value"]["mask"] is None


def test_masks_are_found_from_where_links_and_masters_have_the_pixels() -> None:
    mask = dataset((20, 30), "u4")
    linked = dataset((5, 20, 30), "u2", target="/entry/detector/data")
    MadeNode(
        children={
            "entry": MadeNode(
                children={
                    "plot": MadeNode(children={"data": linked}),
                    "detector": MadeNode(children={"pixel_mask": mask}),
                }
            )
        }
    )
    assert meaning_of(linked)["value"]["mask"] == "/entry/detector/pixel_mask"
    frames = dataset((5, 20, 30), "u4")
    special = MadeNode(children={"pixel_mask": dataset((20, 30), "u4")})
    detector = MadeNode(children={"detectorSpecific": special})
    MadeNode(
        children={
            "entry": MadeNode(
                children={
                    "data": MadeNode(children={"data_000001": frames}),
                    "instrument": MadeNode(children={"detector": detector}),
                }
            )
        }
    )
    path = "/entry/instrument/detector/detectorSpecific/pixel_mask"
    assert meaning_of(frames)["value"]["mask"] == path
