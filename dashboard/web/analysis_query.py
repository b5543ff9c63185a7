"""Parameters of requests for figures of slices, as those of other requests in `web/query.py`."""

from __future__ import annotations

from enum import StrEnum
from math import isfinite
from typing import Annotated, Final

from pydantic import Field

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.numbers import parse_number
from dashboard.addressing.selection import Selection
from dashboard.analysis.line_profile import MAX_WIDTH, Line, Reduce
from dashboard.analysis.shapes import Point, Shape, ShapeKind, parse_points, parse_shape
from dashboard.catalog.volume import Volume
from dashboard.web.parameters import Choice, Parameter, Required, WholeNumber
from dashboard.web.query import DECODE, PART, PROJECT, PROJECT_AXIS, SELECTION, VOLUME

MAX_BINS: Final = 65_536
DEFAULT_BINS: Final = 256


class Extent(StrEnum):
    """What a histogram is of."""

    SLICE = "slice"
    VOLUME = "volume"


EXTENT: Final = Choice(
    name="scope",
    first=Extent.SLICE,
    text="The slice that `selection` names, or the volume as far as it has been decoded.",
)
SLICE_OF_HISTOGRAM: Final = Parameter(
    name="selection",
    text=f"{SELECTION.text[:-1]}; not of a volume.",
    example=SELECTION.example,
)
BINS: Final = WholeNumber(
    name="bins",
    largest=MAX_BINS,
    text="The number of bins; fewer where the values are integers of a smaller range.",
    default=DEFAULT_BINS,
)
RANGE: Final = Parameter(
    name="range",
    text="The outer edges of the bins, `LO,HI`; without it, that of the values.",
    type=Annotated[str, Field(pattern=r"^[^,]+,[^,]+$")],
)
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
POINTS_OF_HISTOGRAM: Final = Parameter(
    name="points",
    text="Points of a region of the slice, as for `/api/v1/region`; without them, all of it.",
    example=POINTS.example,
)
SOURCE: Final = (*VOLUME, SELECTION, PART, DECODE, PROJECT, PROJECT_AXIS)
HISTOGRAM: Final = (
    *(*VOLUME, SLICE_OF_HISTOGRAM, EXTENT, BINS, RANGE),
    *(SHAPE, POINTS_OF_HISTOGRAM, PART, DECODE, PROJECT, PROJECT_AXIS),
)
PROFILE: Final = (*SOURCE, LINE_START, LINE_END, WIDTH, REDUCE)
REGION: Final = (*SOURCE, SHAPE, POINTS)


def slice_of_histogram(volume: Volume) -> Selection:
    """The slice in a volume; raises `BadRequest` without one."""
    text = SLICE_OF_HISTOGRAM.given()
    if not text:
        raise errors.BadRequest("The parameter 'selection' is missing.")
    return selection.parse(text, volume.shape)


def value_range() -> tuple[float, float] | None:
    """The outer edges of the bins of a histogram; None without any."""
    text = RANGE.given()
    if text is None:
        return None
    try:
        low, high = map(parse_number, text.split(","))
    except ValueError:
        raise errors.BadRequest("A range is LO,HI with two numbers.") from None
    if not (isfinite(low) and isfinite(high)):
        raise errors.BadRequest("The ends of a range are finite numbers.")
    if low >= high:
        raise errors.BadRequest("The lower end of a range lies below the upper one.")
    return low, high


def line() -> Line:
    """The line of a profile."""
    return Line(_point(LINE_START), _point(LINE_END), WIDTH.value() or 1)


def shape() -> Shape:
    """The shape of a region."""
    return parse_shape(SHAPE.value(), POINTS.value())


def shape_of_histogram() -> Shape | None:
    """The shape that a histogram is of; None for a whole slice. Raises `BadRequest` for one of a volume."""
    kind, text = SHAPE.value(), POINTS_OF_HISTOGRAM.given()
    if text is None:
        return None
    if EXTENT.value() is Extent.VOLUME:
        raise errors.BadRequest("A region lies on a slice: leave out its points for the volume.")
    return parse_shape(kind, text)


def _point(parameter: Required) -> Point:
    points = parse_points(parameter.value())
    if len(points) != 1:
        raise errors.BadRequest(f"The parameter {parameter.name!r} is one point, R,C.")
    return points[0]
