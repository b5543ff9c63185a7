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


def leave_out(values: NDArray[Any], mask: NDArray[Any], selection: Selection) -> None:
    """NaN in place of the values of a plane where the mask, read at `mask_selection`, is not 0."""
    if selection.plane[1] == len(selection.items) - 2:
        mask = mask.T  # Its rows are the columns of the plane.
    np.copyto(values, np.nan, where=mask != 0)
