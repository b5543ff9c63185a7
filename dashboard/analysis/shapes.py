"""Shapes on a plane, and the voxels that belong to them.

Coordinates are voxels of the dataset along the rows and the columns of a selection: voxel (r, c) has its centre at
(r, c). A voxel belongs to a shape when its centre lies in it or on its border. Coordinates that are multiples of a
half are computed with exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, floor, isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.addressing.numbers import parse_number
from dashboard.addressing.selection import Selection, Span
from dashboard.errors import BadRequest, TooLarge

Point = tuple[float, float]

MAX_POINTS: Final = 2_000
MAX_TEXT: Final = 64 * MAX_POINTS
# Squares of products of two still have an exponent, and halves are exact.
LARGEST: Final = 2.0**50
# Rows that the edges of a polygon cross, of all edges together.
MAX_CROSSINGS: Final = 2**24


class ShapeKind(StrEnum):
    """The kinds of shapes."""

    RECTANGLE = "rectangle"
    ELLIPSE = "ellipse"
    POLYGON = "polygon"


@dataclass(frozen=True)
class Shape:
    """A rectangle or an ellipse by two opposite corners (of its bounding rectangle), a polygon by its vertices.

    A polygon is closed, and where it crosses itself a point is inside that is enclosed an odd number of times.
    """

    kind: ShapeKind
    points: tuple[Point, ...]

    @property
    def rows(self) -> tuple[float, float]:
        """The smallest and the largest coordinate along the rows."""
        return min(r for r, _ in self.points), max(r for r, _ in self.points)

    @property
    def columns(self) -> tuple[float, float]:
        """The smallest and the largest coordinate along the columns."""
        return min(c for _, c in self.points), max(c for _, c in self.points)

    def within(self, selection: Selection) -> Selection:
        """The part of a selection in the shape's bounding rectangle; `BadRequest` where that has no voxel."""
        items = list(selection.items)
        spans = (selection.row_span, selection.col_span)
        for dim, span, ends in zip(selection.plane, spans, (self.rows, self.columns), strict=True):
            first, last = positions_within(span, *ends)
            if last < first:
                if ends[1] < span.start or ends[0] > span.stop - 1:
                    raise BadRequest("The region lies outside the slice.")
                raise BadRequest("The region has no voxel: none has its centre in it.")
            start = span.start + first * span.step
            items[dim] = Span(start, span.start + last * span.step + 1, span.step)
        return Selection(tuple(items))

    def mask(self, selection: Selection) -> NDArray[np.bool_]:
        """Which cells of a selection belong to the shape, an array (rows, columns); `TooLarge` for a polygon with
        too many vertices for so many rows.
        """
        rows, cols = selection.row_span, selection.col_span
        if self.kind is ShapeKind.POLYGON:
            return _in_polygon(self.points, rows, cols)
        mask = np.zeros(selection.shape, bool)
        (r0, r1), (c0, c1) = (
            positions_within(rows, *self.rows),
            positions_within(cols, *self.columns),
        )
        box = mask[r0 : max(r1 + 1, r0), c0 : max(c1 + 1, c0)]
        if self.kind is ShapeKind.RECTANGLE:
            box[:] = True
            return mask
        # (2r - sum)² / height² + (2c - sum)² / width² ≤ 1, without the divisions.
        height, width = self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]
        down = (2.0 * _positions(rows, r0, r1) - sum(self.rows)) * width
        along = (2.0 * _positions(cols, c0, c1) - sum(self.columns)) * height
        np.less_equal(down[:, np.newaxis] ** 2 + along**2, (height * width) ** 2, out=box)
        return mask


def parse_shape(kind: ShapeKind, text: str) -> Shape:
    """A shape by its points `R,C,R,C,…`; raises `BadRequest`."""
    points = parse_points(text)
    if kind is not ShapeKind.POLYGON and len(points) != 2:
        raise BadRequest(
            f"A shape of the kind {kind} has two points, opposite corners, and this has {len(points)}."
        )
    if kind is ShapeKind.POLYGON and len(points) < 3:
        raise BadRequest(f"A polygon has at least three points, and this has {len(points)}.")
    return Shape(kind, points)


