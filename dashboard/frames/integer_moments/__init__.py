"""Sums of integers of up to two bytes and of their squares over planes, in C and without the interpreter's lock.

Compiled at installation, given a C compiler; otherwise NumPy gives the same deviations, more slowly
(`dashboard.frames.cell_reductions`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from dashboard.frames.integer_moments import _native
except ImportError:
    _compiled = False
else:
    _compiled = True


def available() -> bool:
    """Whether the functions were compiled."""
    return _compiled


def add(
    planes: Iterable[NDArray[Any]],
    sign: int,
    sums: NDArray[Any],
    squares: NDArray[np.float64] | None = None,
) -> None:
    """Add the values of planes, and their squares, to those of each cell, or subtract them (`sign` −1).

    All arrays are (rows, columns); planes are of one native type and one step, the others contiguous. Sums alone
    are of 32 bits. With `squares`, both are float64, and 32,768 is subtracted first of unsigned values of two
    bytes. Exact for up to 65,536 planes. Requires `available`.
    """
    given = list(planes)
    if given:
        _native.add(given[0].dtype.str[1:], given, sign, sums, squares)


def deviations(
    sums: NDArray[np.float64],
    squares: NDArray[np.float64],
    planes: int,
    out: NDArray[np.float32],
) -> None:
    """Write the standard deviations of so many planes, at most 1,024, to `out`; requires `available`."""
    _native.deviations(sums, squares, float(planes), out)
