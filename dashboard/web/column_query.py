"""Parameters of columns, as those of other requests in `web/query.py`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from dashboard import errors
from dashboard.addressing.selection import Selection, Span, parse, parse_index
from dashboard.analysis.column import ColumnAddress, Region
from dashboard.analysis.shapes import Shape, parse_named_shape
from dashboard.catalog.volume import Volume
from dashboard.frames.unpacking import Packing
from dashboard.web.parameters import Flag, Parameter, Required
from dashboard.web.query import DECODE, PART, VOLUME

COLUMN_AXIS: Final = Required(
    name="axis",
    text="The dimension along which the column runs.",
    type=Annotated[int, Field(ge=0, le=99)],
    example=0,
)
AT: Final = Parameter(
    name="at",
    text=(
        "An integer for each dimension: the voxel through which the column runs, and along the axis where it"
        " begins; that of the axis may be left out. With a region, those of its dimensions are not looked at."
    ),
    example="64,10,20",
)
REGION: Final = Parameter(
    name="region",
    text=(
        "A region of a plane, through whose voxels the column runs: `rectangle:R,C,R,C` or `ellipse:R,C,R,C` by"
        " two opposite corners, or `polygon:R,C,R,C,R,C` by its vertices, in voxels; without a name a rectangle."
    ),
)
REGION_SLICE: Final = Parameter(
    name="selection",
    text=(
        "With a region, the slice that it lies in, such as `64,:,:`: its index along the axis is where the column"
        " begins. Without it, the region lies in the last two dimensions beside the axis."
    ),
)
CACHED: Final = Flag(
    name="cached",
    text="1 for the lines of slices that are in the brick cache alone, or of a column that was read before.",
)
COLUMN: Final = (*VOLUME, COLUMN_AXIS, AT, REGION, REGION_SLICE, CACHED, PART, DECODE)


def column_address(volume: Volume, packing: Packing | None, most: int) -> ColumnAddress:
    """The column that is asked for, unpacked if `packing` is given; a region has at most `most` voxels."""
    rank = len(volume.shape)
    text = COLUMN_AXIS.value()
    if not re.fullmatch(r"[0-9]{1,2}", text, re.ASCII) or int(text) >= rank:
        raise errors.BadRequest(f"The axis is a dimension of the dataset, from 0 to {rank - 1}.")
    axis = int(text)
    at, region, plane_text = AT.given(), REGION.given(), REGION_SLICE.given()
    if region is None:
        index = _index(volume, axis, at)
        return ColumnAddress(volume, axis, index, None, packing, PART.value())
    if rank < 3:
        raise errors.BadRequest(
            "A region needs two dimensions beside the axis; ask for a voxel (at)."
        )
    index, plane = _plane(volume, axis, at, plane_text)
    items = [Span(0, volume.shape[dim]) if dim in plane else at for dim, at in enumerate(index)]
    there = _voxels(parse_named_shape(region), Selection(tuple(items)), most)
    return ColumnAddress(volume, axis, index, there, packing, PART.value())


def _voxels(shape: Shape, plane: Selection, most: int) -> Region:
    """The voxels of a plane that belong to a shape."""
    part = shape.within(plane)
    rows, cols = part.shape
    if rows * cols > most:
        raise errors.TooLarge(
            f"The region's rectangle has {rows * cols:,} voxels, and one has at most {most:,}."
        )
    mask = shape.mask(part)
    if not mask.any():
        raise errors.BadRequest("The region has no voxel: none has its centre in it.")
    return Region(*part.plane, part.row_span.start, part.col_span.start, mask)


def _index(volume: Volume, axis: int, text: str | None) -> tuple[int, ...]:
    """The voxel `at`, which begins at the first index where that of the axis is left out."""
    if not text:
        raise errors.BadRequest("A column runs through a voxel (at) or a region.")
    if text.count(",") == len(volume.shape) - 2:
        fields = text.split(",")
        text = ",".join((*fields[:axis], "0", *fields[axis:]))
    return parse_index(text, volume.shape)


def _plane(
    volume: Volume, axis: int, at: str | None, text: str | None
) -> tuple[tuple[int, ...], tuple[int, int]]:
    """(an index whose entries of the other dimensions are those of the region's plane, the plane's dimensions)."""
    if text is not None:
        chosen = parse(text, volume.shape)
        if axis in chosen.plane:
            raise errors.BadRequest("The axis is a dimension that the selection fixes.")
        return tuple(i if isinstance(i, int) else i.start for i in chosen.items), chosen.plane
    rows, cols = [dim for dim in range(len(volume.shape)) if dim != axis][-2:]
    if at is None and len(volume.shape) == 3:
        return (0, 0, 0), (rows, cols)
    return _index(volume, axis, at), (rows, cols)
