"""The selection of a slice, as a NumPy index: `700,:,:` or `700,100:900:2,50:850:2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from dashboard.errors import BadRequest
from dashboard.once import cached_property

# Dimensions of a dataset that can be displayed: the page has a field for each.
MAX_RANK = 8
# `MAX_RANK` dimensions never need a longer text.
MAX_TEXT = 400

_INT = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """start:stop:step over one dimension, with 0 ≤ start < stop ≤ length and step ≥ 1."""

    start: int
    stop: int
    step: int = 1

    @property
    def cells(self) -> int:
        """Number of cells at this step."""
        return ceil((self.stop - self.start) / self.step)


@dataclass(frozen=True)
class Selection:
    """One plane of a volume: two spans, and an index in each other dimension.

    `items` has one entry for each dimension of the dataset. Equal selections have equal texts, however they
    were written: `-1,:,:` of 68 planes is `67,0:1360,0:1360` here.
    """

    items: tuple[int | Span, ...]

    @cached_property
    def plane(self) -> tuple[int, int]:
        """The dimensions of the rows and of the columns."""
        rows, cols = (d for d, item in enumerate(self.items) if isinstance(item, Span))
        return rows, cols

    @property
    def row_span(self) -> Span:
        """The span along the rows' dimension."""
        item = self.items[self.plane[0]]
        assert isinstance(item, Span)
        return item

    @property
    def col_span(self) -> Span:
        """The span along the columns' dimension."""
        item = self.items[self.plane[1]]
        assert isinstance(item, Span)
        return item

    @property
    def fixed(self) -> dict[int, int]:
        """Dimension → index, for the dimensions outside the plane."""
        return {d: item for d, item in enumerate(self.items) if isinstance(item, int)}

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the slice."""
        return self.row_span.cells, self.col_span.cells

    def at(self, dimension: int, index: int) -> Selection:
        """The same plane with another index in a dimension that it fixes."""
        items = list(self.items)
        items[dimension] = index
        return Selection(tuple(items))

    def __str__(self) -> str:
        return ",".join(
            str(item) if isinstance(item, int) else f"{item.start}:{item.stop}:{item.step}"
            for item in self.items
        )


def parse(text: str, shape: Sequence[int]) -> Selection:
    """Read a selection of a dataset of `shape`.

    Raises `BadRequest` for anything but integers and slices of that rank, with exactly two slices,
    within bounds, not empty, and with steps of at least one.
    """
    items = parse_items(text, shape)
    slices = sum(isinstance(item, Span) for item in items)
    if slices != 2:
        raise BadRequest(f"A selection needs exactly two slices, and this one has {slices}.")
    return Selection(items)


def parse_items(text: str, shape: Sequence[int]) -> tuple[int | Span, ...]:
    """Read an index with an integer or a slice for each dimension; raises as `parse`, whatever their number."""
    if len(text) > MAX_TEXT:
        raise BadRequest("The selection is too long.")
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != len(shape):
        raise BadRequest(
            f"The selection has {len(fields)} entries, but the dataset has {len(shape)} dimensions."
        )
    return tuple(
        _span(field, length, d) if ":" in field else _index(field, length, d)
        for d, (field, length) in enumerate(zip(fields, shape, strict=True))
    )


def parse_index(text: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Read the index of one voxel, such as `3,700,-1`: an integer for each dimension, as in NumPy.

    Returns non-negative integers; raises `BadRequest` for anything else, or out of bounds.
    """
    if len(text) > MAX_TEXT:
        raise BadRequest("The index is too long.")
    fields = [field.strip() for field in text.split(",")]
    if len(fields) != len(shape):
        raise BadRequest(
            f"The index has {len(fields)} entries, but the dataset has {len(shape)} dimensions."
        )
    for dim, field in enumerate(fields):
        if not _INT.fullmatch(field):
            raise BadRequest(f"Entry {dim} of the index is no integer.")
    return tuple(
        _index(field, length, d)
        for d, (field, length) in enumerate(zip(fields, shape, strict=True))
    )


def _number(field: str, dim: int) -> int:
    if not _INT.fullmatch(field):
        shown = field if len(field) <= 24 else field[:24] + "…"
        raise BadRequest(f"Entry {dim} of the selection is no integer or slice: {shown!r}.")
    return int(field)


def _index(field: str, length: int, dim: int) -> int:
    index = _number(field, dim)
    if not -length <= index < length:
        raise BadRequest(f"Index {index} is out of range: dimension {dim} has {length} entries.")
    return index + length if index < 0 else index


def _span(field: str, length: int, dim: int) -> Span:
    parts = [part.strip() for part in field.split(":")]
    if len(parts) > 3:
        raise BadRequest(f"Entry {dim} of the selection has too many colons.")
    start = _bound(parts[0], 0, length, dim)
    stop = _bound(parts[1], length, length, dim)
    step = _number(parts[2], dim) if len(parts) == 3 and parts[2] else 1
    if step < 1:
        raise BadRequest(f"The step of dimension {dim} must be at least 1, not {step}.")
    if stop <= start:
        raise BadRequest(f"The slice of dimension {dim} is empty.")
    return Span(start, stop, step)


def _bound(field: str, default: int, length: int, dim: int) -> int:
    if not field:
        return default
    bound = _number(field, dim)
    if not -length <= bound <= length:
        raise BadRequest(f"Bound {bound} is out of range: dimension {dim} has {length} entries.")
    return bound + length if bound < 0 else bound
