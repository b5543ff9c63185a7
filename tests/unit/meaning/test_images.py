"""What IMAGE, MATLAB, attributes of voxel sizes, and names say: colours, palettes, labels and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import meaning_of
from tests.nodes import MadeNode, dataset


@pytest.mark.parametrize(
    ("mode", "shape", "channels", "picture"),
    [
        ("INTERLACE_PIXEL", (20, 30, 3), 2, (0, 1)),
        ("INTERLACE_LINE", (20, 3, 30), 1, (0, 2)),
        ("INTERLACE_PLANE", (3, 20, 30), 0, (1, 2)),
    ],
)
def test_images_in_true_color(
    mode: str, shape: tuple[int, ...], channels: int, picture: tuple[int, int]
) -> None:
    found = meaning_of(
        dataset(shape, "u1", CLASS="IMAGE", IMAGE_SUBCLASS="IMAGE_TRUECOLOR", INTERLACE_MODE=mode)
    )
    assert (found["kind"], found["channels"]) == ("color", channels)
    assert (found["rows"], found["columns"]) == picture


def test_images_with_a_palette() -> None:
    node = dataset(
        (20, 30),
        "u1",
        CLASS="IMAGE",
        IMAGE_SUBCLASS="IMAGE_INDEXED",
        DISPLAY_ORIGIN="LL",
        IMAGE_MINMAXRANGE=np.array([0, 200], "u1"),
    )
    node.references = {"PALETTE": [MadeNode(values=np.array([[0, 0, 0], [255, 128, 0]], "u1"))]}
    found = meaning_of(node)
    assert found["palette"] == [[0, 0, 0], [255, 128, 0]]
    assert (found["kind"], found["up"]) == ("color", True)
    assert found["suggested"]["window"] == [0.0, 200.0]


@pytest.mark.parametrize(
    ("shape", "attrs", "steps", "unit"),
    [
        ((20, 30, 40), {"element_size_um": np.array([2, 0.5, 0.5])}, [2, 0.5, 0.5], "µm"),
        ((1, 20, 30, 40), {"element_size_um": np.array([2, 0.5, 0.5])}, [None, 2, 0.5, 0.5], "µm"),
        ((20, 30, 40, 2), {"element_size_um": np.array([2, 0.5, 0.5])}, [2, 0.5, 0.5, None], "µm"),
        ((20, 30, 40), {"resolution": np.array([40.0, 4, 4])}, [40, 4, 4], "nm"),
        ((20, 30), {"voxel_size": np.array([4, 4]), "voxel_size_unit": "mm"}, [4, 4], "mm"),
        ((20, 30), {"element_size_um": np.array([4, 0])}, [None, None], ""),
    ],
)
def test_voxel_sizes(
    shape: tuple[int, ...], attrs: dict[str, Any], steps: list[float | None], unit: str
) -> None:
    axes = meaning_of(dataset(shape, "u1", **attrs))["axes"]
    found = [axis["coordinates"] and axis["coordinates"]["step"] for axis in axes]  # type: ignore[typeddict-item]
    assert found == steps
    assert axes[-1 if steps[-1] else 0]["unit"] == unit


def test_matlab_is_transposed() -> None:
    found = meaning_of(dataset((7, 30, 20), "f8", MATLAB_class="double"))
    assert (found["rows"], found["columns"], found["index"]) == (2, 1, [3, None, None])
    colors = meaning_of(dataset((3, 30, 20), "u1", MATLAB_class="uint8"))
    assert (colors["kind"], colors["channels"]) == ("color", 0)
    assert meaning_of(dataset((30, 20), "u1", MATLAB_class="logical"))["kind"] == "mask"


def tree(path: str, node: MadeNode, **others: MadeNode) -> Meaning:
    """The meaning of an object at a path of a file, with others in its group."""
    *groups, name = path.split("/")
    made = MadeNode(children={name: node, **others})
    for group in reversed(groups):
        made = MadeNode(children={group: made})
    return meaning_of(node)


@pytest.mark.parametrize(
    ("path", "dtype", "kind"),
    [
        ("volumes/labels/neuron_ids", "u8", "labels"),
        ("segmentation", "u4", "labels"),
        ("segmentation", "f4", "values"),
        ("closed", "?", "mask"),
        ("entry/pixel_mask", "u4", "mask"),
        ("unlabelled", "u4", "values"),
    ],
)
def test_labels_and_masks_by_type_and_name(path: str, dtype: str, kind: str) -> None:
    assert tree(path, dataset((50, 60), dtype))["kind"] == kind
