"""A part of a volume of two or more dimensions, as a NumPy index: `100:200,:,:` or `3,:,::2,50:90`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

from dashboard.addressing.selection import Selection, Span, parse_items
from dashboard.errors import BadRequest


@dataclass(frozen=True)
class Box:
    """At least two spans, and an index in each other dimension.

    `items` has one entry for each dimension of the dataset. `order` are the dimensions with spans in the order in
    which they are written, the last two in ascending order.
    """

    items: tuple[int | Span, ...]
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along the dimensions of `order`."""
        return tuple(self.span(dim).cells for dim in self.order)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return prod(self.shape)

    def span(self, dim: int) -> Span:
        """The span along a dimension of `order`."""
        item = self.items[dim]
        assert isinstance(item, Span)
        return item

    def strips(self, most_cells: int) -> Iterator[Selection]:
        """Parts of planes of at most `most_cells` cells, or one row, in the order in which they are written."""
        rows = self.order[-2]
        across = self.span(rows)
        height = self._strip_rows(most_cells) * across.step
        outer = [range(s.start, s.stop, s.step) for s in map(self.span, self.order[:-2])]
        for position in product(*outer):
            items = list(self.items)
            for dim, index in zip(self.order[:-2], position, strict=True):
                items[dim] = index
            for at in range(across.start, across.stop, height):
                items[rows] = Span(at, min(at + height, across.stop), across.step)
                yield Selection(tuple(items))

    def count_strips(self, most_cells: int) -> int:
        """How many `strips` there are."""
        rows = ceil(self.span(self.order[-2]).cells / self._strip_rows(most_cells))
        return prod(self.span(dim).cells for dim in self.order[:-2]) * rows

    def _strip_rows(self, most_cells: int) -> int:
        return max(most_cells // self.span(self.order[-1]).cells, 1)

    def layers(self, sides: Sequence[int]) -> list[list[int]]:
        """For each dimension before the last two, one index in each layer of `sides` that the box touches."""
        found = []
        for dim in self.order[:-2]:
            span = self.span(dim)
            numbers = range(span.start, span.stop, span.step)
            if span.step < sides[dim]:
                first, last = span.start // sides[dim], numbers[-1] // sides[dim]
                found.append([max(n * sides[dim], span.start) for n in range(first, last + 1)])
            else:
                found.append(list(numbers))
        return found

    def __str__(self) -> str:
        return ",".join(
            str(item) if isinstance(item, int) else f"{item.start}:{item.stop}:{item.step}"
            for item in self.items
        )


def parse_box(text: str, shape: Sequence[int], first: int | None = None) -> Box:
    """Read a part of a dataset of `shape`; `first` is the dimension that is written first.

    Raises `BadRequest` as `selection.parse`, for fewer than two slices, and for a `first` that has no slice.
    """
    items = parse_items(text, shape)
    order = [dim for dim, item in enumerate(items) if isinstance(item, Span)]
    if len(order) < 2:
        raise BadRequest(f"A part needs at least two slices, and this one has {len(order)}.")
    if first is not None:
        if first not in order:
            raise BadRequest("The axis is a dimension of which the selection has a slice.")
        if len(order) > 2:
            order.remove(first)
            order.insert(0, first)
    return Box(items, tuple(order))
