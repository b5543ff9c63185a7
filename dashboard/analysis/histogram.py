"""Histograms: edges of bins as NumPy chooses them, and counts that equal `numpy.histogram` with these edges."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nextafter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dashboard.analysis.statistics import Distribution, Number
from dashboard.frames.window import FREQUENT

# A frequent largest value of an integer type is above the bins where it is beyond so many times all others.
FAR: Final = 2
# Integers beyond have no half between them and the next.
LARGEST_WITH_HALVES: Final = 2**52

# Values whose place is computed at a time, such that they stay in the processor's cache.
BLOCK: Final = 32_768

Edges = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of valid values: bin i has edges[i] ≤ value < edges[i + 1], the last one its upper edge as well.

    `below` and `above` count what lies outside. `n` valid values, `low` and `high` the smallest and the largest of
    them (None without any), `missing` others. `seen` is the share of all voxels that have been counted.
    """

    counts: NDArray[np.int64]
    edges: Edges
    below: int
    above: int
    n: int
    missing: int
    low: Number | None
    high: Number | None
    seen: float = 1.0


def histogram(found: Distribution, edges: Edges, seen: float = 1.0) -> Histogram:
    """The counts of values between ascending edges, of values that are the share `seen` of all."""
    below, up_to = cumulative(found, edges)
    at = np.append(below[:-1], up_to[-1:])
    n, (low, high) = found.n, found.extremes or (None, None)
    return Histogram(
        np.diff(at), edges, int(at[0]), n - int(at[-1]), n, found.missing, low, high, seen
    )


def cumulative(found: Distribution, edges: Edges) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each of ascending edges how many values are below it, and how many below or equal."""
    if found.counts is None and _are_regular(edges):
        return _cumulative_of_many(found.values, edges.astype(np.float64))
    values = found.values if found.counts is not None else np.sort(found.values)
    at = np.searchsorted(values, edges, "left"), np.searchsorted(values, edges, "right")
    if found.counts is None:
        return at
    totals = np.concatenate(([0], np.cumsum(found.counts)))
    return totals[at[0]], totals[at[1]]


def _are_regular(edges: Edges) -> bool:
    """Whether edges are where equal steps lead, up to one step."""
    wide = edges.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        regular = np.linspace(wide[0], wide[-1], len(wide))
        step = regular[1] - regular[0]
        return bool(isfinite(1 / step) and (np.abs(regular - wide) < step).all())


def _cumulative_of_many(
    values: NDArray[Any], edges: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`cumulative` for regular edges: the place of each value is computed, and then corrected by one."""
    number = len(edges)
    places, equal = np.zeros(number + 1, np.int64), np.zeros(number, np.int64)
    around = np.concatenate(([-inf], edges, [inf]))
    scale = (number - 1) / (edges[-1] - edges[0])
    for first in range(0, len(values), BLOCK):
        block = values[first : first + BLOCK].astype(np.float64)
        with np.errstate(over="ignore"):
            place = np.clip((block - edges[0]) * scale, -1, number - 1).astype(np.intp)
        # The number of edges up to the value: `around[place]` is the last of them.
        place += 1
        place -= block < around[place]
        place += block >= around[place + 1]
        places += np.bincount(place, minlength=number + 1)
        exact = place[block == around[place]]
        if len(exact):
            equal += np.bincount(exact - 1, minlength=number)
    below = np.cumsum(places)[:-1]
    # Of the values in the place of an edge, those that are equal to it are not above it.
    return below, below + equal


def natural_range(found: Distribution) -> tuple[Number, Number] | None:
    """The smallest and the largest value, None without any.

    The largest of an integer type does not count where it is frequent and far from all others: it is a mark for
    voxels without a value then.
    """
    if found.extremes is None:
        return None
    low, high = found.extremes
    values, dtype = found.values, found.values.dtype
    if dtype.kind in "iu" and high == np.iinfo(dtype).max and low != high:
        others = values != values.dtype.type(high)
        count = int(
            np.count_nonzero(others) if found.counts is None else found.counts[others].sum()
        )
        highest: Number = values[others].max().item()
        if found.n - count > FREQUENT * found.n and 0 < FAR * highest < high:
            return low, highest
    return low, high


def edges_of_all(range_: tuple[Number, Number] | None, bins: int, dtype: np.dtype[Any]) -> Edges:
    """Edges of bins over a range of values of a type; from 0 to 1 without a range.

    One bin for each integer where these are no more than `bins`; otherwise as `edges_between`.
    """
    if range_ is not None and dtype.kind in "iu":
        low, high = range_
        if high - low < bins and max(abs(low), abs(high)) < LARGEST_WITH_HALVES:
            return np.arange(low, high + 2, dtype=np.float64) - 0.5
    if range_ is None:
        return np.linspace(0.0, 1.0, bins + 1)
    return _numpys_edges(np.array(range_, dtype), bins, None)


def edges_between(low: float, high: float, bins: int, dtype: np.dtype[Any]) -> Edges:
    """Edges of bins of one width, as `numpy.histogram` has them for values of a type and `range=(low, high)`.

    Fewer bins where the type has not so many values there.
    """
    return _numpys_edges(np.empty(0, dtype), bins, (low, high))


def _numpys_edges(values: NDArray[Any], bins: int, range_: tuple[float, float] | None) -> Edges:
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            edges = np.histogram_bin_edges(values, bins, range_)
        except (ValueError, OverflowError):  # Too many bins for the range, or for the type.
            edges = np.empty(0)
        if len(edges) and np.isfinite(edges).all() and (edges[:-1] < edges[1:]).all():
            return edges
    low, high = range_ or (float(values.min()), float(values.max()))
    if isfinite(high - low):
        edges = np.unique(np.linspace(low, high, bins + 1))
    else:
        edges = np.unique(2.0 * np.linspace(low / 2.0, high / 2.0, bins + 1))
    if len(edges) > 1:
        return edges
    return np.array([_finite(nextafter(low, -inf), low), _finite(nextafter(high, inf), high)])


def _finite(number: float, otherwise: float) -> float:
    return number if isfinite(number) else otherwise
