"""What a page reports of the slices that it painted: checked before anything is believed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard.errors import BadRequest

# Ten minutes: a laptop that was closed in between reports no stage of the pipeline.
Milliseconds = Annotated[float, Field(ge=0, le=600_000, allow_inf_nan=False)]


class Painted(BaseModel):
    """One painted slice; times in ms."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    file: Annotated[str, Field(max_length=1024)]
    dataset: Annotated[str, Field(max_length=2000)]
    selection: Annotated[str, Field(max_length=400)]
    index: Annotated[int, Field(ge=0)] | None = None
    axis: Annotated[int, Field(ge=0, lt=8)] | None = None
    source: Literal["ring", "frames", "bricks", "coalesced", "miss"]
    transfer_ms: Milliseconds | None = None
    convert_ms: Milliseconds | None = None
    draw_ms: Milliseconds | None = None
    display_ms: Milliseconds | None = None

    @property
    def seconds(self) -> dict[str, float]:
        """The browser's stages in seconds."""
        stages = {
            "transfer": self.transfer_ms,
            "convert": self.convert_ms,
            "draw": self.draw_ms,
            "display": self.display_ms,
        }
        return {stage: ms / 1e3 for stage, ms in stages.items() if ms is not None}


class Report(BaseModel):
    """A batch of painted slices of one viewer."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    viewer: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    slices: Annotated[tuple[Painted, ...], Field(max_length=1000, strict=False)]


def parse(body: bytes) -> Report:
    """Read a report; `BadRequest` names the first thing that is wrong."""
    try:
        return Report.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise BadRequest(f"The report is malformed at {place}: {first['msg'].lower()}.") from None