def parse_named_shape(text: str) -> Shape:
    """A shape as `ellipse:R,C,R,C`, without a name a rectangle; raises `BadRequest`."""
    name, colon, points = text.rpartition(":")
    if not colon:
        return parse_shape(ShapeKind.RECTANGLE, points)
    if name not in list(ShapeKind):
        kinds = ", ".join(ShapeKind)
        raise BadRequest(f"A region is one of {kinds}, a colon, and its points.")
    return parse_shape(ShapeKind(name), points)


def parse_points(text: str) -> tuple[Point, ...]:
    """Points `R,C,R,C,…`; raises `BadRequest` for anything but pairs of finite numbers."""
    if len(text) > MAX_TEXT or text.count(",") >= 2 * MAX_POINTS:
        raise BadRequest(f"A shape has at most {MAX_POINTS:,} points.")
    numbers = []
    for field in text.split(","):
        try:
            number = parse_number(field)
        except ValueError:
            shown = field if len(field) <= 24 else field[:24] + "…"
            raise BadRequest(
                f"Points are numbers, R,C,R,C,…, and this is none: {shown!r}."
            ) from None
        if not isfinite(number) or abs(number) > LARGEST:
            raise BadRequest("The coordinates of points are finite numbers, below 10¹⁵.")
        numbers.append(number)
    if len(numbers) % 2:
        raise BadRequest("Points are pairs of numbers, R,C,R,C,…, and one number is left over.")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def positions_within(span: Span, low: float, high: float) -> tuple[int, int]:
    """The first and the last cell of a span with a position from `low` to `high`; the last is smaller for none."""
    first = max(ceil((low - span.start) / span.step), 0)
    return first, min(floor((high - span.start) / span.step), span.cells - 1)


def _positions(span: Span, first: int, last: int) -> NDArray[np.float64]:
    return span.start + span.step * np.arange(first, last + 1, dtype=np.float64)


def _edges(points: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    """The edges of a polygon, each from its smaller to its larger row."""
    for one, other in zip(points, (*points[1:], points[0]), strict=True):
        yield (one, other) if one[0] <= other[0] else (other, one)


def _in_polygon(points: Sequence[Point], rows: Span, cols: Span) -> NDArray[np.bool_]:
    """By scanlines: each edge changes what is inside from where it crosses a row."""
    crossings = 0
    width = cols.cells
    changes = np.zeros((rows.cells, width + 1), np.uint8)
    border = np.zeros((rows.cells, width), bool)
    for (r0, c0), (r1, c1) in _edges(points):
        first, last = positions_within(rows, r0, r1)
        if last < first:
            continue
        crossings += last - first + 1
        if crossings > MAX_CROSSINGS:
            raise TooLarge(
                "The polygon has too many vertices for so many rows; use a step or fewer."
            )
        if r0 == r1:
            left, right = positions_within(cols, min(c0, c1), max(c0, c1))
            border[first, left : max(right + 1, left)] = True
            continue
        at = np.arange(first, last + 1)
        row = _positions(rows, first, last)
        column = c0 + (row - r0) * (c1 - c0) / (r1 - r0)
        # Rounding may have missed the vertex.
        column[row == r1] = c1
        cell = (column - cols.start) / cols.step
        right_of = np.ceil(cell)
        exact = (right_of == cell) & (cell >= 0) & (cell < width)
        border[at[exact], right_of[exact].astype(np.intp)] = True
        # Without the upper end, so that a vertex between two edges is crossed once.
        crossed = row < r1
        changes[at[crossed], np.clip(right_of[crossed], 0, width).astype(np.intp)] ^= 1
    inside = np.bitwise_xor.accumulate(changes[:, :width], axis=1)
    return np.logical_or(inside, border, out=border)
