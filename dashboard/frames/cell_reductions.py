"""Reductions of cells over planes: sums and extremes of a few cells, to which plane after plane is added.

Accuracy: the sums of integers of up to four bytes, and the standard deviations of those of up to two, are exact
before the last rounding; everything else is summed in float64. Squares are those of the differences from a cell's
first value, so that a standard deviation far below the mean keeps its digits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.frames import integer_moments

# Sums of so many two-byte integers fit four bytes, and those of their squares float64.
MAX_SLICES: Final = 65_536
# Squares of sums of so many two-byte integers are exact in float64.
EXACT_SLICES: Final = 1024


class Reduction(StrEnum):
    """What a projection makes of the values of a cell."""

    MEAN = "mean"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    SD = "sd"


class Cells(ABC):
    """What is known of some cells of the planes that were added."""

    def __init__(
        self,
        reduction: Reduction,
        skips_missing: bool,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
    ) -> None:
        self._reduction = reduction
        self._skips_missing = skips_missing
        self.shape = shape
        self._dtype = dtype
        self._planes = 0
        self._begin()

    @abstractmethod
    def _begin(self) -> None:
        """Allocate the sums."""

    @abstractmethod
    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        """Add the cells of planes; `scratch` is memory for two of their shape."""

    def subtract(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        """Subtract the cells of planes that were added; of exact sums alone."""
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        """Bytes of the sums; of exact ones alone."""
        raise NotImplementedError

    @abstractmethod
    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
        """Write the projection to `out`; `scratch` is as of `add`."""

    def clear(self) -> None:
        """Begin anew, for other cells."""
        self._planes = 0


class _Extremum(Cells):
    """Largest or smallest values."""

    def _begin(self) -> None:
        self._found = np.empty(self.shape, self._dtype)

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        largest = self._reduction is Reduction.MAX
        fold: np.ufunc = np.maximum if largest else np.minimum
        if self._skips_missing and self._dtype.kind == "f":
            fold = np.fmax if largest else np.fmin
        for plane in planes:
            if self._planes:
                fold(self._found, plane, out=self._found)
            else:
                np.copyto(self._found, plane)
            self._planes += 1

    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
        out[...] = self._found


class _IntegerSum(Cells):
    """Sums of integers, which are exact unless they overflow as in NumPy; means by them."""

    def _begin(self) -> None:
        kind, size = self._dtype.kind, 4 if self._dtype.itemsize <= 2 else 8
        self._sums = np.zeros(self.shape, f"{kind}{size}")

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        self._add(planes, 1)

    def subtract(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        self._add(planes, -1)

    def _add(self, planes: Iterable[NDArray[Any]], sign: int) -> None:
        given = list(planes)
        self._planes += sign * len(given)
        if self._dtype.itemsize <= 2 and integer_moments.available():
            integer_moments.add(given, sign, self._sums)
            return
        fold: np.ufunc = np.add if sign > 0 else np.subtract
        for plane in given:
            fold(self._sums, plane, out=self._sums)

    @property
    def nbytes(self) -> int:
        return self._sums.nbytes

    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
        if self._reduction is Reduction.MEAN:
            np.divide(self._sums, self._planes, out=scratch[0])
            out[...] = scratch[0]
        else:
            out[...] = self._sums

    def clear(self) -> None:
        super().clear()
        self._sums[...] = 0


class _Float(Cells):
    """What is summed in float64; where missing values do not count, with the number of those of each cell."""

    def _begin(self) -> None:
        self._sums = np.zeros(self.shape, np.float64)
        self._missing = np.zeros(self.shape, np.uint32) if self._skips_missing else None

    def clear(self) -> None:
        super().clear()
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
        values = scratch[0]
        for plane in planes:
            np.copyto(values, plane)
            gaps = self._gaps(values)
            if gaps is not None:
                values[gaps] = 0.0
            np.add(self._sums, values, out=self._sums)
            self._planes += 1

    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
        is_mean = self._reduction is Reduction.MEAN
        out[...] = self._sums / self._counts if is_mean else self._sums


class _Moments(_Float):
    """Standard deviations by sums of differences from each cell's first value, and of their squares.

    The first value is one of the values, so that rounding is at most as many times that of two passes as there are
    values.
    """

    def _begin(self) -> None:
        super()._begin()
        self._squares = np.zeros(self.shape, np.float64)
        self._first = np.full(self.shape, np.nan)
        self._unset = True

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        values = scratch[0]
        for plane in planes:
            np.copyto(values, plane)
            gaps = self._gaps(values)
            if self._unset:
                np.copyto(self._first, values, where=np.isnan(self._first))
                self._unset = self._missing is not None and bool(np.isnan(self._first).any())
            np.subtract(values, self._first, out=values)
            if gaps is not None:
                values[gaps] = 0.0
            np.add(self._sums, values, out=self._sums)
            np.multiply(values, values, out=values)
            np.add(self._squares, values, out=self._squares)
            self._planes += 1

    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
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

    def _begin(self) -> None:
        # float64 holds them exactly, and is faster than integers of eight bytes.
        self._sums = np.zeros(self.shape, np.float64)
        self._squares = np.zeros(self.shape, np.float64)
        # Sums in C are of values less a constant: what was begun in one way goes on in it.
        self._compiled = integer_moments.available()

    def add(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        self._add(list(planes), 1, scratch[0])

    def subtract(self, planes: Iterable[NDArray[Any]], scratch: NDArray[np.float64]) -> None:
        self._add(list(planes), -1, scratch[0])

    def _add(self, planes: list[NDArray[Any]], sign: int, values: NDArray[np.float64]) -> None:
        self._planes += sign * len(planes)
        if self._compiled:
            integer_moments.add(planes, sign, self._sums, self._squares)
            return
        fold: np.ufunc = np.add if sign > 0 else np.subtract
        for plane in planes:
            np.copyto(values, plane)
            fold(self._sums, values, out=self._sums)
            np.multiply(values, values, out=values)
            fold(self._squares, values, out=self._squares)

    @property
    def nbytes(self) -> int:
        return self._sums.nbytes + self._squares.nbytes

    def finish(self, out: NDArray[Any], scratch: NDArray[np.float64]) -> None:
        if self._compiled and self._planes <= EXACT_SLICES:
            integer_moments.deviations(self._sums, self._squares, self._planes, out)
            return
        spread, square = scratch
        if self._planes <= EXACT_SLICES:
            np.multiply(self._squares, self._planes, out=spread)
            np.multiply(self._sums, self._sums, out=square)
            np.subtract(spread, square, out=spread)
        else:
            sums = self._sums.astype(np.int64).view(np.uint64)
            squares = self._squares.astype(np.uint64)
            # Not negative, and below 2**64.
            np.copyto(spread, np.uint64(self._planes) * squares - sums * sums)
        np.sqrt(spread, out=spread)
        np.divide(spread, self._planes, out=spread)
        out[...] = spread

    def clear(self) -> None:
        super().clear()
        self._sums[...] = 0.0
        self._squares[...] = 0.0


def cells_of(
    reduction: Reduction, skips_missing: bool, shape: tuple[int, int], dtype: np.dtype[Any]
) -> Cells:
    """Reduces cells of this shape and displayed type; with `skips_missing`, NaN does not count."""
    kind: type[Cells]
    if reduction in (Reduction.MAX, Reduction.MIN):
        kind = _Extremum
    elif reduction is Reduction.SD:
        kind = _ExactMoments if can_subtract(reduction, dtype) else _Moments
    elif dtype.kind in "iu" and (dtype.itemsize <= 4 or reduction is Reduction.SUM):
        kind = _IntegerSum
    else:
        kind = _Sum
    return kind(reduction, skips_missing, shape, dtype)


def can_subtract(reduction: Reduction, dtype: np.dtype[Any]) -> bool:
    """Whether planes can be subtracted again from the sums, which are exact then."""
    if reduction is Reduction.SD:
        return dtype.kind in "iu" and dtype.itemsize <= 2
    return (
        reduction in (Reduction.MEAN, Reduction.SUM) and dtype.kind in "iu" and dtype.itemsize <= 4
    )
