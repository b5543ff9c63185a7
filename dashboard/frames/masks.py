"""Pixels that a mask leaves out, where it is not 0; it has the last two dimensions of the volume that it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.selection import Selection, Span


def mask_selection(selection: Selection) -> Selection:
    """The part of the mask that belongs to a plane of its volume."""
    items = selection.items[-2:]
    return Selection(
        tuple(Span(item, item + 1) if isinstance(item, int) else item for item in items)
    )


def masked_cells(mask: NDArray[Any], selection: Selection) -> NDArray[np.bool_]:
    """Which cells of a plane the mask, read at `mask_selection`, leaves out: an array that broadcasts to them."""
    # Its rows may be the columns of the plane.
    left_out: NDArray[np.bool_] = mask != 0
    return left_out.T if selection.plane[1] == len(selection.items) - 2 else left_out


def leave_out(values: NDArray[Any], mask: NDArray[Any], selection: Selection) -> None:
    """NaN in place of the values of a plane where the mask, read at `mask_selection`, is not 0."""
    np.copyto(values, np.nan, where=masked_cells(mask, selection))
