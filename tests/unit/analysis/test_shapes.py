"""Shapes on a plane: the voxels whose centres lie in them, held against exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dashboard import errors
from dashboard.addressing.selection import Selection, Span, parse
from dashboard.analysis import shapes
from dashboard.analysis.shapes import Shape, ShapeKind, parse_named_shape, parse_points, parse_shape
from tests.examples import examples

WHOLE = Selection((3, Span(0, 12), Span(0, 14)))
HALVES = st.integers(-6, 32).map(lambda n: n / 2)
POINTS = st.tuples(HALVES, HALVES)
SPANS = st.builds(
    lambda start, cells, step, odd: Span(start, start + (cells - 1) * step + 1 + odd % step, step),
    *(st.integers(0, 5), st.integers(1, 12), st.integers(1, 4), st.integers(0, 3)),
)
SELECTIONS = st.builds(lambda rows, cols: Selection((rows, cols)), SPANS, SPANS)


def cells(selection: Selection) -> list[list[tuple[int, int]]]:
    rows, cols = selection.row_span, selection.col_span
    return [
        [(r, c) for c in range(cols.start, cols.stop, cols.step)]
        for r in range(rows.start, rows.stop, rows.step)
    ]


def in_ellipse(corners: Sequence[tuple[float, float]], at: tuple[int, int]) -> bool:
    total = Fraction(0)
    for side, x in zip(zip(*corners, strict=True), at, strict=True):
        low, high = (Fraction(end) for end in sorted(side))
        if not low <= x <= high:
            return False
        if low != high:
            total += ((2 * x - low - high) / (high - low)) ** 2
    return total <= 1


def in_polygon(points: Sequence[tuple[float, float]], at: tuple[int, int]) -> bool:
    """Enclosed an odd number of times, or on an edge; without rounding."""
    vertices = [(Fraction(r), Fraction(c)) for r, c in points]
    odd = False
    for (r0, c0), (r1, c1) in pairwise([*vertices, vertices[0]]):
        row, col = at
        cross = (r1 - r0) * (col - c0) - (c1 - c0) * (row - r0)
        if not cross and min(r0, r1) <= row <= max(r0, r1) and min(c0, c1) <= col <= max(c0, c1):
            return True
        if (r0 <= row) != (r1 <= row) and c0 + (row - r0) * (c1 - c0) / (r1 - r0) < col:
            odd = not odd
    return odd


def in_shape(shape: Shape, at: tuple[int, int]) -> bool:
    if shape.kind is ShapeKind.POLYGON:
        return in_polygon(shape.points, at)
    if shape.kind is ShapeKind.ELLIPSE:
        return in_ellipse(shape.points, at)
    return all(
        min(side) <= x <= max(side)
        for side, x in zip(zip(*shape.points, strict=True), at, strict=True)
    )


def check(shape: Shape, selection: Selection) -> None:
    """The mask is that of the definition, and the part within has all voxels of the shape."""
    expected = np.array([[in_shape(shape, at) for at in row] for row in cells(selection)])
    np.testing.assert_array_equal(shape.mask(selection), expected)
    try:
        part = shape.within(selection)
    except errors.BadRequest:
        assert not expected.any()
        return
    inside = {at for row in cells(selection) for at in row if in_shape(shape, at)}
    assert (
        inside
        <= {at for row in cells(part) for at in row}
        <= {at for row in cells(selection) for at in row}
    )
    found = shape.mask(part)
    assert found.shape == part.shape
    assert found.sum() == len(inside)


@given(st.sampled_from([ShapeKind.RECTANGLE, ShapeKind.ELLIPSE]), POINTS, POINTS, SELECTIONS)
@example(ShapeKind.ELLIPSE, (0.0, 0.0), (10.0, 10.0), WHOLE)
@example(ShapeKind.ELLIPSE, (3.0, 2.0), (3.0, 9.0), WHOLE)
@example(ShapeKind.ELLIPSE, (3.0, 2.0), (3.0, 2.0), WHOLE)
def test_rectangles_and_ellipses(
    kind: ShapeKind, one: Any, other: Any, selection: Selection
) -> None:
    check(Shape(kind, (one, other)), selection)


@settings(max_examples=examples(100))
@given(st.lists(POINTS, min_size=3, max_size=8), SELECTIONS)
@example([(1.0, 1.0), (1.0, 9.0), (9.0, 9.0), (9.0, 1.0)], WHOLE)
@example([(1.0, 1.0), (10.0, 9.0), (1.0, 9.0), (10.0, 1.0)], WHOLE)
@example([(2.0, 2.0), (5.0, 8.0), (2.0, 2.0)], WHOLE)
@example([(4.0, 1.0), (4.0, 5.0), (4.0, 9.0)], WHOLE)
def test_polygons(points: list[Any], selection: Selection) -> None:
    check(Shape(ShapeKind.POLYGON, tuple(points)), selection)


@settings(max_examples=examples(30))
@given(st.lists(st.tuples(st.floats(-3, 15), st.floats(-3, 15)), min_size=3, max_size=7))
def test_polygons_with_any_vertices(points: list[Any]) -> None:
    """Rounding matters on the border alone."""
    found = Shape(ShapeKind.POLYGON, tuple(points)).mask(WHOLE)
    for row in cells(WHOLE):
        for r, c in row:
            if found[r, c] != in_polygon(points, (r, c)):
                assert any(
                    distance((r, c), *edge) < 1e-9 for edge in pairwise([*points, points[0]])
                )


def distance(at: tuple[int, int], one: Any, other: Any) -> float:
    """From a point to a line segment."""
    along = np.subtract(other, one)
    share = np.clip(np.dot(np.subtract(at, one), along) / max(np.dot(along, along), 1e-300), 0, 1)
    return float(np.linalg.norm(np.subtract(at, np.add(one, share * along))))


def test_the_polygon_of_scikit_image() -> None:
    draw = import_module("skimage.draw")
    chance = np.random.default_rng(2)
    for _ in range(50):
        points = [(float(r), float(c)) for r, c in chance.integers(-4, 60, (6, 2))]
        expected = np.zeros((50, 55), bool)
        expected[draw.polygon(*zip(*points, strict=True), shape=expected.shape)] = True
        found = Shape(ShapeKind.POLYGON, tuple(points)).mask(parse(":,:", expected.shape))
        np.testing.assert_array_equal(found, expected)


def test_shapes_are_read_from_text() -> None:
    assert parse_shape(ShapeKind.ELLIPSE, "1,2,3.5,-4e0") == Shape(
        ShapeKind.ELLIPSE, ((1.0, 2.0), (3.5, -4.0))
    )
    assert parse_named_shape("1,2,3,4") == parse_named_shape("rectangle:1,2,3,4")
    assert parse_named_shape("polygon:0,0,0,9,9,0").kind is ShapeKind.POLYGON


@pytest.mark.parametrize(
    ("kind", "text", "word"),
    [
        ("rectangle", "", "none"),
        ("rectangle", "1,2,3", "left over"),
        ("rectangle", "1,2", "two points"),
        ("ellipse", "1,2,3,4,5,6", "two points"),
        ("polygon", "1,2,3,4", "three points"),
        ("rectangle", "1,2,3,x", "'x'"),
        ("rectangle", "1,2,3," + "9" * 400, "finite"),
        ("rectangle", "1,2,3,nan", "finite"),
        ("rectangle", "1,2,3,-inf", "finite"),
        ("rectangle", "1,2,3,1e16", "finite"),
        ("rectangle", "1,2,3,١", "none"),
        ("rectangle", "1,2;3,4", "none"),
        ("polygon", "1," * 5000 + "1", "at most"),
        ("polygon", "1" * 200_000, "at most"),
    ],
)
def test_malformed_points(kind: str, text: str, word: str) -> None:
    with pytest.raises(errors.BadRequest, match=word) as raised:
        parse_shape(ShapeKind(kind), text)
    assert len(raised.value.message) < 120


def test_a_region_has_to_be_on_the_slice() -> None:
    for text, word in (
        ("20,0,30,5", "outside"),
        ("-9,0,-1,5", "outside"),
        ("1.2,3,1.8,5", "no voxel"),
    ):
        with pytest.raises(errors.BadRequest, match=word):
            parse_shape(ShapeKind.RECTANGLE, text).within(WHOLE)
    with pytest.raises(errors.BadRequest, match="colon"):
        parse_named_shape("circle:1,2,3,4")
    assert parse_points("1,2") == ((1.0, 2.0),)


def test_a_polygon_has_a_bounded_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "MAX_CROSSINGS", 30)
    shape = parse_shape(ShapeKind.POLYGON, "0,0,11,3,0,6,11,9")
    with pytest.raises(errors.TooLarge, match="vertices"):
        shape.mask(WHOLE)
