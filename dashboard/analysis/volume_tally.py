"""Counts of the values of a volume, as far as they have been seen.

Values of up to 16 bits are counted by their pattern of bits, which gives every histogram exactly. Of other types
it is counted how many values lie below each of fixed edges, which gives the histograms between any of these.
"""

from __future__ import annotations

import base64
import copy
import sys
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import ceil, floor, isfinite, nan
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.histogram import (
    LARGEST_WITH_HALVES,
    Edges,
    Histogram,
    cumulative,
    edges_between,
    edges_of_all,
    histogram,
    natural_range,
)
from dashboard.analysis.interpretation import Interpretation, code_counts
from dashboard.analysis.statistics import (
    Distribution,
    Moments,
    Number,
    Statistics,
    statistics,
    statistics_of,
)
from dashboard.frames.quantize import Window

# Bins between the fixed edges; about a third of them lie in the contrast window.
FIXED_BINS: Final = 4_096


@dataclass(frozen=True, slots=True)
class StoredTally:
    """A tally in the metadata cache; arrays are compressed, as base64.

    `total` and `mean` of values and the sum `squares` of squared distances from it are None beyond float64.
    """

    seen: str
    counts: str
    low: int | float | None
    high: int | float | None
    total: int | float | None = 0
    mean: float | None = 0.0
    squares: float | None = 0.0


class Tally(ABC):
    """Which pieces of a volume have been counted, and the counts of their values.

    `seen` has an entry for each piece, `voxels` is the number of voxels that were counted. `moments` are those of
    the valid values where these are not counted one by one.
    """

    def __init__(self, pieces: int, length: int) -> None:
        self.seen = np.zeros(pieces, bool)
        self.counts = np.zeros(length, np.int64)
        self.low: Number | None = None
        self.high: Number | None = None
        self.moments = Moments()

    @property
    @abstractmethod
    def voxels(self) -> int:
        """How many voxels were counted."""

    @property
    @abstractmethod
    def valid(self) -> int:
        """How many of them `moments` are of."""

    @abstractmethod
    def add(
        self,
        source: Interpretation,
        stored: NDArray[Any],
        left_out: NDArray[np.bool_] | None = None,
    ) -> None:
        """Count the stored values of an array; `left_out`, of the same shape, says which are missing anyway."""

    @abstractmethod
    def histogram(
        self,
        source: Interpretation,
        bins: int,
        range_: tuple[float, float] | None,
        window: Window | None,
        seen: float,
    ) -> Histogram:
        """The histogram of what was counted, the share `seen` of all voxels.

        Without a range it is of all values, or about the contrast window where that is given.
        """

    @abstractmethod
    def statistics(self, source: Interpretation) -> Statistics:
        """The statistics of what was counted; without the median of types of more than 16 bits."""

    def merge(self, other: Tally, at: NDArray[np.int64]) -> None:
        """Add what another one of the same kind has counted: its pieces are the numbers `at` of this one's.

        Raises `ValueError` where a piece was counted by both.
        """
        pieces = at[other.seen]
        if self.seen[pieces].any():
            raise ValueError("a piece would be counted twice")
        self.seen[pieces] = True
        self.counts += other.counts
        self._widen(other.low, other.high)
        self.moments += other.moments

    def _widen(self, low: Number | None, high: Number | None) -> None:
        """Take the smallest and the largest of some values into account."""
        if low is not None and high is not None:
            self.low = low if self.low is None else min(low, self.low)
            self.high = high if self.high is None else max(high, self.high)

    def copy(self) -> Self:
        """One that can be continued without a change of this one."""
        other = copy.copy(self)
        other.seen, other.counts = self.seen.copy(), self.counts.copy()
        return other

    def pack(self) -> StoredTally:
        """The tally, to be stored."""
        counts = self.counts.astype("<i8").tobytes()
        seen = np.packbits(self.seen).tobytes()
        moments = (self.moments.total, self.moments.mean, self.moments.squares)
        return StoredTally(
            _compressed(seen),
            _compressed(counts),
            self.low,
            self.high,
            *(number if isfinite(number) else None for number in moments),
        )

    def unpack(self, stored: StoredTally) -> None:
        """Continue with what was stored; raises `ValueError` for something else."""
        pieces = len(self.seen)
        bits = np.frombuffer(_restored(stored.seen, ceil(pieces / 8)), np.uint8)
        counts = np.frombuffer(_restored(stored.counts, self.counts.nbytes), "<i8")
        self.seen, self.counts = (
            np.unpackbits(bits, count=pieces).view(bool),
            counts.astype(np.int64),
        )
        self.low, self.high = stored.low, stored.high
        total, mean, squares = (
            nan if number is None else number
            for number in (stored.total, stored.mean, stored.squares)
        )
        self.moments = Moments(self.valid, total, mean, squares)


