"""Bodies of requests as types, from which the description of the interface is made, and how they are read."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

import flask
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from dashboard import errors
from dashboard.addressing.requester import VIEWER_ID
from dashboard.addressing.selection import MAX_RANK
from dashboard.frames.complex_part import ComplexPart
from dashboard.jobs.job import MAX_BINS, MAX_SELECTION
from dashboard.people.bookmarks import LONGEST_NAME, LONGEST_NOTE
from dashboard.people.shares import LONGEST_DAYS
from dashboard.people.view import LONGEST
from dashboard.telemetry.aggregates import MAX_GROUP_NAME

Model = TypeVar("Model", bound=BaseModel)

MAX_PAUSE_S = 3_600.0


class Pause(BaseModel):
    """How long nothing is prefetched for a viewer (s); 0 ends a pause."""

    model_config = ConfigDict(extra="forbid", strict=True)

    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    pause_s: Annotated[float, Field(ge=0, le=MAX_PAUSE_S, allow_inf_nan=False)]


class DropRequest(BaseModel):
    """A volume, and the axis across which its bricks are dropped; without it, those across all axes.

    Both are called as `/api/v1/contents` lists them.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    volume: Annotated[str, Field(max_length=MAX_GROUP_NAME)]
    axis: Annotated[str, Field(max_length=MAX_GROUP_NAME)] | None = None


class WarmRequest(BaseModel):
    """A job: slices across an axis are decoded into the cache, all, or those from `start` to `stop`.

    `axis` is the dimension that these slices fix, such as `0`; of volumes with more than three dimensions several,
    such as `0,3`, of which the range is along the first, and `at` may give a position along each of the others. It
    is `none` for a volume of two dimensions.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["warm"]
    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    axis: Annotated[str, Field(max_length=32)]
    start: Annotated[int, Field(ge=0, lt=2**62)] = 0
    stop: Annotated[int, Field(ge=1, lt=2**62)] | None = None
    at: Annotated[list[Annotated[int, Field(ge=0, lt=2**62)]], Field(max_length=MAX_RANK)] = []


class StatisticsRequest(BaseModel):
    """A job: statistics of all values of a volume, unpacked with `decode`, and a histogram of `bins` bins.

    Of complex values, `part` is counted.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["statistics"]
    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    decode: bool = False
    part: Annotated[ComplexPart, Field(strict=False)] = ComplexPart.ABS
    bins: Annotated[int, Field(ge=1, le=MAX_BINS)] = 256


class ExportRequest(BaseModel):
    """A job: a part of a volume, a NumPy index as of exports, is written to a file.

    Its values are unpacked with `decode`, and dimension `axis` is written first, if it is given.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["export"]
    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    selection: Annotated[str, Field(max_length=MAX_SELECTION)]
    format: Literal["npy", "tiff", "h5"] = "npy"
    axis: Annotated[int, Field(ge=0, lt=MAX_RANK)] | None = None
    decode: bool = False


class JobRequest(
    RootModel[
        Annotated[WarmRequest | StatisticsRequest | ExportRequest, Field(discriminator="kind")]
    ]
):
    """What is to be done with a whole volume."""


class ShareRequest(BaseModel):
    """A view, for how many days its link is valid, and a note about its purpose."""

    model_config = ConfigDict(extra="forbid", strict=True)

    view: Annotated[str, Field(max_length=LONGEST + 1)]
    days: Annotated[float, Field(gt=0, le=LONGEST_DAYS, allow_inf_nan=False)] = 7.0
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""


class BookmarkRequest(BaseModel):
    """A view with a name and a note; `group` may see it as well, if it is not empty."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    view: Annotated[str, Field(max_length=LONGEST + 1)]
    note: Annotated[str, Field(max_length=LONGEST_NOTE)] = ""
    group: Annotated[str, Field(max_length=64)] = ""


def body(model: type[Model]) -> Model:
    """The body of the request in hand; raises `BadRequest` with the first fault."""
    try:
        return model.model_validate_json(flask.request.get_data())
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise errors.BadRequest(f"Malformed at {where}: {fault['msg'].lower()}.") from None
