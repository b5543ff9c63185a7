"""All bricks that slices across an axis need, counted without listing them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, prod

from dashboard.addressing.addresses import BrickAddress
from dashboard.catalog.volume import Volume
from dashboard.once import cached_property


@dataclass(frozen=True)
class Coverage:
    """The bricks of all slices that fix the dimensions `fixed`, from `start` to `stop` along the first of them.

    Of further fixed dimensions they are those of all positions, or of the one that `at` gives for each. A volume
    of two dimensions fixes none, and its plane is the only slice. Raises `ValueError` with a sentence for
    dimensions that are none of the volume's, or of which not two are left, and for what lies beyond the volume.
    """

    volume: Volume
    fixed: tuple[int, ...]
    start: int = 0
    stop: int | None = None
    at: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        rank = len(self.volume.shape)
        if len(set(self.fixed)) != rank - 2 or not all(0 <= dim < rank for dim in self.fixed):
            raise ValueError(
                f"Slices of a volume with {rank} dimensions fix {rank - 2} of them, from 0 to {rank - 1}."
            )
        if not 0 <= self.start < self.end <= self.length:
            raise ValueError(f"The range lies within 0 to {self.length}, and is not empty.")
        further = self.fixed[1:]
        if self.at and (
            len(self.at) != len(further)
            or not all(
                0 <= at < self.volume.shape[dim] for dim, at in zip(further, self.at, strict=True)
            )
        ):
            raise ValueError(
                "A position names an index of each dimension that slices fix beyond the first."
            )

    @property
    def length(self) -> int:
        """Slices across the volume."""
        return self.volume.shape[self.fixed[0]] if self.fixed else 1

    @property
    def end(self) -> int:
        """`stop`, or the length."""
        return self.length if self.stop is None else self.stop

    @property
    def plane(self) -> tuple[int, int]:
        """The dimensions of rows and columns."""
        rows, cols = (d for d in range(len(self.volume.shape)) if d not in self.fixed)
        return rows, cols

    @cached_property
    def positions(self) -> tuple[range, ...]:
        """For each fixed dimension, the first index of each layer of bricks."""
        shape, sides = self.volume.shape, self.volume.grid.brick_shape(*self.plane)
        found = [range(0, shape[dim], sides[dim]) for dim in self.fixed]
        if self.fixed:
            step = sides[self.fixed[0]]
            found[0] = range(self.start // step * step, self.end, step)
        for number, at in enumerate(self.at, 1):
            first = at // sides[self.fixed[number]] * sides[self.fixed[number]]
            found[number] = range(first, first + 1)
        return tuple(found)

    def __len__(self) -> int:
        rows, cols = self.plane
        shape = self.volume.shape
        height, width = self.volume.grid.tile(rows, cols)
        tiles = ceil(shape[rows] / height) * ceil(shape[cols] / width)
        return prod(map(len, self.positions)) * tiles

    @property
    def nbytes(self) -> int:
        """Decoded bytes of all bricks."""
        shape, sides = self.volume.shape, self.volume.grid.brick_shape(*self.plane)
        covered = [
            min(at[-1] + sides[dim], shape[dim]) - at[0]
            for dim, at in zip(self.fixed, self.positions, strict=True)
        ]
        return prod((*covered, *(shape[dim] for dim in self.plane))) * self.volume.dtype.itemsize

    def __iter__(self) -> Iterator[BrickAddress]:
        rows, cols = self.plane
        for at in product(*self.positions):
            yield from self.volume.bricks_at(dict(zip(self.fixed, at, strict=True)), rows, cols)


def fixed_by_axis(rank: int, axis: int) -> tuple[int, ...]:
    """The dimensions that slices across `axis` fix, when they are shown along the last two of the others."""
    if rank == 2:
        return ()
    others = [dim for dim in range(rank) if dim != axis]
    return (axis, *others[:-2])


def parse_axes(text: str) -> tuple[int, ...]:
    """The dimensions of a name such as `0`, `0,3` or `none` (`axis_name`); raises `ValueError`."""
    if text == "none":
        return ()
    parts: Sequence[str] = text.split(",")
    if not all(part.isascii() and part.isdecimal() and len(part) <= 2 for part in parts):
        raise ValueError("An axis is a dimension such as `0`, several such as `0,3`, or `none`.")
    return tuple(map(int, parts))