class CodeTally(Tally):
    """Counts by pattern of bits, whatever the values stand for; the last one is of what a mask leaves out."""

    def __init__(self, source: Interpretation, pieces: int) -> None:
        super().__init__(pieces, 256**source.volume.dtype.itemsize + 1)

    @property
    def voxels(self) -> int:
        return int(self.counts.sum())

    @property
    def valid(self) -> int:
        return 0

    def add(
        self,
        source: Interpretation,
        stored: NDArray[Any],
        left_out: NDArray[np.bool_] | None = None,
    ) -> None:
        if left_out is not None:
            self.counts[-1] += np.count_nonzero(left_out)
            stored = stored[~left_out]
        self.counts[:-1] += code_counts(stored)

    def histogram(
        self,
        source: Interpretation,
        bins: int,
        range_: tuple[float, float] | None,
        window: Window | None,
        seen: float,
    ) -> Histogram:
        found, dtype = self._found(source), source.dtype
        if range_ is not None:
            return histogram(found, edges_between(*range_, bins, dtype), seen)
        if window is None:
            return histogram(found, edges_of_all(natural_range(found), bins, dtype), seen)
        low, high = widened(window, dtype)
        if dtype.kind in "iu":
            return histogram(found, edges_of_all((low, high), bins, dtype), seen)
        return histogram(found, edges_between(low, high, bins, dtype), seen)

    def statistics(self, source: Interpretation) -> Statistics:
        return statistics(self._found(source))

    def _found(self, source: Interpretation) -> Distribution:
        return source.distribution_of_codes(self.counts[:-1], int(self.counts[-1]))


class EdgeTally(Tally):
    """For each of the fixed edges how many values are below it, then how many are below or equal.

    The last two counts are those of valid and of missing values.
    """

    def __init__(self, source: Interpretation, pieces: int, window: Window) -> None:
        self.edges = fixed_edges(window, source.dtype)
        super().__init__(pieces, 2 * len(self.edges) + 2)

    @property
    def voxels(self) -> int:
        return int(self.counts[-2:].sum())

    @property
    def valid(self) -> int:
        return int(self.counts[-2])

    def add(
        self,
        source: Interpretation,
        stored: NDArray[Any],
        left_out: NDArray[np.bool_] | None = None,
    ) -> None:
        found = source.distribution(stored, left_out)
        below, up_to = cumulative(found, self.edges)
        self.counts += np.concatenate((below, up_to, [found.n, found.missing]))
        self._widen(*(found.extremes or (None, None)))
        self.moments += Moments.of(found)

    def histogram(
        self,
        source: Interpretation,
        bins: int,
        range_: tuple[float, float] | None,
        window: Window | None,
        seen: float,
    ) -> Histogram:
        if range_ is None and window is None and self.low is not None and self.high is not None:
            range_ = float(self.low), float(self.high)
        low, high = range_ or (float(self.edges[0]), float(self.edges[-1]))
        chosen = self._between(low, high, bins)
        number = len(self.edges)
        below, up_to = self.counts[:number], self.counts[number : 2 * number]
        at = np.append(below[chosen[:-1]], up_to[chosen[-1]])
        n, missing = (int(count) for count in self.counts[-2:])
        return Histogram(
            np.diff(at),
            self.edges[chosen],
            int(at[0]),
            n - int(at[-1]),
            n,
            missing,
            self.low,
            self.high,
            seen,
        )

    def statistics(self, source: Interpretation) -> Statistics:
        extremes = None if self.low is None or self.high is None else (self.low, self.high)
        return statistics_of(self.moments, int(self.counts[-1]), extremes, None)

    def _between(self, low: float, high: float, bins: int) -> NDArray[np.intp]:
        """The indexes of those of the edges that have a range between them, for at most `bins` bins."""
        last = len(self.edges) - 1
        first = min(max(int(np.searchsorted(self.edges, low, "right")) - 1, 0), last - 1)
        end = max(min(int(np.searchsorted(self.edges, high, "left")), last), first + 1)
        return np.append(np.arange(first, end, ceil((end - first) / bins)), end)


def pieces_in(stored: StoredTally, pieces: int) -> int:
    """How many of the pieces of a volume a stored tally has seen; raises `ValueError` for something else."""
    bits = np.frombuffer(_restored(stored.seen, ceil(pieces / 8)), np.uint8)
    return int(np.unpackbits(bits).sum())


def widened(window: Window, dtype: np.dtype[Any]) -> tuple[Number, Number]:
    """A range that has a contrast window in its middle third, as far as the type has values there."""
    low, high = window
    width = min(high - low, sys.float_info.max / 4)
    low, high = low - width, high + width
    if dtype.kind not in "iu":
        largest = sys.float_info.max
        return max(low, -largest), min(high, largest)
    info = np.iinfo(dtype)
    return max(floor(low), info.min), min(ceil(high), info.max)


def fixed_edges(window: Window, dtype: np.dtype[Any]) -> Edges:
    """Edges about a contrast window; those of integers lie halfway between two of them."""
    low, high = widened(window, dtype)
    if dtype.kind in "iu" and max(abs(low), abs(high)) < LARGEST_WITH_HALVES:
        step = ceil((high - low + 1) / FIXED_BINS)
        return np.arange(low, high + 1 + step, step, dtype=np.float64) - 0.5
    return edges_between(float(low), float(high), FIXED_BINS, np.dtype(np.float64))


def _compressed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 1)).decode()


def _restored(text: str, length: int) -> bytes:
    try:
        data = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), length + 1)
    except zlib.error as error:
        raise ValueError("a stored tally cannot be decompressed") from error
    if len(data) != length:
        raise ValueError("a stored tally has another length")
    return data
