"""Parameters of the HTTP interface: declared, and read as what they mean; `BadRequest` for malformed ones.

The description of the interface is made of the declarations (`web/openapi.py`).
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from dashboard import errors
from dashboard.addressing import selection
from dashboard.addressing.numbers import parse_number
from dashboard.addressing.outcomes import Purpose
from dashboard.addressing.requester import VIEWER_ID, Requester
from dashboard.addressing.selection import Selection
from dashboard.catalog.volume import Volume
from dashboard.frames.complex_part import ComplexPart
from dashboard.frames.encode import Format
from dashboard.frames.pooling import PoolMode
from dashboard.frames.projection import Projection, parse_projection
from dashboard.frames.quantize import Norm
from dashboard.frames.renderer import SliceAddress
from dashboard.frames.unpacking import Packing
from dashboard.frames.window import parse_window
from dashboard.telemetry.groups import By
from dashboard.telemetry.slice_lists import Order
from dashboard.telemetry.slice_rows import SLOWEST
from dashboard.web.parameters import Choice, Count, Flag, Parameter, Required, WholeNumber

MAX_STEP_S = 366 * 86_400
LARGEST_INDEX = 10**18 - 1


class TextFormat(StrEnum):
    """Formats of tables."""

    JSON = "json"
    CSV = "csv"


# What is listed under an id.
ID: Final = Required(
    name="id",
    text="Its id, as the list has it.",
    type=Annotated[str, Field(pattern="^[0-9a-f]{16}$")],
)
# What is asked about.
FILE: Final = Required(
    name="file", text="Name of a file, as `/api/v1/files` lists it.", example="demo.h5"
)
DATASET: Final = Required(name="dataset", text="Path of a dataset in the file.", example="/volume")
ONE_DATASET: Final = Parameter(
    name="dataset", text="Path of one dataset, by any of its names; without it, all are listed."
)
PATH: Final = Required(
    name="path",
    text="Absolute path of a group or dataset in the file; `/` is the root.",
    example="/volume",
)
SELECTION: Final = Required(
    name="selection",
    text=(
        "A NumPy index with exactly two slices and otherwise integers, such as `700,:,:` or"
        " `700,100:900:2,50:850:2`; a step is a level of detail."
    ),
    example="64,:,:",
)
INDEX: Final = Required(
    name="index",
    text="An integer for each dimension, such as `3,700,-1`.",
    example="64,10,20",
)
AXIS: Final = Required(
    name="axis",
    text="A dimension that the selection fixes.",
    type=Annotated[int, Field(ge=0, le=99)],
    example=0,
)
DECODE: Final = Flag(
    name="decode",
    text=(
        "1 for values as their attributes mean them: unpacked by scale and offset, NaN where they are missing or"
        " not valid."
    ),
)
CHANNELS: Final = Parameter(
    name="channels",
    text="A dimension of three or four colours that the selection fixes: all of them are returned.",
    type=Annotated[int, Field(ge=0, le=99)],
)

# Rows of curves, tables, text and single values.
START: Final = Count(name="start", largest=LARGEST_INDEX, text="The first row.", default=0)
STOP: Final = Count(
    name="stop",
    largest=LARGEST_INDEX,
    text="One beyond the last row; without it 100 rows, and with `format=csv` all of them.",
)
COLUMNS: Final = Parameter(
    name="columns",
    text=(
        "Names of columns, or ranges of their numbers `A:B`, separated by commas; without it the first 64, with"
        " `format=csv` the first 1,000."
    ),
    example="0:2",
)
ROWS_FORMAT: Final = Choice(
    name="format", first=TextFormat.JSON, text="A window as JSON, or all rows as CSV."
)

# How a slice is shown, and the viewer.
FORMAT: Final = Choice(
    name="format",
    first=Format.RAW,
    text=(
        "`raw`: the values row by row, little-endian, in the dataset's own type, bool as uint8 and of complex"
        " values `part`; `u8`: quantized to 0…254, with 255 for missing values; `npy`: a NumPy file of the"
        " values; `png`: a grey picture of `u8`."
    ),
)
WINDOW: Final = Parameter(
    name="window",
    text=(
        "The range of values that is mapped to 0…254: percentiles of the volume, the slice's own minimum and"
        " maximum, or two numbers `LO,HI`."
    ),
    type=Literal["volume", "slice"] | Annotated[str, Field(pattern=r"^[^,]+,[^,]+$")],
    default="volume",
)
NORM: Final = Choice(
    name="norm", first=Norm.LINEAR, text="Applied to the values before the window is mapped."
)
POOL: Final = Choice(
    name="pool",
    first=PoolMode.NEAREST,
    text="How a step of the selection makes one cell of a block of voxels.",
)
PART: Final = Choice(name="part", first=ComplexPart.ABS, text="What of complex values is shown.")
PROJECT: Final = Parameter(
    name="project",
    text=(
        "A reduction and a number of slices, such as `mean:9`: that many slices, centred on the selection's and"
        " cut at the ends, are reduced to one; of an even number, one more lies below than above. `max` and `min`"
        " have the values' type, `sum` that of `np.sum`, `mean` and `sd` (population) of integers float32. With"
        " `decode=1` missing values do not count."
    ),
    type=Annotated[str, Field(pattern=r"^(mean|max|min|sum|sd):[0-9]{1,9}$")],
)
PROJECT_AXIS: Final = Parameter(
    name="axis",
    text="The dimension across which slices are projected, which the selection fixes; without it, the first.",
    type=Annotated[int, Field(ge=0, le=99)],
)
VIEWER: Final = Parameter(
    name="viewer",
    text=(
        "The viewer whose demand this is. Without it a slice is served, and neither counted nor used for planning."
    ),
    type=Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")],
)
OWN_VIEWER: Final = Parameter(
    name="viewer",
    text="The person's own viewer: of other people's, an admin alone gets the names.",
)
AHEAD: Final = Flag(name="ahead", text="1 for a slice that the page fetches in advance.")
BESIDE: Final = Flag(
    name="beside",
    text="1 for a slice beside the viewer's main picture: it is planned for by itself.",
)
COMPRESS: Final = Flag(
    name="compress",
    text=(
        "1 for a body in gzip on a slow link, where the request accepts that. Of `raw` values all first bytes come"
        " first then (`X-Slice-Shuffled`)."
    ),
)

SLAB: Final = Parameter(
    name="slab",
    text=(
        "By what a load balancer chooses a machine: a hash of file, dataset and, for each dimension that the"
        " selection fixes, `index // slab` of `/datasets`. It means nothing to the server."
    ),
)

VOLUME: Final = (FILE, DATASET)
SLICE: Final = (
    *(FILE, DATASET, SELECTION, FORMAT, WINDOW, NORM, POOL, PART, DECODE, CHANNELS),
    *(PROJECT, PROJECT_AXIS, VIEWER, AHEAD, BESIDE, SLAB, COMPRESS),
)

# Statistics.
SECONDS: Final = Parameter(
    name="window",
    text="Seconds until now, or `all` since the statistics began; not beside `from` and `to`.",
    type=Literal["all"] | Annotated[float, Field(gt=0)],
    default=300,
)
BY: Final = Choice(
    name="by",
    first=By.VOLUME,
    optional=True,
    text="What the statistics are broken down by; without it, they are not.",
)
FROM: Final = Parameter(
    name="from",
    text="Start: Unix time in seconds, or 0 and below for seconds before now.",
    type=float,
)
TO: Final = Parameter(name="to", text="End, like `from`; now without it.", type=float)
STEP: Final = WholeNumber(
    name="step",
    largest=MAX_STEP_S,
    text="Seconds of a step; without it, the smallest with which the response is short.",
)
TEXT_FORMAT: Final = Choice(
    name="format", first=TextFormat.JSON, text="JSON, or CSV with a column for each list."
)
HISTOGRAM: Final = Flag(
    name="histogram", text="1 for distributions in place of stages, counters and gauges."
)
MOST: Final = WholeNumber(
    name="n", largest=SLOWEST, text=f"How many are listed; {SLOWEST} without it."
)
ORDER: Final = Choice(
    name="order", first=Order.SLOWEST, text="Which come first, and are listed where not all are."
)


def requester() -> Requester:
    """Who asks: a viewer for what it shows, a viewer's page for what it may show next, or a script."""
    viewer = VIEWER.given()
    if viewer is not None and not VIEWER_ID.fullmatch(viewer):
        raise errors.BadRequest("A viewer's id has 1 to 64 letters, digits, - and _.")
    return Requester(Purpose.PREFETCH_MOVING if AHEAD.value() else Purpose.DEMAND, viewer)


