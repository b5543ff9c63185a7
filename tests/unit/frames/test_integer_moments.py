"""Sums of integers and of their squares in C: as NumPy has them, of planes with steps, added and subtracted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.frames import cell_reductions, integer_moments
from dashboard.frames.cell_reductions import Reduction, cells_of

pytestmark = pytest.mark.skipif(not integer_moments.available(), reason="not compiled here")

SHAPE = (5, 37)


def made(dtype: str, count: int) -> Any:
    """Planes, among them the ends of the type."""
    info = np.iinfo(dtype)
    stack = np.random.default_rng(3).integers(
        info.min, info.max, (count, *SHAPE), dtype, endpoint=True
    )
    stack[:, 0, :3] = info.min
    stack[:, 1, :3] = info.max
    stack[::2, 2] = info.min
    return stack


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2"])
@pytest.mark.parametrize("reduction", [Reduction.SD, Reduction.MEAN, Reduction.SUM])
@pytest.mark.parametrize("count", [1, 3, 4, 9, 70])
def test_both_ways_agree(
    monkeypatch: pytest.MonkeyPatch, dtype: str, reduction: Reduction, count: int
) -> None:
    wide = made(dtype, count + 2).repeat(2, axis=1).repeat(3, axis=2)
    found = []
    for is_compiled in (True, False):
        monkeypatch.setattr(
            cell_reductions.integer_moments, "available", lambda now=is_compiled: now
        )
        for stack in (wide[:, ::2, ::3], np.ascontiguousarray(wide[:, ::2, ::3])):
            cells = cells_of(reduction, False, SHAPE, np.dtype(dtype))
            scratch, out = np.empty((2, *SHAPE)), np.empty(SHAPE, "f4")
            # Those of a slab before are forgotten.
            cells.add(iter(stack[-1:]), scratch)
            cells.clear()
            cells.add(iter(stack), scratch)
            cells.subtract(iter(stack[-2:]), scratch)
            cells.finish(out, scratch)
            found.append(out)
    plain = {Reduction.SD: np.std, Reduction.MEAN: np.mean, Reduction.SUM: np.sum}[reduction]
    expected = plain(made(dtype, count + 2)[:-2].astype("f8"), axis=0)
    np.testing.assert_allclose(found[0], expected, rtol=2e-7)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def test_what_does_not_fit_is_refused() -> None:
    sums, squares = np.zeros(SHAPE), np.zeros(SHAPE)
    plane, floats = np.zeros(SHAPE, "u2"), np.zeros(SHAPE, "f4")
    integer_moments.add([], 1, sums, squares)
    for planes, *others in (
        ([floats], sums, squares),
        ([plane[1:]], sums, squares),
        ([plane, plane.repeat(2, axis=1)[:, ::2]], sums, squares),
        ([plane, plane.astype("u1")], sums, squares),
        ([plane[0]], sums, squares),
        ([plane], sums, squares[1:]),
        ([plane], sums.astype("f4"), squares),
        ([plane], sums),
    ):
        with pytest.raises(ValueError, match=r"planes of the type|integers of one or two bytes"):
            integer_moments.add(planes, 1, *others)
    with pytest.raises(ValueError, match="float32 for each"):
        integer_moments.deviations(sums, squares, 3, np.zeros(4, "f4"))
    assert not sums.any()
