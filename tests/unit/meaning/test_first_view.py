"""The first picture: two large or named dimensions, in the middle of the others."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.meaning.model import Meaning
from dashboard.meaning.reading import meaning_of
from tests.nodes import MadeNode


def meaning(
    shape: tuple[int, ...], dtype: str = "u2", scales: str = "", **attrs: object
) -> Meaning:
    """The meaning of a dataset whose dimensions have scales of these names."""
    node = MadeNode(
        attrs=attrs,
        declared=(shape, np.dtype(dtype)),
        scaled_by=[
            [MadeNode(attrs={"NAME": name}, declared=((n,), None))]
            for name, n in zip(scales.split(), shape, strict=False)
        ],
        path="/d",
    )
    return meaning_of(node)


@pytest.mark.parametrize(
    ("shape", "scales", "picture", "index"),
    [
        ((2160, 1360, 1360), "", (1, 2), [1080, None, None]),
        ((1, 20, 150, 180, 1), "", (2, 3), [0, 10, None, None, 0]),
        ((20, 150, 180, 2), "", (1, 2), [10, None, None, 1]),
        ((1, 1, 20, 150, 180), "", (3, 4), [0, 0, 10, None, None]),
        ((100, 100, 30), "", (0, 1), [None, None, 15]),
        ((50, 50, 1000), "", (0, 1), [None, None, 500]),
        ((64, 64, 32, 200), "", (0, 1), [None, None, 16, 100]),
        ((16, 16, 256, 256), "", (2, 3), [8, 8, None, None]),
        ((137, 49, 176), "", (0, 2), [None, 24, None]),
        ((60000, 28, 28), "", (1, 2), [30000, None, None]),
        ((4, 36, 72), "time lat lon", (1, 2), [2, None, None]),
        ((72, 36, 4), "lon lat time", (1, 0), [None, None, 2]),
        ((500, 1), "", (0, 1), [None, None]),
        ((8398, 2), "", (0, 1), [None, None]),
        ((0, 5), "", (0, 1), [None, None]),
        ((1, 1, 1), "", (1, 2), [0, None, None]),
        ((64, 64, 3000), "y x energy", (0, 1), [None, None, 1500]),
        ((5, 40, 60), "c y x", (1, 2), [0, None, None]),
        ((30, 50), "time depth", (0, 1), [None, None]),
        ((12, 30, 50), "time z lat", (1, 2), [6, None, None]),
    ],
)
def test_the_picture_has_two_large_or_named_dimensions(
    shape: tuple[int, ...], scales: str, picture: tuple[int, int], index: list[int | None]
) -> None:
    found = meaning(shape, scales=scales)
    assert (found["rows"], found["columns"]) == picture
    assert found["index"] == index


@pytest.mark.parametrize(
    ("shape", "scales", "spatial"),
    [
        ((20, 150, 180), "", [0, 1, 2]),
        ((1, 20, 150, 180, 2), "t z y x c", [1, 2, 3]),
        ((20, 150, 180, 2), "", [0, 1, 2]),
        ((500, 3), "", [0, 1]),
        ((100, 120, 30), "y x wavelength", [0, 1]),
    ],
)
def test_sizes_of_voxels_are_those_of_dimensions_of_space(
    shape: tuple[int, ...], scales: str, spatial: list[int]
) -> None:
    assert meaning(shape, scales=scales)["spatial"] == spatial


@pytest.mark.parametrize(
    ("shape", "dtype", "channels"),
    [
        ((120, 200, 3), "u1", 2),
        ((8, 120, 200, 3), "u1", 3),
        ((120, 200, 4), "u1", 2),
        ((120, 200, 3), "f4", None),
        ((120, 200, 3), "u2", None),
        ((3, 120, 200), "u1", None),
        ((1000, 3), "u1", None),
        ((1000, 5, 3), "u1", None),
    ],
)
def test_bytes_with_three_or_four_channels_are_colors(
    shape: tuple[int, ...], dtype: str, channels: int | None
) -> None:
    found = meaning(shape, dtype)
    assert found["channels"] == channels
    if channels is not None:
        assert found["kind"] == "color"
        assert found["channel_order"] == ("rgb" if shape[-1] == 3 else "rgba")
        assert (found["rows"], found["columns"]) == (len(shape) - 3, len(shape) - 2)


@pytest.mark.parametrize("shape", [(), (7,)])
def test_values_and_curves_have_no_picture(shape: tuple[int, ...]) -> None:
    found = meaning(shape)
    assert (found["rows"], found["columns"], found["index"]) == (None, None, [None] * len(shape))