def chosen_slice(volume: Volume) -> Selection:
    """The selection in a volume."""
    return selection.parse(SELECTION.value(), volume.shape)


def slice_address(volume: Volume, packing: Packing | None) -> SliceAddress:
    """The slice of a volume with its encoding, window, norm and pooling, unpacked if `packing` is given."""
    norm = NORM.value()
    chosen = chosen_slice(volume)
    channels = _channels(volume, chosen)
    return SliceAddress(
        volume=volume,
        # One address, whatever index of the channels was given.
        selection=chosen if channels is None else chosen.at(channels, 0),
        format=FORMAT.value(),
        window=parse_window(_or(WINDOW.given(), "volume"), norm),
        norm=norm,
        pool=POOL.value(),
        part=PART.value(),
        packing=packing,
        channels=channels,
        projection=projection(volume, chosen, channels),
    )


def projection(volume: Volume, chosen: Selection, channels: int | None = None) -> Projection | None:
    """The projection of the slices around a selection; None without one."""
    text = PROJECT.given()
    if text is None:
        return None
    across = [dim for dim in sorted(chosen.fixed) if dim != channels]
    if not across:
        raise errors.BadRequest("There is no dimension across which slices could be projected.")
    axis = _fixed_dimension(PROJECT_AXIS.given(), across)
    return parse_projection(text, axis, volume.shape[axis], skips_missing=DECODE.value())


