"""Parameters of requests for figures of slices, as those of other requests in `web/query.py`."""

from __future__ import annotations

from typing import Final

from dashboard import errors
from dashboard.analysis.line_profile import MAX_WIDTH, Line, Reduce
from dashboard.analysis.shapes import Point, Shape, ShapeKind, parse_points, parse_shape
from dashboard.web.parameters import Choice, Required, WholeNumber
from dashboard.web.query import DECODE, PART, SELECTION, VOLUME

LINE_START: Final = Required(
    name="from",
    text=(
        "The first point of the line, `R,C`: voxels of the dataset along the rows and columns, which may have"
        " fractions."
    ),
    example="10,20",
)
LINE_END: Final = Required(name="to", text="Its last point, `R,C`.", example="30,25")
WIDTH: Final = WholeNumber(
    name="width",
    largest=MAX_WIDTH,
    text="Parallel lines, a voxel apart, whose samples are reduced to one value.",
    default=1,
)
REDUCE: Final = Choice(name="reduce", first=Reduce.MEAN, text="How they are reduced.")
SHAPE: Final = Choice(
    name="shape",
    first=ShapeKind.RECTANGLE,
    text="The kind of the region; an ellipse fills the rectangle of its points.",
)
POINTS: Final = Required(
    name="points",
    text=(
        "Points `R,C,R,C,…` in voxels of the dataset, which may have fractions: two opposite corners of a"
        " rectangle or ellipse, the vertices of a polygon."
    ),
    example="10,20,29.5,40",
)
SOURCE: Final = (*VOLUME, SELECTION, PART, DECODE)
PROFILE: Final = (*SOURCE, LINE_START, LINE_END, WIDTH, REDUCE)
REGION: Final = (*SOURCE, SHAPE, POINTS)


def line() -> Line:
    """The line of a profile."""
    return Line(_point(LINE_START), _point(LINE_END), WIDTH.value() or 1)


def shape() -> Shape:
    """The shape of a region."""
    return parse_shape(SHAPE.value(), POINTS.value())


def _point(parameter: Required) -> Point:
    points = parse_points(parameter.value())
    if len(points) != 1:
        raise errors.BadRequest(f"The parameter {parameter.name!r} is one point, R,C.")
    return points[0]
