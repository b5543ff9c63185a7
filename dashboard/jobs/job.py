"""Descriptions of jobs: what is to be done, and how far it is, as plain JSON."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from dashboard.addressing.selection import MAX_RANK
from dashboard.export.export_format import ExportFormat
from dashboard.frames.complex_part import ComplexPart

Count = Annotated[int, Field(ge=0, lt=2**62)]


# The result is a part of the job's row.
MAX_BINS: Final = 1024
MAX_SELECTION: Final = 512


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether nothing more is done for it."""
        return self in (State.DONE, State.FAILED)


class Warm(BaseModel):
    """Decode the bricks of all slices that fix the dimensions `fixed`, from `start` to `stop` along the first,
    into the cache: at all positions of the others, or at those that `at` gives.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["warm"] = "warm"
    fixed: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=MAX_RANK)]
    start: Count
    stop: Count
    at: Annotated[tuple[Count, ...], Field(max_length=MAX_RANK)] = ()


class Statistics(BaseModel):
    """Count the values of a volume: unpacked with `decode`, of complex ones `part`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["statistics"] = "statistics"
    part: ComplexPart = ComplexPart.ABS
    decode: bool = False
    bins: Annotated[int, Field(ge=1, le=MAX_BINS)] = 256


class Exported(BaseModel):
    """Write a part of a volume, a NumPy index, to a file: unpacked with `decode`, dimension `axis` first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["export"] = "export"
    selection: Annotated[str, Field(max_length=MAX_SELECTION)]
    format: ExportFormat
    axis: Annotated[int, Field(ge=0, lt=MAX_RANK)] | None = None
    decode: bool = False


What = Annotated[Warm | Statistics | Exported, Field(discriminator="kind")]


class Job(BaseModel):
    """What is to be done with a volume, in one state of its file, and how far it is.

    Of its slabs, `of` in number (`nbytes` decoded), `done` are done, for `decoded` of which something was decoded
    since the job was begun, and `failed` cannot be read; `message` says why, and why a job has failed. `seconds`
    is how long it has been running, `result` what it has found. `asked_at` is a Unix time (s), `person` the name
    of who asked, empty for the operator. `node` is the machine that works on it.
    """

    model_config = ConfigDict(frozen=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    file: str
    dataset: str
    fingerprint: tuple[int, ...]
    what: What
    of: Count
    nbytes: Count
    asked_at: Annotated[float, Field(allow_inf_nan=False)]
    person: str = ""
    node: str = ""
    state: State = State.QUEUED
    done: Count = 0
    decoded: Count = 0
    failed: Count = 0
    message: str = ""
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    result: dict[str, Any] | None = None

    @property
    def work(self) -> tuple[object, ...]:
        """What is to be done, of two jobs the same where they do the same."""
        return self.file, self.dataset, self.fingerprint, self.what


def new_id() -> str:
    """The id of a new job."""
    return secrets.token_hex(8)