def _channels(volume: Volume, chosen: Selection) -> int | None:
    text = CHANNELS.given()
    if text is None:
        return None
    fits = [str(d) for d in sorted(chosen.fixed) if volume.shape[d] in (3, 4)]
    if text not in fits:
        among = " or ".join(fits) or "none here"
        raise errors.BadRequest(
            f"The channels are a dimension of three or four that the selection fixes ({among})."
        )
    return int(text)


def axis(chosen: Selection) -> int:
    """A dimension that the selection fixes."""
    return _fixed_dimension(AXIS.value(), sorted(chosen.fixed))


def _fixed_dimension(text: str | None, fixed: list[int]) -> int:
    """One of the dimensions `fixed`, the first without a text."""
    if text is None:
        return fixed[0]
    if not re.fullmatch(r"-?[0-9]{1,2}", text, re.ASCII) or int(text) not in fixed:
        among = " or ".join(map(str, fixed)) or "none: the dataset has two dimensions"
        raise errors.BadRequest(f"The axis is a dimension that the selection fixes ({among}).")
    return int(text)


def window_seconds() -> float | None:
    """The window of statistics (s), 300 by default; None for all of them."""
    text = _or(SECONDS.given(), "300")
    if text == "all":
        return None
    seconds = _number(text)
    if seconds is None or seconds <= 0:
        raise errors.BadRequest("The window is 'all' or a number of seconds above 0.")
    return seconds


def breakdown() -> By | None:
    """What statistics are to be broken down by."""
    return None if BY.given() is None else BY.value()


def has_time_span() -> bool:
    """Whether a time span is asked for; raises `BadRequest` beside a window."""
    given = FROM.given() is not None or TO.given() is not None
    if given and SECONDS.given() is not None:
        raise errors.BadRequest("Statistics are of a window, or between 'from' and 'to'.")
    return given


def time_span(default_s: float) -> tuple[float, float]:
    """Start and end of a time span: Unix time (s), or 0 and below, seconds before now."""
    start, end = (
        _number(_or(one.given(), text)) for one, text in ((FROM, f"{-default_s}"), (TO, "0"))
    )
    if start is None or end is None:
        raise errors.BadRequest(
            "The parameters 'from' and 'to' are Unix times in seconds, or negative: seconds before now."
        )
    return start, end


def _or(text: str | None, default: str) -> str:
    return default if text is None else text


def _number(text: str) -> float | None:
    """A finite number; None for anything else."""
    try:
        number = parse_number(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
