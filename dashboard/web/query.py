"""Parameters of a request for the HTTP interface: parsed and validated, `BadRequest` for malformed ones."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import Annotated, TypeVar

import flask
from pydantic import BaseModel, ConfigDict, Field, ValidationError

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
from dashboard.frames.quantize import Norm
from dashboard.frames.renderer import SliceAddress
from dashboard.frames.window import parse_window
from dashboard.telemetry.aggregates import MAX_GROUP_NAME
from dashboard.telemetry.groups import By

T = TypeVar("T", bound=StrEnum)
Model = TypeVar("Model", bound=BaseModel)

MAX_PAUSE_S = 3_600.0
MAX_STEP_S = 366 * 86_400


class TextFormat(StrEnum):
    """Formats of tables."""

    JSON = "json"
    CSV = "csv"


def required(name: str) -> str:
    """A parameter that has to be given."""
    value = flask.request.args.get(name)
    if not value:
        raise errors.BadRequest(f"The parameter {name!r} is missing.")
    return value


def choice(kind: type[T], name: str, default: T) -> T:
    """A parameter with the values of an enumeration."""
    text = flask.request.args.get(name)
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError:
        allowed = ", ".join(kind)
        raise errors.BadRequest(f"The parameter {name!r} is one of {allowed}.") from None


def flag(name: str) -> bool:
    """A parameter that is 0 (the default) or 1."""
    text = flask.request.args.get(name, "0")
    if text not in ("0", "1"):
        raise errors.BadRequest(f"The parameter {name!r} is 0 or 1.")
    return text == "1"


def requester() -> Requester:
    """Who asks: a viewer for what it shows, a viewer's page for what it may show next, or a script."""
    viewer = flask.request.args.get("viewer")
    if viewer is not None and not VIEWER_ID.fullmatch(viewer):
        raise errors.BadRequest("A viewer's id has 1 to 64 letters, digits, - and _.")
    return Requester(Purpose.PREFETCH_MOVING if flag("ahead") else Purpose.DEMAND, viewer)


def chosen_slice(volume: Volume) -> Selection:
    """The selection in a volume."""
    return selection.parse(required("selection"), volume.shape)


def slice_address(volume: Volume) -> SliceAddress:
    """The slice of a volume with its encoding, window, norm and pooling."""
    norm = choice(Norm, "norm", Norm.LINEAR)
    return SliceAddress(
        volume=volume,
        selection=chosen_slice(volume),
        format=choice(Format, "format", Format.RAW),
        window=parse_window(flask.request.args.get("window", "volume"), norm),
        norm=norm,
        pool=choice(PoolMode, "pool", PoolMode.NEAREST),
        part=choice(ComplexPart, "part", ComplexPart.ABS),
    )


def prefetch_pause() -> tuple[str, float]:
    """The viewer for which prefetching is paused, and for how long (s), from the body of a request."""
    pause = _body(_Pause)
    return pause.viewer, pause.pause_s


def dropped() -> tuple[str, str | None]:
    """The volume and the axis, if one is given, whose bricks are dropped, from the body of a request."""
    given = _body(_Dropped)
    return given.volume, given.axis


def _body(model: type[Model]) -> Model:
    try:
        return model.model_validate_json(flask.request.get_data())
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise errors.BadRequest(f"Malformed at {where}: {fault['msg'].lower()}.") from None


class _Dropped(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    volume: Annotated[str, Field(max_length=MAX_GROUP_NAME)]
    axis: Annotated[str, Field(max_length=MAX_GROUP_NAME)] | None = None


class _Pause(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    pause_s: Annotated[float, Field(ge=0, le=MAX_PAUSE_S, allow_inf_nan=False)]


def axis(chosen: Selection) -> int:
    """A dimension that the selection fixes."""
    text = required("axis")
    fixed = sorted(chosen.fixed)
    if not re.fullmatch(r"-?[0-9]{1,2}", text, re.ASCII) or int(text) not in fixed:
        among = " or ".join(map(str, fixed)) or "none: the dataset has two dimensions"
        raise errors.BadRequest(f"The axis is a dimension that the selection fixes ({among}).")
    return int(text)


def window_seconds() -> float | None:
    """The window of statistics (s), 300 by default; None for all of them."""
    text = flask.request.args.get("window", "300")
    if text == "all":
        return None
    seconds = _number(text)
    if seconds is None or seconds <= 0:
        raise errors.BadRequest("The window is 'all' or a number of seconds above 0.")
    return seconds


def breakdown() -> By | None:
    """What statistics are to be broken down by."""
    return choice(By, "by", By.VOLUME) if "by" in flask.request.args else None


def has_time_span() -> bool:
    """Whether a time span is asked for; raises `BadRequest` beside a window."""
    given = bool({"from", "to"} & flask.request.args.keys())
    if given and "window" in flask.request.args:
        raise errors.BadRequest("Statistics are of a window, or between 'from' and 'to'.")
    return given


def time_span(default_s: float) -> tuple[float, float]:
    """Start and end of a time span: Unix time (s), or 0 and below, seconds before now."""
    texts = {"from": f"{-default_s}", "to": "0"}
    found = [_number(flask.request.args.get(name, text)) for name, text in texts.items()]
    start, end = found
    if start is None or end is None:
        raise errors.BadRequest(
            "The parameters 'from' and 'to' are Unix times in seconds, or negative: seconds before now."
        )
    return start, end


def whole_number(name: str, largest: int) -> int | None:
    """A parameter that is a whole number from 1 to `largest`; None without it."""
    text = flask.request.args.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text, re.ASCII) or not 1 <= int(text) <= largest:
        raise errors.BadRequest(f"The parameter {name!r} is a whole number from 1 to {largest}.")
    return int(text)


def _number(text: str) -> float | None:
    """A finite number; None for anything else."""
    try:
        number = parse_number(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
