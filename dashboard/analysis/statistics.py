"""Valid values, and their statistics: exact for integers."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

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


def statistics(found: Distribution) -> Statistics:
    """The statistics of values."""
    n, extremes = found.n, found.extremes
    if extremes is None:
        return Statistics(0, found.missing, None, None, None, None, None, None)
    total: Number
    with np.errstate(over="ignore", invalid="ignore"):
        is_integer = found.values.dtype.kind in "iu"
        if is_integer:
            total, mean, sd = _of_integers(found, n, int(extremes[0]))
        else:
            total, mean, sd = _of_floats(found, n)
    below, above = found.middle
    median: Number = below
    if below != above:
        # Halves of floats, whose sum may be beyond float64.
        median = (below + above) / 2 if is_integer else below / 2 + above / 2
    return Statistics(
        n, found.missing, _finite(mean), _finite(sd), median, *extremes, _finite(total)
    )


def _of_floats(found: Distribution, n: int) -> tuple[float, float, float]:
    values = found.values.astype(np.float64)
    total = _weighted_sum(values, found.counts)
    mean = total / n
    values -= mean
    return (
        total,
        mean,
        float(np.sqrt(_weighted_sum(np.square(values, out=values), found.counts) / n)),
    )


def _of_integers(found: Distribution, n: int, smallest: int) -> tuple[int, float, float]:
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
    sd = float(np.sqrt(_weighted_sum(np.square(deviations, out=deviations), found.counts) / n))
    total = surplus + n * smallest
    return total, total / n, sd


def _weighted_sum(values: NDArray[np.float64], counts: NDArray[np.int64] | None) -> float:
    return float(values.sum() if counts is None else values @ counts)


def _finite(number: Any) -> Any:
    """A number, None for one that is not finite."""
    return number if isfinite(number) else None
