"""Projections: the planes of a slab reduced to one, cell by cell, without stacking them.

Planes are added as views, and in strips of rows: the sums of a strip stay in the processor's cache while all
planes pass by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import BadRequest
from dashboard.frames.cell_reductions import MAX_SLICES, Cells, Reduction, cells_of

# Cells reduced at a time, whose sums stay in the processor's second-level cache.
STRIP_CELLS: Final = 32_768
# A standard deviation has no lower end: of a logarithmic window, three decades are shown.
LOG_DECADES: Final = 1e-3

Convert = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Projection:
    """A reduction of `count` slices across the dimension `axis`, centred on that of the selection.

    With `skips_missing`, NaN does not count, as in NumPy's functions for NaN.
    """

    reduction: Reduction
    count: int
    axis: int
    skips_missing: bool = False

    @property
    def is_extremum(self) -> bool:
        """Whether its values are some of those that are reduced."""
        return self.reduction in (Reduction.MAX, Reduction.MIN)

    @property
    def key(self) -> list[object]:
        """What distinguishes it from others, for keys of caches."""
        return [self.reduction, self.count, self.axis, self.skips_missing]

    def slab(self, index: int, length: int) -> range:
        """The indices of its slices, cut at the ends; of an even number, one more lies below than above."""
        start = index - self.count // 2
        return range(max(start, 0), min(start + self.count, length))

    def result_dtype(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """The type of a projection of `dtype`: a sum has that of `np.sum`, a mean of integers is float32."""
        if self.is_extremum or dtype.kind == "f":
            return dtype
        if self.reduction is Reduction.SUM:
            return np.dtype(np.int64 if dtype.kind == "i" else np.uint64)
        return np.dtype(np.float32)

    def window(self, window: tuple[float, float], *, is_log: bool) -> tuple[float, float]:
        """The window of the projection of a volume whose values have this window.

        It is the same across the volume, whatever is cut off at the ends. No standard deviation of values within a
        window is above half of its width.
        """
        low, high = window
        if self.reduction is Reduction.SUM:
            return low * self.count, high * self.count
        if self.reduction is Reduction.SD:
            most = (high - low) / 2
            return most * LOG_DECADES if is_log else 0.0, most
        return window

    def reduce(
        self,
        groups: Iterator[Sequence[NDArray[Any]]],
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        convert: Convert,
        sums: dict[int, Cells] | None = None,
        removed: Sequence[NDArray[Any]] = (),
    ) -> NDArray[Any]:
        """The projection of planes of this shape, at least one, that come in groups.

        `convert` makes the displayed values, of the type `dtype`, of some rows of a plane. Of several groups, all
        sums are in memory. Where `sums` are given, and `can_subtract`, the planes are added to them, and
        `removed` ones are subtracted, and they are kept there.
        """
        out = np.empty(shape, self.result_dtype(dtype))
        height = max(STRIP_CELLS // shape[1], 1)
        made = {} if sums is None else sums
        spare: Cells | None = None
        scratch = np.empty(2 * height * shape[1])
        group: Sequence[NDArray[Any]] | None = next(groups, ())
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            while group is not None:
                following = next(groups, None)
                for at in range(0, shape[0], height):
                    rows = out[at : at + height]
                    here = scratch[: 2 * rows.size].reshape(2, *rows.shape)
                    cells = made.pop(at, None) or spare
                    if cells is None or cells.shape != rows.shape:
                        cells = cells_of(self.reduction, self.skips_missing, rows.shape, dtype)
                    cells.add((convert(plane[at : at + height]) for plane in group), here)
                    if following is None:
                        if removed:
                            gone = (convert(plane[at : at + height]) for plane in removed)
                            cells.subtract(gone, here)
                        cells.finish(rows, here)
                    if following is not None or sums is not None:
                        made[at] = cells
                    else:
                        # Memory that is used again is in the cache, and has its pages.
                        cells.clear()
                        spare = cells
                group = following
        return out


def parse_projection(
    text: str, axis: int, length: int, *, skips_missing: bool = False
) -> Projection:
    """Read `mean:9`: a reduction, and the number of slices of `length` across `axis`; raises `BadRequest`.

    What is more than twice the length is cut at both ends wherever the slab lies.
    """
    name, _, number = text.partition(":")
    if name not in list(Reduction) or not (number.isascii() and number.isdecimal()):
        raise BadRequest(
            f"A projection is one of {', '.join(Reduction)}, a colon, and a number of slices, as in mean:9."
        )
    if len(number) > 9 or int(number) < 1:
        raise BadRequest("A projection has from 1 to 999,999,999 slices.")
    count = min(int(number), 2 * length)
    if min(count, length) > MAX_SLICES:
        raise BadRequest(f"A projection has at most {MAX_SLICES:,} slices.")
    return Projection(Reduction(name), count, axis, skips_missing)
