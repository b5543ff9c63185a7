"""Projections: the planes of a slab reduced to one, cell by cell, without stacking them.

Planes are added as views, and in strips of rows: the sums of a strip stay in the processor's cache while all
planes pass by. Accuracy: the sums of integers of up to four bytes, and the standard deviations of those of up to
two, are exact before the last rounding; everything else is summed in float64. Squares are those of the differences
from a cell's first value, so that a standard deviation far below the mean keeps its digits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import BadRequest

# Sums of so many two-byte integers fit four bytes, and those of their squares float64.
MAX_SLICES: Final = 65_536
# Cells reduced at a time, whose sums stay in the processor's second-level cache.
STRIP_CELLS: Final = 32_768
# Squares of sums of so many two-byte integers are exact in float64.
EXACT_SLICES: Final = 1024
# A standard deviation has no lower end: of a logarithmic window, three decades are shown.
LOG_DECADES: Final = 1e-3

Convert = Callable[[NDArray[Any]], NDArray[Any]]


class Reduction(StrEnum):
    """What a projection makes of the values of a cell."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    SD = "sd"


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

    def cells(self, shape: tuple[int, int], dtype: np.dtype[Any]) -> Cells:
        """Reduces cells of this shape and displayed type."""
        if self.is_extremum:
            return _Extremum(self, shape, dtype)
        small = dtype.kind in "iu" and dtype.itemsize <= 2
        if self.reduction is Reduction.SD:
            return (_ExactMoments if small else _Moments)(self, shape, dtype)
        if dtype.kind in "iu" and (dtype.itemsize <= 4 or self.reduction is Reduction.SUM):
            return _IntegerSum(self, shape, dtype)
        return _Sum(self, shape, dtype)

    def reduce(
        self,
        groups: Iterator[Sequence[NDArray[Any]]],
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        convert: Convert,
    ) -> NDArray[Any]:
        """The projection of planes of this shape, at least one, that come in groups.

        `convert` makes the displayed values, of the type `dtype`, of some rows of a plane. Of several groups, all
        sums are in memory.
        """
        out = np.empty(shape, self.result_dtype(dtype))
        height = max(STRIP_CELLS // shape[1], 1)
        made: dict[int, Cells] = {}
        spare: Cells | None = None
        scratch = np.empty(height * shape[1])
        group: Sequence[NDArray[Any]] | None = next(groups)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            while group is not None:
                following = next(groups, None)
                for at in range(0, shape[0], height):
                    rows = out[at : at + height]
                    cells = made.pop(at, None) or spare
                    if cells is None or cells.shape != rows.shape:
                        cells = self.cells((len(rows), shape[1]), dtype)
                    strips = (convert(plane[at : at + height]) for plane in group)
                    cells.add(strips, scratch[: rows.size].reshape(rows.shape))
                    if following is None:
                        cells.finish(rows)
                        # Memory that is used again is in the cache, and has its pages.
                        cells.clear()
                        spare = cells
                    else:
                        made[at] = cells
                group = following
        return out


def parse_projection(
    text: str, axis: int, length: int, *, skips_missing: bool = False
) -> Projection:
    """Read `mean:9`: a reduction, and the number of slices of `length` across `axis`; raises `BadRequest`."""
    name, _, number = text.partition(":")
    if name not in list(Reduction) or not (number.isascii() and number.isdecimal()):
        raise BadRequest(
            f"A projection is one of {', '.join(Reduction)}, a colon, and a number of slices, as in mean:9."
        )
    most = min(length, MAX_SLICES)
    if len(number) > 9 or not 1 <= int(number) <= most:
        raise BadRequest(f"A projection across axis {axis} has from 1 to {most:,} slices.")
    return Projection(Reduction(name), int(number), axis, skips_missing)


class Cells(ABC):
    """What is known of some cells of the planes that were added."""

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        self._projection = projection
        self.shape = shape
        self._dtype = dtype
        self._planes = 0

    @abstractmethod
    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        """Add the cells of planes; `scratch` is memory of their shape."""

    @abstractmethod
    def finish(self, out: NDArray[Any]) -> None:
        """Write the projection to `out`; no more may be added."""

    @abstractmethod
    def clear(self) -> None:
        """Begin anew, for other cells."""


class _Extremum(Cells):
    """Largest or smallest values."""

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(projection, shape, dtype)
        self._found = np.empty(shape, dtype)

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        largest = self._projection.reduction is Reduction.MAX
        fold: np.ufunc = np.maximum if largest else np.minimum
        if self._projection.skips_missing and self._dtype.kind == "f":
            fold = np.fmax if largest else np.fmin
        for plane in planes:
            if self._planes:
                fold(self._found, plane, out=self._found)
            else:
                np.copyto(self._found, plane)
            self._planes += 1

    def finish(self, out: NDArray[Any]) -> None:
        out[...] = self._found

    def clear(self) -> None:
        self._planes = 0


class _IntegerSum(Cells):
    """Sums of integers, which are exact unless they overflow as in NumPy; means by them."""

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(projection, shape, dtype)
        self._sums = np.zeros(shape, f"{dtype.kind}{4 if dtype.itemsize <= 2 else 8}")

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        for plane in planes:
            np.add(self._sums, plane, out=self._sums)
            self._planes += 1

    def finish(self, out: NDArray[Any]) -> None:
        is_mean = self._projection.reduction is Reduction.MEAN
        out[...] = self._sums / self._planes if is_mean else self._sums

    def clear(self) -> None:
        self._planes = 0
        self._sums[...] = 0


class _Float(Cells):
    """What is summed in float64; where missing values do not count, with the number of those of each cell."""

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(projection, shape, dtype)
        self._sums = np.zeros(shape, np.float64)
        self._missing = np.zeros(shape, np.uint32) if projection.skips_missing else None

    def clear(self) -> None:
        self._planes = 0
        self._sums[...] = 0.0
        if self._missing is not None:
            self._missing[...] = 0

    def _gaps(self, values: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """The missing ones of some values, which are counted; None where there are none."""
        if self._missing is None:
            return None
        gaps: NDArray[np.bool_] = np.isnan(values)
        if not gaps.any():
            return None
        self._missing += gaps
        return gaps

    @property
    def _counts(self) -> NDArray[np.float64] | float:
        """The number of values of each cell."""
        if self._missing is None:
            return float(self._planes)
        return self._planes - self._missing.astype(np.float64)


class _Sum(_Float):
    """Sums in float64, and means by them."""

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        for plane in planes:
            np.copyto(scratch, plane)
            gaps = self._gaps(scratch)
            if gaps is not None:
                scratch[gaps] = 0.0
            np.add(self._sums, scratch, out=self._sums)
            self._planes += 1

    def finish(self, out: NDArray[Any]) -> None:
        is_mean = self._projection.reduction is Reduction.MEAN
        out[...] = self._sums / self._counts if is_mean else self._sums


class _Moments(_Float):
    """Standard deviations by sums of differences from each cell's first value, and of their squares.

    The first value is one of the values, so that rounding is at most as many times that of two passes as there are
    values.
    """

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(projection, shape, dtype)
        self._squares = np.zeros(shape, np.float64)
        self._first = np.full(shape, np.nan)
        self._unset = True

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        for plane in planes:
            np.copyto(scratch, plane)
            gaps = self._gaps(scratch)
            if self._unset:
                np.copyto(self._first, scratch, where=np.isnan(self._first))
                self._unset = self._missing is not None and bool(np.isnan(self._first).any())
            np.subtract(scratch, self._first, out=scratch)
            if gaps is not None:
                scratch[gaps] = 0.0
            np.add(self._sums, scratch, out=self._sums)
            np.multiply(scratch, scratch, out=scratch)
            np.add(self._squares, scratch, out=self._squares)
            self._planes += 1

    def finish(self, out: NDArray[Any]) -> None:
        counts = self._counts
        variance = (self._squares - self._sums * self._sums / counts) / counts
        # Rounding makes that of equal values negative.
        out[...] = np.sqrt(np.maximum(variance, 0.0))

    def clear(self) -> None:
        super().clear()
        self._squares[...] = 0.0
        self._first[...] = np.nan
        self._unset = True


class _ExactMoments(Cells):
    """Standard deviations of integers of up to two bytes: their sums and those of their squares are exact."""

    def __init__(
        self, projection: Projection, shape: tuple[int, int], dtype: np.dtype[Any]
    ) -> None:
        super().__init__(projection, shape, dtype)
        # float64 holds them exactly, and is faster than integers of eight bytes.
        self._sums = np.zeros(shape, np.float64)
        self._squares = np.zeros(shape, np.float64)

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        for plane in planes:
            np.copyto(scratch, plane)
            np.add(self._sums, scratch, out=self._sums)
            np.multiply(scratch, scratch, out=scratch)
            np.add(self._squares, scratch, out=self._squares)
            self._planes += 1

    def finish(self, out: NDArray[Any]) -> None:
        if self._planes <= EXACT_SLICES:
            spread = self._squares
            spread *= self._planes
            self._sums *= self._sums
            spread -= self._sums
        else:
            sums = self._sums.astype(np.int64).view(np.uint64)
            squares = self._squares.astype(np.uint64)
            # Not negative, and below 2**64.
            spread = (np.uint64(self._planes) * squares - sums * sums).astype(np.float64)
        np.sqrt(spread, out=spread)
        spread /= self._planes
        out[...] = spread

    def clear(self) -> None:
        self._planes = 0
        self._sums[...] = 0.0
        self._squares[...] = 0.0
