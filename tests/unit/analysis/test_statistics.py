"""Statistics and histograms of values of every type, held against NumPy."""

from __future__ import annotations

from statistics import fmean, median, pstdev
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from dashboard.analysis.histogram import (
    edges_between,
    edges_of_all,
    histogram,
    natural_range,
)
from dashboard.analysis.interpretation import code_counts
from dashboard.analysis.statistics import Distribution, Statistics, statistics
from tests import files

TYPES = [kind for kind in files.DTYPES if np.dtype(kind).kind in "iuf" and not kind.startswith(">")]


def plain_values(values: NDArray[Any]) -> Distribution:
    return Distribution(values, None, 0)


def counted_values(values: NDArray[Any]) -> Distribution:
    found, counts = np.unique(values, return_counts=True)
    return Distribution(found, counts, 0)


FORMS = [plain_values, counted_values]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", [1, 2, 999, 1000])
def test_statistics_are_numpys(form: Any, dtype: str, size: int) -> None:
    values = files.made_up(dtype, (size,), seed=size)
    values = values[np.isfinite(values)]
    found = statistics(form(values))
    wide = values.astype("f8")
    assert (found.n, found.missing) == (values.size, 0)
    assert (found.min, found.max) == (values.min(), values.max())
    exact = [value.item() for value in values]
    assert found.sum == (sum(exact) if values.dtype.kind in "iu" else pytest.approx(wide.sum()))
    assert found.mean == pytest.approx(wide.mean(), rel=1e-12)
    assert found.sd == pytest.approx(wide.std(), rel=1e-9)
    assert found.median == pytest.approx(float(np.median(wide)), rel=1e-12)


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20), st.sampled_from(FORMS))
def test_integers_are_exact(numbers: list[int], form: Any) -> None:
    found = statistics(form(np.array(numbers, "i8")))
    assert found.sum == sum(numbers)
    assert found.mean == sum(numbers) / len(numbers)
    assert float(found.median or 0) == float(median(numbers))
    assert found.sd == pytest.approx(pstdev(numbers), rel=1e-9, abs=1e-9)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_unsigned_integers_are_exact(numbers: list[int]) -> None:
    found = statistics(plain_values(np.array(numbers, "u8")))
    assert (found.sum, found.min, found.max) == (sum(numbers), min(numbers), max(numbers))
    assert found.sd == pytest.approx(pstdev(numbers), rel=1e-9, abs=1e-9)


def test_a_small_spread_of_large_integers() -> None:
    values = 2**62 + np.arange(5)
    assert statistics(plain_values(values)).sd == pytest.approx(2**0.5)


@given(arrays.arrays("f8", st.integers(1, 30), elements=st.floats(-1e100, 1e100)))
def test_floats(values: NDArray[Any]) -> None:
    found = statistics(plain_values(values))
    assert found.mean == pytest.approx(fmean(values), rel=1e-9, abs=1e87)
    assert found.median == pytest.approx(float(np.median(values)))


def test_what_is_beyond_float64_is_none() -> None:
    found = statistics(plain_values(np.array([1.7e308, 1.6e308])))
    assert (found.sum, found.mean, found.sd) == (None, None, None)
    assert found.median == pytest.approx(1.65e308)


