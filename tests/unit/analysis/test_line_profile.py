"""Values along a line, held against scikit-image and against a direct formula."""

from __future__ import annotations

from importlib import import_module
from math import ceil, hypot
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard import errors
from dashboard.addressing.selection import Selection, Span, parse
from dashboard.analysis.line_profile import MAX_POSITIONS, MAX_SAMPLES, Line, Reduce, profile
from dashboard.analysis.physical import Step, VoxelSize

PLANE = np.random.default_rng(1).normal(size=(40, 50))
WHOLE = parse("2,:,:", (3, *PLANE.shape))
INSIDE = st.tuples(st.floats(4, 35), st.floats(4, 45))
ANYWHERE = st.tuples(st.floats(-20, 60), st.floats(-20, 70))


def along(
    line: Line, plane: NDArray[Any], selection: Selection = WHOLE, reduce: str = "mean"
) -> Any:
    """The profile, of the part of the plane that it says it needs."""
    part = line.within(selection)
    index = tuple(
        slice(item.start, item.stop, item.step) for item in part.items if isinstance(item, Span)
    )
    cells = plane[index].astype("f8")
    return profile(line, part, lambda rows, cols: cells[rows, cols], Reduce(reduce))


@given(INSIDE, INSIDE, st.integers(1, 6), st.sampled_from(["mean", "sum"]))
def test_profiles_are_those_of_scikit_image(one: Any, other: Any, width: int, reduce: str) -> None:
    measure = import_module("skimage.measure")
    reduced = {"mean": np.nanmean, "sum": np.nansum}[reduce]
    expected = measure.profile_line(
        PLANE, one, other, width, order=1, mode="constant", cval=np.nan, reduce_func=reduced
    )
    found = along(Line(one, other, width), PLANE, reduce=reduce)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(ANYWHERE, ANYWHERE, st.integers(1, 4))
def test_each_sample_is_bilinear_and_those_outside_are_left_out(
    one: Any, other: Any, width: int
) -> None:
    """By a function that is bilinear itself: interpolation gives back its own values."""
    rows, cols = np.indices(PLANE.shape)
    plane = 3.0 + 2.0 * rows - cols + 0.1 * rows * cols
    line = Line(one, other, width)
    length = hypot(one[0] - other[0], one[1] - other[1])
    count = ceil(length + 1)
    normal = (
        np.array([0.0, 0.0]) if not length else np.subtract(other, one)[::-1] / length * [1, -1]
    )
    if not length:
        normal = np.array([1.0, 0.0])
    expected = np.full(count, np.nan)
    near_border = np.zeros(count, bool)
    for at in range(count):
        middle = np.add(one, np.subtract(other, one) * (at / max(count - 1, 1)))
        samples = [middle + normal * (k - (width - 1) / 2) for k in range(width)]
        kept = [s for s in samples if 0 <= s[0] <= 39 and 0 <= s[1] <= 49]
        near_border[at] = any(
            min(abs(s[0]), abs(s[0] - 39), abs(s[1]), abs(s[1] - 49)) < 1e-6 for s in samples
        )
        if kept:
            expected[at] = np.mean([3 + 2 * r - c + 0.1 * r * c for r, c in kept])
    try:
        found = along(line, plane)
    except errors.BadRequest:
        assert np.isnan(expected[~near_border]).all()
        return
    assert found.shape == (count,)
    np.testing.assert_allclose(found[~near_border], expected[~near_border], rtol=1e-6, atol=1e-6)


def test_along_a_row_and_a_column_are_the_values_themselves() -> None:
    plane = PLANE.copy()
    plane[11] = np.nan
    np.testing.assert_array_equal(along(Line((10, 3), (10, 20)), plane), PLANE[10, 3:21])
    np.testing.assert_array_equal(along(Line((9, 49), (0, 49)), plane), PLANE[9::-1, 49])
    np.testing.assert_array_equal(along(Line((0, 0), (0, 49)), plane), PLANE[0])
    np.testing.assert_array_equal(along(Line((3, 3), (3, 3)), plane), [PLANE[3, 3]])
    # At the border every one of the parallel lines counts that is on the slice.
    np.testing.assert_allclose(along(Line((0, 1), (10, 1), 3), PLANE), PLANE[:11, :3].mean(1))
    np.testing.assert_allclose(along(Line((0, 0), (10, 0), 3), PLANE), PLANE[:11, :2].mean(1))
    np.testing.assert_allclose(
        along(Line((10.25, 3), (10.25, 20)), PLANE), 0.75 * PLANE[10, 3:21] + 0.25 * PLANE[11, 3:21]
    )


