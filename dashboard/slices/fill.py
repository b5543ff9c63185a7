"""The fill value that a file's author set: a cell that has it has no value."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.slices.part import Part, part_of
from dashboard.volumes.volume import Volume


def fill_of(volume: Volume, dtype: np.dtype[Any], part: Part) -> np.generic | None:
    """The fill value in the type of the values shown, None where the author set none."""
    if not volume.fill_set:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fill: np.generic = part_of(np.array([volume.fill]), part).astype(dtype)[0]
    return fill


def fill_told(volume: Volume, dtype: np.dtype[Any]) -> str | None:
    """The same as a number for those who get raw values of `dtype`; None where there is nothing to tell.

    NaN is a gap by itself, and what a complex fill value shows as may stand for other values as well.
    Infinity is written out, since browsers read no `inf`.
    """
    fill = None if volume.dtype.kind == "c" else fill_of(volume, dtype, Part.ABS)
    if fill is None or np.isnan(fill):
        return None
    return repr(fill.item()).replace("inf", "Infinity")
