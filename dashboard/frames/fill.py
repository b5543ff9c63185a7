"""The fill value that a file's author set: a cell that has it has no value."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.catalog.volume import Volume
from dashboard.frames.complex_part import ComplexPart, select_part


def fill_value(volume: Volume, dtype: np.dtype[Any], part: ComplexPart) -> np.generic | None:
    """The fill value in the type of the values shown, None where the author set none."""
    if not volume.fill_is_user_defined:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fill: np.generic = select_part(np.array([volume.fill]), part).astype(dtype)[0]
    return fill


def fill_header(volume: Volume, dtype: np.dtype[Any]) -> str | None:
    """The same as a number for those who get raw values of `dtype`; None where there is nothing to tell.

    NaN is a gap by itself, and what a complex fill value shows as may stand for other values as well.
    Infinity is written out, since browsers read no `inf`.
    """
    fill = None if volume.dtype.kind == "c" else fill_value(volume, dtype, ComplexPart.ABS)
    if fill is None or np.isnan(fill):
        return None
    return repr(fill.item()).replace("inf", "Infinity")
