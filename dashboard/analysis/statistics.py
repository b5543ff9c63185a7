"""Valid values, and their statistics: exact for integers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dashboard.once import cached_property

Number = int | float


@dataclass(frozen=True, eq=False)
class Distribution:
    """Valid values, and how many are missing.

    `values` is an array (k,) of real numbers without NaN. With `counts`, an array of the same length, they are
    different values in ascending order, each of which occurs so often.
    """

    values: NDArray[Any]
    counts: NDArray[np.int64] | None
    missing: int

    @cached_property
    def n(self) -> int:
        """How many values there are, missing ones left out."""
        return len(self.values) if self.counts is None else int(self.counts.sum())

    @cached_property
    def extremes(self) -> tuple[Number, Number] | None:
        """The smallest and the largest value; None without any."""
        if not len(self.values):
            return None
        if self.counts is None:
            return self.values.min().item(), self.values.max().item()
        return self.values[0].item(), self.values[-1].item()

    @property
    def middle(self) -> tuple[Number, Number]:
        """The two values in the middle, which are one for an odd number of values."""
        ranks = [(self.n - 1) // 2, self.n // 2]
        if self.counts is None:
            low, high = np.partition(self.values, ranks)[ranks].tolist()
        else:
            at = np.searchsorted(np.cumsum(self.counts), ranks, "right")
            low, high = self.values[at].tolist()
        return low, high


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of values; None without any, and where a number is beyond float64.

    `sd` is the standard deviation of the population. The sum of integers is exact.
    """

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: Number | None
    min: Number | None
    max: Number | None
    sum: Number | None


@dataclass(frozen=True, slots=True)
class Moments:
    """The number of values, their sum and mean, and the sum of their squared distances from it.

    The sum of integers is exact; what is beyond float64 is infinite, or NaN.
    """

    n: int = 0
    total: Number = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, found: Distribution) -> Self:
        """Those of some values."""
        if found.extremes is None:
            return cls()
        with np.errstate(over="ignore", invalid="ignore"):
            if found.values.dtype.kind in "iu":
                return cls(found.n, *_of_integers(found, found.n, int(found.extremes[0])))
            return cls(found.n, *_of_floats(found, found.n))

    def __add__(self, other: Self) -> Self:
        """Those of the values of both: Chan, Golub and LeVeque, The American Statistician 37 (1983) 242."""
        if not self.n or not other.n:
            return self if self.n else other
        n, total = self.n + other.n, self.total + other.total
        apart = other.mean - self.mean
        squares = self.squares + other.squares + apart * apart * (self.n * (other.n / n))
        return type(self)(n, total, total / n, squares)

    @property
    def sd(self) -> float:
        """The standard deviation of the population."""
        return sqrt(self.squares / self.n)


def statistics(found: Distribution) -> Statistics:
    """The statistics of values."""
    extremes, moments = found.extremes, Moments.of(found)
    if extremes is None:
        return Statistics(0, found.missing, None, None, None, None, None, None)
    is_integer = found.values.dtype.kind in "iu"
    below, above = found.middle
    median: Number = below
    if below != above:
        # Halves of floats, whose sum may be beyond float64.
        median = (below + above) / 2 if is_integer else below / 2 + above / 2
    return statistics_of(moments, found.missing, extremes, median)


def statistics_of(
    moments: Moments, missing: int, extremes: tuple[Number, Number] | None, median: Number | None
) -> Statistics:
    """Statistics of values of which moments, the smallest and the largest, and the median are known."""
    if extremes is None:
        return Statistics(0, missing, None, None, None, None, None, None)
    mean, sd, total = _finite(moments.mean), _finite(moments.sd), _finite(moments.total)
    return Statistics(moments.n, missing, mean, sd, median, *extremes, total)


def _of_floats(found: Distribution, n: int) -> tuple[float, float, float]:
    values = found.values.astype(np.float64)
    total = _weighted_sum(values, found.counts)
    mean = total / n
    values -= mean
    return total, mean, _weighted_sum(np.square(values, out=values), found.counts)


def _of_integers(found: Distribution, n: int, smallest: int) -> tuple[int, float, float]:
    if found.counts is None and found.values.dtype.itemsize <= 4 and n < 2**31:
        # Their sum fits 64 bits, and each of them a float.
        total = int(found.values.sum(dtype=np.int64))
        distances = found.values.astype(np.float64)
        distances -= total / n
        return total, total / n, _weighted_sum(np.square(distances, out=distances), None)
    # Differences to the smallest value wrap around into the unsigned type, where they are exact.
    offsets = found.values.astype(np.int64 if found.values.dtype.kind == "i" else np.uint64).view(
        np.uint64
    )
    offsets -= np.uint64(smallest % 2**64)
    # In halves, whose sums of fewer than 2³¹ values do not overflow.
    halves = offsets >> np.uint64(32), offsets & np.uint64(2**32 - 1)
    high, low = (
        int(half.sum() if found.counts is None else half.view(np.int64) @ found.counts)
        for half in halves
    )
    surplus = (high << 32) + low
    deviations = offsets.astype(np.float64)
    deviations -= surplus / n
    squares = _weighted_sum(np.square(deviations, out=deviations), found.counts)
    total = surplus + n * smallest
    return total, total / n, squares


def _weighted_sum(values: NDArray[np.float64], counts: NDArray[np.int64] | None) -> float:
    return float(values.sum() if counts is None else values @ counts)


def _finite(number: Any) -> Any:
    """A number, None for one that is not finite."""
    return number if isfinite(number) else None