def test_missing_values_are_left_out() -> None:
    plane = PLANE.copy()
    plane[10, 5:8] = np.nan
    expected = PLANE[10, 3:21].copy()
    expected[2:5] = np.nan
    for reduce in ("mean", "sum"):
        np.testing.assert_array_equal(
            along(Line((10, 3), (10, 20)), plane, reduce=reduce), expected
        )
    wide = along(Line((10, 3), (10, 20), 3), plane)
    np.testing.assert_allclose(wide, np.nanmean(plane[9:12, 3:21], axis=0))
    total = along(Line((10, 3), (10, 20), 3), plane, reduce="sum")
    np.testing.assert_allclose(total, np.nansum(plane[9:12, 3:21], axis=0))
    # A voxel with a weight that is missing makes a sample missing.
    assert np.isnan(along(Line((9.5, 6), (9.5, 7)), plane)).all()


def test_a_part_and_a_step() -> None:
    part = parse("0,10:30:2,5:45:4", (1, *PLANE.shape))
    found = along(Line((12, 5), (12, 41)), PLANE, part)
    np.testing.assert_array_equal(found[::4], PLANE[12, 5:42:4])
    np.testing.assert_allclose(found[1::4], 0.75 * PLANE[12, 5:41:4] + 0.25 * PLANE[12, 9:42:4])
    outside = along(Line((12, 0), (12, 49)), PLANE, part)
    assert np.isnan(outside[:5]).all()
    assert np.isnan(outside[42:]).all()


def test_only_what_is_needed_is_read() -> None:
    part = Line((10.5, 3), (12, 20), 3).within(parse("0,:,:", (1, 4000, 5000)))
    assert part.row_span.cells <= 6
    assert part.col_span.cells <= 20


@pytest.mark.parametrize("points", [((-5, 0), (-1, 9)), ((0, 50), (9, 60)), ((40, 1), (40, 2))])
def test_a_line_has_to_be_on_the_slice(points: Any) -> None:
    with pytest.raises(errors.BadRequest, match="outside"):
        Line(*points).within(WHOLE)


def test_lines_have_a_bounded_cost() -> None:
    with pytest.raises(errors.TooLarge, match="positions"):
        Line((0.0, 0.0), (0.0, MAX_POSITIONS + 1.0))
    with pytest.raises(errors.TooLarge, match="width"):
        Line((0.0, 0.0), (0.0, MAX_SAMPLES / 900), 1000)
    with pytest.raises(errors.TooLarge):
        Line((-(2.0**50), 0.0), (2.0**50, 0.0))


UM, MM, S = Step(2.0, "µm"), Step(0.001, "mm"), Step(0.1, "s")


@pytest.mark.parametrize(
    ("size", "delta", "expected"),
    [
        (VoxelSize(UM, UM), (3, 4), (10.0, "µm")),
        (VoxelSize(UM, MM), (3, 8), (10.0, "µm")),
        (VoxelSize(UM, S), (3, 4), (5.0, None)),
        (VoxelSize(UM, S), (-3, 0), (6.0, "µm")),
        (VoxelSize(UM, S), (0, -30), (3.0, "s")),
        (VoxelSize(UM, None), (3, 0), (6.0, "µm")),
        (VoxelSize(UM, None), (0, 3), (3.0, None)),
        (VoxelSize(UM, UM), (0, 0), (0.0, "µm")),
        (VoxelSize(), (3, 4), (5.0, None)),
    ],
)
def test_distances(size: VoxelSize, delta: Any, expected: Any) -> None:
    length, unit = size.distance(*delta)
    assert (pytest.approx(length), unit) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (VoxelSize(UM, UM), (40.0, "µm²")),
        (VoxelSize(UM, MM), (20.0, "µm²")),
        (VoxelSize(UM, S), (2.0, "µm·s")),
        (VoxelSize(Step(1.0, "1/m"), Step(2.0, "1/m")), (20.0, "(1/m)²")),
        (VoxelSize(UM, None), (10.0, None)),
        (VoxelSize(), (10.0, None)),
    ],
)
def test_areas(size: VoxelSize, expected: Any) -> None:
    area, unit = size.area(10)
    assert (pytest.approx(area), unit) == expected
