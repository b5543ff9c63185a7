"""Levels of detail: pooling by the contract's blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.frames import integer_moments
from dashboard.frames.pooling import PoolMode, pool_blocks, pooled_dtype
from tests import files, reference

REAL = [t for t in files.DTYPES if "c" not in t and t != "?" and not t.startswith(">")]


@given(
    dtype=st.sampled_from(REAL),
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    steps=st.tuples(st.integers(1, 14), st.integers(1, 14)),
    how=st.sampled_from(list(PoolMode)),
    seed=st.integers(0, 9),
)
def test_blocks_are_as_numpy_makes_them(
    dtype: str, shape: tuple[int, int], steps: tuple[int, int], how: PoolMode, seed: int
) -> None:
    values = files.made_up(dtype, shape, seed)
    found = pool_blocks(values, *steps, how)
    expected = reference.pooled(values, *steps, how.value)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == pooled_dtype(values.dtype, how, *steps)
    if how is PoolMode.MEAN and steps != (1, 1):
        # The order in which float64 numbers are added shows in the last digit of a float32.
        np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-30)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "u8"])
@pytest.mark.parametrize("end", ["min", "max"])
def test_sums_of_extremes_do_not_overflow(dtype: str, end: str) -> None:
    extreme = getattr(np.iinfo(dtype), end)
    values = np.full((300, 300), extreme, dtype)
    for step in (2, 181, 182, 300):
        found = pool_blocks(values, step, step, PoolMode.MEAN)
        assert (found == np.float32(extreme)).all()


def test_nan_is_ignored_and_nothing_but_nan_stays_nan() -> None:
    nan = np.nan
    values = np.array([[nan, 1, nan, nan], [3, nan, nan, nan], [nan, nan, 5, -6]], np.float32)
    np.testing.assert_array_equal(
        pool_blocks(values, 2, 2, PoolMode.MEAN), np.array([[2, nan], [nan, -0.5]], np.float32)
    )
    np.testing.assert_array_equal(
        pool_blocks(values, 2, 2, PoolMode.MAX), np.array([[3, nan], [nan, 5]], np.float32)
    )


def test_infinities_are_values() -> None:
    inf = np.inf
    values = np.array([[inf, 1, -inf, 2, inf, -inf]], np.float64)
    np.testing.assert_array_equal(
        pool_blocks(values, 1, 2, PoolMode.MEAN), np.array([[inf, -inf, np.nan]], np.float32)
    )
    np.testing.assert_array_equal(pool_blocks(values, 1, 2, PoolMode.MAX), [[inf, 2, inf]])


def test_huge_values_do_not_warn() -> None:
    values = np.full((2, 4), 1.7e308)
    assert np.isinf(pool_blocks(values, 2, 2, PoolMode.MEAN)).all()
    assert (pool_blocks(values, 2, 2, PoolMode.MAX) == 1.7e308).all()


@pytest.mark.parametrize("how", list(PoolMode))
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_the_values_stay_as_they_were(how: PoolMode, dtype: str) -> None:
    values = files.made_up(dtype, (9, 11))
    before: Any = values.copy()
    values.setflags(write=False)
    pool_blocks(values, 3, 2, how)
    pool_blocks(values.T, 3, 2, how)
    np.testing.assert_array_equal(values, before)


def test_a_step_that_passes_the_edge_is_one_block() -> None:
    values = np.arange(6, dtype="u2").reshape(2, 3)
    assert pool_blocks(values, 10**9, 10**9, PoolMode.MAX).tolist() == [[5]]
    assert pool_blocks(values, 10**9, 10**9, PoolMode.MEAN).tolist() == [[2.5]]
    assert pool_blocks(values, 10**9, 10**9, PoolMode.NEAREST).tolist() == [[0]]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", ">u2"])
@pytest.mark.parametrize(
    "layout", [lambda v: v, lambda v: v.T, lambda v: v[::-1, ::-2], lambda v: v[:, 1:-1]]
)
def test_means_of_small_integers_are_the_same_however_they_lie_in_memory(
    monkeypatch: pytest.MonkeyPatch, layout: Any, dtype: str, compiled: bool
) -> None:
    if not compiled:
        monkeypatch.setattr(integer_moments, "available", lambda: False)
    values = layout(files.made_up(dtype, (23, 31), 1))
    for rows, cols in ((1, 3), (4, 1), (5, 7), (16, 16), (40, 3)):
        expected = reference.pooled(
            values.astype(values.dtype.newbyteorder("=")), rows, cols, "mean"
        )
        np.testing.assert_array_equal(pool_blocks(values, rows, cols, PoolMode.MEAN), expected)
