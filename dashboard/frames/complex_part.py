"""The real number displayed for a value: one of four parts of a complex value."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ComplexPart(StrEnum):
    """The displayed part of a complex value."""

    ABS = "abs"
    REAL = "real"
    IMAG = "imag"
    PHASE = "phase"


def part_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The type of the displayed values of a dataset of `dtype`: real, native, bool as uint8."""
    if dtype.kind == "c":
        return np.dtype(f"f{dtype.itemsize // 2}")
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    return dtype.newbyteorder("=")


def select_part(values: NDArray[Any], part: ComplexPart) -> NDArray[Any]:
    """The displayed values; types other than complex and bool are returned unchanged."""
    if values.dtype.kind == "b":
        return values.view(np.uint8)
    if values.dtype.kind != "c":
        return values
    if part is ComplexPart.REAL:
        return values.real
    if part is ComplexPart.IMAG:
        return values.imag
    # The magnitude of large parts overflows to infinity, and the phase of NaN is NaN: both are intended.
    with np.errstate(over="ignore", invalid="ignore"):
        shown: NDArray[Any] = np.angle(values) if part is ComplexPart.PHASE else np.abs(values)
    return shown
