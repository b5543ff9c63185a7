"""Values along a line: bilinear samples about a voxel apart, over parallel lines side by side.

The samples are those of `skimage.measure.profile_line` with `order=1`, `mode="constant"` and `cval=nan`, reduced
by `nanmean` or `nansum`, with two differences: a voxel without weight does not matter though it is missing, and a
position without any sample has no sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor, hypot
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.selection import Selection, Span
from dashboard.analysis.shapes import Point
from dashboard.errors import BadRequest, TooLarge

MAX_WIDTH: Final = 1_000
MAX_POSITIONS: Final = 100_000
MAX_SAMPLES: Final = 2**23
# Samples on the border of the slice are in it, whatever rounding made of them.
TOLERANCE: Final = 1e-9

Indexes = NDArray[np.intp]
Floats = NDArray[np.float64]
T = TypeVar("T", float, Floats)


class Reduce(StrEnum):
    """What becomes of the samples across a line."""

    MEAN = "mean"
    SUM = "sum"


@dataclass(frozen=True)
class Line:
    """A line from point to point, in voxels of the dataset; with parallel ones a voxel apart `width` lines."""

    start: Point
    end: Point
    width: int = 1

    def __post_init__(self) -> None:
        if self.count > MAX_POSITIONS:
            raise TooLarge(
                f"The line has {self.count:,} positions, and at most {MAX_POSITIONS:,} are returned."
            )
        if self.count * self.width > MAX_SAMPLES:
            raise TooLarge(
                f"The line has {self.count * self.width:,} samples, and at most {MAX_SAMPLES:,} are read;"
                " use a smaller width."
            )

    @property
    def length(self) -> float:
        """From point to point, in voxels."""
        return hypot(self.end[0] - self.start[0], self.end[1] - self.start[1])

    @property
    def count(self) -> int:
        """Positions along the line, both points included."""
        return ceil(self.length + 1)

    def positions(self, length: float) -> Floats:
        """The distance of each position from the start, where the line has this length."""
        return np.linspace(0.0, length, self.count)

    def path(self, number: int) -> tuple[Floats, Floats]:
        """Rows and columns of the samples of one of the parallel lines, which are numbered from 0."""
        down, along = self.end[0] - self.start[0], self.end[1] - self.start[1]
        down, along = (down / self.length, along / self.length) if self.length else (0.0, 1.0)
        offset = number - (self.width - 1) / 2
        rows = np.linspace(self.start[0], self.end[0], self.count)
        cols = np.linspace(self.start[1], self.end[1], self.count)
        return rows + offset * along, cols - offset * down

    def within(self, selection: Selection) -> Selection:
        """The part of a selection that the samples are interpolated from; `BadRequest` where they lie outside."""
        items = list(selection.items)
        spans = (selection.row_span, selection.col_span)
        outermost = zip(self.path(0), self.path(self.width - 1), strict=True)
        for dim, span, (one, other) in zip(selection.plane, spans, outermost, strict=True):
            corners = (one[0], one[-1], other[0], other[-1])
            low, high = _cells(min(corners), span), _cells(max(corners), span)
            if high < -TOLERANCE or low > span.cells - 1 + TOLERANCE:
                raise BadRequest("The line lies outside the slice.")
            first, last = max(floor(low), 0), min(ceil(high), span.cells - 1)
            start = span.start + min(first, span.cells - 1) * span.step
            items[dim] = Span(start, span.start + max(last, 0) * span.step + 1, span.step)
        return Selection(tuple(items))


def profile(
    line: Line, selection: Selection, voxels: Callable[[Indexes, Indexes], Floats], reduce: Reduce
) -> Floats:
    """The values along a line, one for each position; NaN where there is no sample.

    `voxels` gives the cells of `selection` (or of the part that `Line.within` leaves) at rows and columns, NaN for
    missing ones. Samples outside the selection, and those that a missing voxel has a part in, are left out.
    """
    total, used = np.zeros(line.count), np.zeros(line.count, np.intp)
    for number in range(line.width):
        rows, cols = line.path(number)
        values = _interpolated(
            voxels,
            _cells(rows, selection.row_span),
            _cells(cols, selection.col_span),
            selection.shape,
        )
        valid = ~np.isnan(values)
        total[valid] += values[valid]
        used += valid
    total[used == 0] = np.nan
    return total / np.maximum(used, 1) if reduce is Reduce.MEAN else total


def _cells(positions: T, span: Span) -> T:
    """Positions in cells of a span, which may lie between two."""
    return (positions - span.start) / span.step


def _interpolated(
    voxels: Callable[[Indexes, Indexes], Floats], rows: Floats, cols: Floats, shape: tuple[int, int]
) -> Floats:
    """Bilinear values at rows and columns of a plane; NaN outside, and where a voxel with a weight is missing."""
    height, width = shape
    inside = (rows >= -TOLERANCE) & (rows <= height - 1 + TOLERANCE)
    inside &= (cols >= -TOLERANCE) & (cols <= width - 1 + TOLERANCE)
    out = np.zeros(len(rows))
    for row, down in _neighbors(rows, height):
        for col, along in _neighbors(cols, width):
            weight = down * along
            out += np.where(weight > 0, voxels(row, col) * weight, 0.0)
    out[~inside] = np.nan
    return out


def _neighbors(at: Floats, length: int) -> tuple[tuple[Indexes, Floats], tuple[Indexes, Floats]]:
    """The cells before and after positions along a dimension, each with its weight."""
    at = np.clip(at, 0, length - 1)
    before = np.floor(at).astype(np.intp)
    weight = at - before
    return (before, 1 - weight), (np.minimum(before + 1, length - 1), weight)
