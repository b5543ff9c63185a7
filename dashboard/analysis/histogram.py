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
    inner = np.searchsorted(found.values, edges[:-1], "left")
    at = np.append(inner, np.searchsorted(found.values, edges[-1:], "right"))
    if found.counts is not None:
        at = np.concatenate(([0], np.cumsum(found.counts)))[at]
    n, (low, high) = found.n, found.extremes or (None, None)
    return Histogram(
        np.diff(at), edges, int(at[0]), n - int(at[-1]), n, found.missing, low, high, seen
    )


def natural_range(found: Distribution) -> tuple[Number, Number] | None:
    """The smallest and the largest value, None without any.

    The largest of an integer type does not count where it is frequent and far from all others: it is a mark for
    voxels without a value then.
    """
    if found.extremes is None:
        return None
    low, high = found.extremes
    dtype = found.values.dtype
    if dtype.kind in "iu" and high == np.iinfo(dtype).max and low != high:
        first = int(np.searchsorted(found.values, found.values[-1], "left"))
        others = first if found.counts is None else int(found.counts[:first].sum())
        next_: Number = found.values[first - 1].item()
        if found.n - others > FREQUENT * found.n and 0 < FAR * next_ < high:
            return low, next_
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