def test_nothing_has_no_statistics() -> None:
    assert statistics(Distribution(np.empty(0, "u2"), None, 7)) == Statistics(
        0, 7, None, None, None, None, None, None
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("bins", [1, 7, 256])
def test_counts_are_those_of_numpy(form: Any, dtype: str, bins: int) -> None:
    values = files.made_up(dtype, (2000,), seed=bins)
    values = values[np.isfinite(values)]
    wide = values.astype("f8")
    found = form(values)
    low, high = (float(x) for x in np.quantile(wide, [0.2, 0.7]))
    for edges, range_ in (
        (edges_of_all(natural_range(found), bins, values.dtype), None),
        (edges_between(low, high, bins, values.dtype), (low, high)),
    ):
        made = histogram(found, edges)
        np.testing.assert_array_equal(made.counts, np.histogram(values, edges)[0])
        assert made.below == (wide < float(edges[0])).sum()
        assert made.above == (wide > float(edges[-1])).sum()
        assert made.counts.sum() + made.below + made.above == made.n == values.size
        if range_ is not None or bins < 256 or values.dtype.itemsize > 1:
            counts, expected = np.histogram(values, bins, range_)
            np.testing.assert_array_equal(edges, expected)
            np.testing.assert_array_equal(made.counts, counts)


@given(
    st.sampled_from(["u1", "i2", "u4", "i8", "u8", "f2", "f4", "f8"]).flatmap(
        lambda kind: arrays.arrays(
            kind,
            st.integers(1, 12),
            elements=arrays.from_dtype(np.dtype(kind), allow_nan=False, allow_infinity=False),
        )
    ),
    st.integers(1, 40),
    st.sampled_from(FORMS),
)
def test_all_values_are_in_the_natural_bins(values: NDArray[Any], bins: int, form: Any) -> None:
    found = form(values)
    range_ = natural_range(found)
    edges = edges_of_all(range_, bins, values.dtype)
    assert len(edges) <= bins + 1
    assert np.isfinite(edges).all()
    assert (edges[:-1] < edges[1:]).all()
    made = histogram(found, edges)
    assert made.below == 0
    if range_ == found.extremes:
        assert made.above == 0
        np.testing.assert_array_equal(made.counts, np.histogram(values, edges)[0])
    assert made.counts.sum() + made.above == values.size


def test_few_integers_have_a_bin_each() -> None:
    values = np.array([3, 5, 5, 9], "i4")
    edges = edges_of_all((3, 9), 256, values.dtype)
    np.testing.assert_array_equal(edges, np.arange(2.5, 10))
    np.testing.assert_array_equal(
        histogram(plain_values(values), edges).counts, [1, 0, 2, 0, 0, 0, 1]
    )
    assert len(edges_of_all((3, 9), 6, values.dtype)) == 7


@pytest.mark.parametrize("dtype", ["u1", "i2", "f2", "f4", "f8", "u8"])
def test_no_value_at_all(dtype: str) -> None:
    nothing = Distribution(np.empty(0, dtype), None, 4)
    edges = edges_of_all(natural_range(nothing), 3, np.dtype(dtype))
    made = histogram(nothing, edges)
    assert (made.n, made.missing, made.low, made.high, made.below, made.above) == (
        0,
        4,
        None,
        None,
        0,
        0,
    )
    np.testing.assert_array_equal(made.counts, [0, 0, 0])


@pytest.mark.parametrize("form", FORMS)
def test_a_frequent_mark_far_from_all_others_is_above(form: Any) -> None:
    values = np.append(np.arange(100), [65535] * 5).astype("u2")
    assert natural_range(form(values)) == (0, 99)
    assert histogram(form(values), edges_of_all((0, 99), 10, values.dtype)).above == 5
    # Rare, near to others, or the only value but zero: no marks.
    assert natural_range(form(np.append(np.arange(1000), 65535).astype("u2"))) == (0, 65535)
    assert natural_range(form(np.append(np.arange(200), [255] * 50).astype("u1"))) == (0, 255)
    assert natural_range(form(np.array([0, 0, 255, 255], "u1"))) == (0, 255)
    assert natural_range(form(np.array([255, 255], "u1"))) == (255, 255)


@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "i2", "u2", "f2"])
def test_patterns_of_bits_are_counted(dtype: str) -> None:
    values = files.made_up(dtype, (40, 50))
    counts = code_counts(values[::2, ::3])
    expected = np.bincount(values[::2, ::3].copy().view(f"u{values.itemsize}").ravel())
    np.testing.assert_array_equal(counts[: len(expected)], expected)
    assert len(counts) == 256**values.itemsize
    assert counts.sum() == values[::2, ::3].size
