"""Parameters of exports, as those of other requests in `web/query.py`."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

from dashboard import errors
from dashboard.addressing.box import Box, parse_box
from dashboard.addressing.selection import Span
from dashboard.catalog.volume import Volume
from dashboard.export.export import ExportAddress
from dashboard.export.export_format import ExportFormat
from dashboard.export.formats import Axis
from dashboard.frames.unpacking import Packing
from dashboard.web.parameters import Choice, Parameter, Required
from dashboard.web.query import DECODE, VOLUME

PART_OF_VOLUME: Final = Required(
    name="selection",
    text=(
        "A NumPy index with at least two slices and otherwise integers, such as `100:200,:,:` or"
        " `700,100:900,50:850`; with a step k, every k-th voxel is taken."
    ),
    example="60:64,:,:",
)
EXPORT_FORMAT: Final = Choice(
    name="format",
    first=ExportFormat.NPY,
    text=(
        "`npy`: a NumPy file; `tiff`: a page for each plane; `csv`: lines of numbers, of two slices alone; `h5`:"
        " an HDF5 file with the dataset's name and attributes."
    ),
)
FIRST_AXIS: Final = Parameter(
    name="axis",
    text=(
        "The dimension that is written first, such as that of a TIFF's pages; without it, the order is that of the"
        " dataset."
    ),
    type=Annotated[int, Field(ge=0, le=99)],
)
COLORS: Final = Parameter(
    name="channels",
    text="A dimension of three or four colours of which the selection has all: a TIFF is in colours.",
    type=Annotated[int, Field(ge=0, le=99)],
)
EXPORT: Final = (*VOLUME, PART_OF_VOLUME, EXPORT_FORMAT, FIRST_AXIS, COLORS, DECODE)


def export_address(
    volume: Volume, packing: Packing | None, axes: tuple[Axis, ...]
) -> ExportAddress:
    """The part of a volume that is to be exported, unpacked if `packing` is given, and its format."""
    text = FIRST_AXIS.given()
    if text is not None and not re.fullmatch(r"[0-9]{1,2}", text, re.ASCII):
        raise errors.BadRequest("The axis is the number of a dimension.")
    first = None if text is None else int(text)
    format_ = EXPORT_FORMAT.value()
    if format_ is ExportFormat.HDF5 and first:
        raise errors.BadRequest("An HDF5 file has the dataset's own order: leave out the axis.")
    box = parse_box(PART_OF_VOLUME.value(), volume.shape, first)
    return ExportAddress(volume, box, format_, axes, packing, _channels(box, volume))


def _channels(box: Box, volume: Volume) -> int | None:
    text = COLORS.given()
    if text is None:
        return None
    whole = [str(d) for d in box.order if box.span(d) == Span(0, volume.shape[d])]
    fits = [d for d in whole if volume.shape[int(d)] in (3, 4)]
    if text not in fits or len(box.order) < 3:
        among = " or ".join(fits) or "none here"
        raise errors.BadRequest(
            f"The channels are a dimension of three or four of which the selection has all ({among})."
        )
    return int(text)
