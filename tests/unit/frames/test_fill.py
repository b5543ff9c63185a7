"""The fill value in the header of raw values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dashboard.frames.complex_part import part_dtype
from dashboard.frames.fill import fill_header
from tests.parts import Parts

LOWEST = -(2**63)


@pytest.mark.parametrize(
    ("dtype", "fill", "header"),
    [
        ("i2", -9, "-9"),
        ("i8", LOWEST, str(LOWEST)),
        ("?", True, "1"),
        ("f4", 0.1, repr(float(np.float32(0.1)))),
        (">f8", -1e300, "-1e+300"),
        ("f4", math.inf, "Infinity"),
        ("f8", -math.inf, "-Infinity"),
        ("f4", math.nan, None),
        ("c8", -1 + 0j, None),
        ("u1", None, None),
    ],
)
def test_a_fill_value_is_written_as_browsers_read_numbers(
    here: Parts, data: Path, dtype: str, fill: Any, header: str | None
) -> None:
    with h5py.File(data / "f.h5", "w") as file:
        file.create_dataset("x", (2, 4, 4), dtype, fillvalue=fill)
    volume = here.library.volume("data/f.h5", "x")
    assert fill_header(volume, part_dtype(volume.dtype)) == header
