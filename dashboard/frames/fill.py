"""User-defined fill values: cells with this value are displayed as missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.catalog.volume import Volume
from dashboard.frames.complex_part import ComplexPart, select_part


def fill_value(volume: Volume, dtype: np.dtype[Any], part: ComplexPart) -> np.generic | None:
    """The fill value in the displayed type; None where none is defined."""
    if not volume.fill_is_user_defined:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        fill: np.generic = select_part(np.array([volume.fill]), part).astype(dtype)[0]
    return fill


def fill_header(volume: Volume, dtype: np.dtype[Any]) -> str | None:
    """The fill value for the header of raw values of `dtype`; None where no header is needed.

    NaN is missing by itself, and the displayed part of a complex fill value may equal that of valid values.
    Infinity is spelled out, since JavaScript does not parse `inf`.
    """
    fill = None if volume.dtype.kind == "c" else fill_value(volume, dtype, ComplexPart.ABS)
    if fill is None or np.isnan(fill):
        return None
    return repr(fill.item()).replace("inf", "Infinity")
