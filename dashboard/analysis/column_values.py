"""What a column has at each index: the value of a voxel, or figures of a region; and its lines of JSON."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.interpretation import Interpretation


class ColumnValues(ABC):
    """The values of a column of some length as they are read; `take` may be called concurrently."""

    @abstractmethod
    def take(self, first: int, values: NDArray[Any], at: tuple[int, int]) -> None:
        """Take stored values (indices, rows, columns) from index `first` on, those of the region from `at` on."""

    @abstractmethod
    def settle(self) -> None:
        """Add up what was taken since the last call."""

    @abstractmethod
    def entries(self, indices: Sequence[int]) -> Iterable[str]:
        """The members of the JSON objects at these indices, after `index`."""

    @abstractmethod
    def pack(self) -> bytes:
        """All values as bytes."""

    @abstractmethod
    def unpack(self, packed: bytes) -> bool:
        """Restore what `pack` returned; whether that was possible."""

    #: The members of an object at an index that cannot be read.
    nothing: str


class PointValues(ColumnValues):
    """The values of one voxel at each index, stored; where `left_out` (indices) is given, those are missing."""

    nothing = '"value":null'

    def __init__(
        self, source: Interpretation, length: int, left_out: NDArray[np.bool_] | None = None
    ) -> None:
        self._source = source
        self._stored = np.zeros(length, source.volume.memory_dtype)
        self._left_out = left_out

    def take(self, first: int, values: NDArray[Any], at: tuple[int, int]) -> None:
        self._stored[first : first + len(values)] = values.reshape(-1)

    def settle(self) -> None:
        pass

    def entries(self, indices: Sequence[int]) -> Iterable[str]:
        shown = self._source.shown(self._stored[np.asarray(indices, np.int64)])
        if self._left_out is not None:
            shown = np.where(self._left_out[indices], np.nan, shown)
        if shown.dtype.kind in "iu":
            return [f'"value":{value}' for value in shown.tolist()]
        return map(_value, shown.tolist())

    def pack(self) -> bytes:
        return self._stored.tobytes()

    def unpack(self, packed: bytes) -> bool:
        if len(packed) != self._stored.nbytes:
            return False
        self._stored = np.frombuffer(packed, self._stored.dtype)
        return True


class RegionValues(ColumnValues):
    """Number, mean, standard deviation, least and largest of the values of a region at each index.

    Missing values do not count (`Interpretation`). `mask` has the voxels of the region (rows, columns); None: all.
    Those of `left_out` (indices, rows, columns) are missing. Means of integers of up to four bytes are those of
    exact sums; squares of differences from the mean are merged from part to part (Chan, Golub and LeVeque 1983).
    """

    nothing = '"n":0,"mean":null,"sd":null,"min":null,"max":null'

    def __init__(
        self,
        source: Interpretation,
        length: int,
        mask: NDArray[np.bool_] | None,
        left_out: NDArray[np.bool_] | None = None,
    ) -> None:
        self._source = source
        self._mask = mask
        self._left_out = left_out
        kind = source.dtype
        exact = kind.kind in "iu" and kind.itemsize <= 4
        self._counts = np.zeros(length, np.int64)
        self._sums = np.zeros(length, np.int64 if exact else np.float64)
        self._means = np.zeros(length, np.float64)
        self._squares = np.zeros(length, np.float64)
        self._least, self._most = np.zeros(length, kind), np.zeros(length, kind)
        self._taken: list[tuple[int, tuple[int, int], _Figures]] = []
        self._lock = threading.Lock()

    def take(self, first: int, values: NDArray[Any], at: tuple[int, int]) -> None:
        count, rows, cols = values.shape
        mask = self._mask
        area = slice(at[0], at[0] + rows), slice(at[1], at[1] + cols)
        here = None if mask is None else mask[area]
        if here is not None and not here.any():
            return
        stored = _flat(values, here).astype(self._source.volume.memory_dtype, copy=False)
        shown, valid = self._source.read(stored)
        if self._left_out is not None:
            valid &= ~_flat(self._left_out[first : first + count][:, *area], here)
        figures = _figures(shown, valid)
        with self._lock:
            self._taken.append((first, at, figures))

    def settle(self) -> None:
        # In one order, whichever thread was first, so that they are rounded alike.
        for first, _, figures in sorted(self._taken, key=lambda one: one[:2]):
            self._merge(slice(first, first + len(figures[0])), *figures)
        self._taken.clear()

    def _merge(
        self,
        here: slice,
        counts: NDArray[Any],
        sums: NDArray[Any],
        means: NDArray[Any],
        squares: NDArray[Any],
        least: NDArray[Any],
        most: NDArray[Any],
    ) -> None:
        before, new = self._counts[here], counts > 0
        both, is_first = before + counts, new & (before == 0)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            apart = means - self._means[here]
            spread = apart * apart * before * counts / both
            self._squares[here] += np.where(new, squares + np.where(before > 0, spread, 0.0), 0.0)
            moved = np.where(is_first, means, self._means[here] + apart * counts / both)
            self._means[here] = np.where(new, moved, self._means[here])
            self._sums[here] += np.where(new, sums, 0).astype(self._sums.dtype)
        for kept, found, fold in ((self._least, least, np.minimum), (self._most, most, np.maximum)):
            merged = np.where(is_first, found, fold(kept[here], found))
            kept[here] = np.where(new, merged, kept[here])
        self._counts[here] = both

    def entries(self, indices: Sequence[int]) -> Iterable[str]:
        at = np.asarray(indices, np.int64)
        counts = self._counts[at]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            means = self._sums[at] / counts
            deviations = np.sqrt(np.maximum(self._squares[at], 0.0) / counts)
        found = zip(
            counts.tolist(),
            means.tolist(),
            deviations.tolist(),
            self._least[at].tolist(),
            self._most[at].tolist(),
            strict=True,
        )
        for count, mean, deviation, least, most in found:
            if count:
                yield (
                    f'"n":{count},"mean":{_number(mean)},"sd":{_number(deviation)},'
                    f'"min":{_number(least)},"max":{_number(most)}'
                )
            else:
                yield self.nothing

    @property
    def _arrays(self) -> tuple[NDArray[Any], ...]:
        return self._counts, self._sums, self._squares, self._least, self._most

    def pack(self) -> bytes:
        return b"".join(array.tobytes() for array in self._arrays)

    def unpack(self, packed: bytes) -> bool:
        if len(packed) != sum(array.nbytes for array in self._arrays):
            return False
        at = 0
        for array in self._arrays:
            array[...] = np.frombuffer(packed, array.dtype, len(array), at)
            at += array.nbytes
        return True


# Of each index: counts, sums, means, squares of differences from the mean, least, most.
_Figures = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]


def _flat(values: NDArray[Any], here: NDArray[np.bool_] | None) -> NDArray[Any]:
    """Those of an array (indices, rows, columns) that lie `here`, as (indices, voxels)."""
    return values.reshape(len(values), -1) if here is None or here.all() else values[:, here]


def _figures(values: NDArray[Any], valid: NDArray[np.bool_]) -> _Figures:
    """The figures of the valid ones of each row of values."""
    count, size = values.shape
    are_all = bool(valid.all())
    if are_all:
        counts = np.full(count, size, np.int64)
        first = values[:, :1]
    else:
        counts = np.count_nonzero(valid, axis=1)
        first = np.take_along_axis(values, valid.argmax(axis=1)[:, np.newaxis], axis=1)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        # Differences from one of the values: small ones far from zero keep their digits.
        apart = np.subtract(values, first, dtype=np.float64)
        if not are_all:
            apart[~valid] = 0.0
        sums = apart.sum(axis=1)
        # A third of the time of `einsum`.
        squares = np.matmul(apart[:, np.newaxis], apart[:, :, np.newaxis])[:, 0, 0]
        squares -= sums * sums / counts
        start = first[:, 0]
        means = start + sums / counts
        if values.dtype.kind in "iu" and values.dtype.itemsize <= 4:
            total = start.astype(np.int64) * counts + sums.astype(np.int64)
        else:
            total = start.astype(np.float64) * counts + sums
    if are_all:
        return counts, total, means, squares, values.min(axis=1), values.max(axis=1)
    low, high = _ends(values.dtype)
    least = values.min(axis=1, where=valid, initial=high)
    return counts, total, means, squares, least, values.max(axis=1, where=valid, initial=low)


def _ends(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    if dtype.kind == "f":
        return -np.inf, np.inf
    info = np.iinfo(dtype)
    return info.min, info.max


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else "null"


def _value(value: float) -> str:
    """The member of a value; JSON has no infinity."""
    if math.isnan(value) or math.isfinite(value):
        return f'"value":{_number(value)}'
    return f'"value":null,"note":"{"-" if value < 0 else ""}infinity"'
