"""Validation of the reports that pages send about the slices they painted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.addressing.outcomes import Outcome, Stage
from dashboard.addressing.requester import VIEWER_ID
from dashboard.addressing.selection import MAX_RANK
from dashboard.errors import BadRequest

# Longer durations are not of the pipeline: a suspended laptop, for instance.
Milliseconds = Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)]


class PaintedSlice(BaseModel):
    """One painted slice; times in ms."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    selection: Annotated[str, Field(max_length=400)]
    index: Annotated[int, Field(ge=0)] | None = None
    axis: Annotated[int, Field(ge=0, lt=MAX_RANK)] | None = None
    source: Literal["ring", "frames", "bricks", "coalesced", "miss"]
    # `X-Volume-Version` of the slice's answer, where the page sends it along.
    version: Annotated[str, Field(max_length=64)] | None = None
    # Whether the slice was decoded ahead, and this is the first time that it is wanted.
    prefetched: bool = False
    # Whether the page shows it beside its main picture.
    beside: bool = False
    perceived_ms: Milliseconds | None = None
    waited_ms: Milliseconds | None = None
    transfer_ms: Milliseconds | None = None
    convert_ms: Milliseconds | None = None
    draw_ms: Milliseconds | None = None
    display_ms: Milliseconds | None = None

    @property
    def seconds(self) -> dict[Stage, float]:
        """The browser's stages in seconds."""
        stages = {
            Stage.WAITED: self.waited_ms,
            Stage.TRANSFER: self.transfer_ms,
            Stage.CONVERT: self.convert_ms,
            Stage.DRAW: self.draw_ms,
            Stage.DISPLAY: self.display_ms,
        }
        return {stage: ms / 1e3 for stage, ms in stages.items() if ms is not None}

    @property
    def outcome(self) -> Outcome:
        """The outcome of the demand."""
        if self.source in ("frames", "bricks"):
            return Outcome.PREFETCHED if self.prefetched else Outcome.HIT
        return Outcome(self.source)


class FetchedAhead(BaseModel):
    """Slices that the page has fetched ahead since its last report."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    count: Annotated[int, Field(ge=0, le=10_000)] = 0
    bytes: Annotated[int, Field(ge=0, le=2**40)] = 0
    transfer_ms: Annotated[float, Field(ge=0, le=600_000, allow_inf_nan=False)] = 0.0


class MalformedReport(BadRequest):
    """A report without a valid row; `rows` is their number, as far as it can be determined."""

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class PostedReport(BaseModel):
    """A report as it is sent; its rows are validated one by one."""

    model_config = ConfigDict(extra="ignore", strict=True)

    viewer: Annotated[str, Field(pattern=f"^{VIEWER_ID.pattern}$")]
    slices: Annotated[list[Any], Field(max_length=1000)]
    # Requested slices that were never painted, because another one was requested meanwhile.
    skipped: Annotated[int, Field(ge=0, le=10_000)] = 0
    ahead: FetchedAhead = FetchedAhead()


class WellFormedReport(PostedReport):
    """A report without malformed rows; those of another one are left out, unless all are malformed."""

    slices: Annotated[list[PaintedSlice], Field(max_length=1000)]


@dataclass(frozen=True, slots=True)
class Report:
    """A batch of painted slices of one viewer, and how many more rows of it were malformed or not admitted."""

    viewer: str
    slices: tuple[PaintedSlice, ...]
    malformed: int
    not_admitted: int
    skipped: int
    ahead: FetchedAhead


def parse_report(body: bytes, admit: Callable[[str, int], int]) -> Report:
    """Parse a report without its malformed rows; `MalformedReport` has the first error when all are malformed.

    `admit(viewer, rows)` is the number of rows that are validated; it is called first, since validating a row
    takes longer than sending it.
    """
    try:
        posted = PostedReport.model_validate_json(body)
    except ValidationError as error:
        raise MalformedReport(_fault(error), 1) from None
    admitted = admit(posted.viewer, len(posted.slices))
    rows: list[PaintedSlice] = []
    fault: str | None = None
    for number, row in enumerate(posted.slices[:admitted]):
        try:
            rows.append(PaintedSlice.model_validate(row))
        except ValidationError as error:
            fault = fault or _fault(error, f"slices.{number}.")
    # Rows that were not admitted are unknown, so the whole report cannot be called malformed.
    if fault is not None and not rows and admitted == len(posted.slices):
        raise MalformedReport(fault, admitted)
    return Report(
        posted.viewer,
        tuple(rows),
        admitted - len(rows),
        len(posted.slices) - admitted,
        posted.skipped,
        posted.ahead,
    )


def _fault(error: ValidationError, row: str = "") -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = (row + ".".join(map(str, first["loc"]))).rstrip(".") or "the body"
    return f"The report is malformed at {field}: {first['msg'].lower()}."
