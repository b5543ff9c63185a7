"""The warm queue: what people have asked to be decoded into the cache, until the prefetch worker has done it.

A job is one row of the plan store, which says how far it is as well. The worker replaces it by comparison, so
that a job whose row is gone is cancelled.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dashboard import errors
from dashboard.addressing.selection import MAX_RANK
from dashboard.storage.rows import Rows, RowsUnavailable

log = logging.getLogger(__name__)

JOB: Final = "warm:"
# Jobs of a machine that are not finished.
MAX_JOBS: Final = 16
# Those of one person, so that others have a place.
MAX_OF_PERSON: Final = 4
# Jobs wait for a day, and finished ones are listed for an hour.
WAIT_S: Final = 86_400.0
FINISHED_S: Final = 3_600.0
# The queue may be short again after a brick or a volume; that is not known.
RETRY_S: Final = 30

_Count = Annotated[int, Field(ge=0, lt=2**62)]


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


class WarmJob(BaseModel):
    """The bricks of a volume for all slices that fix the dimensions `fixed`, from `start` to `stop` along the
    first, at all positions of the others, or at those that `at` gives.

    Of its `bricks` (`nbytes` decoded), `done` are in the cache, `decoded` of them since the job was begun, and
    `failed` cannot be decoded; `message` says why, and why a job has failed. `asked_at` is a Unix time (s),
    `person` the name of who asked, empty for the operator. `node` is the machine that decodes them.
    """

    model_config = ConfigDict(frozen=True, strict=True)

    id: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    file: str
    dataset: str
    fingerprint: list[int]
    fixed: Annotated[list[Annotated[int, Field(ge=0)]], Field(max_length=MAX_RANK)]
    start: _Count
    stop: _Count
    at: Annotated[list[_Count], Field(max_length=MAX_RANK)] = []
    bricks: _Count
    nbytes: _Count
    asked_at: Annotated[float, Field(allow_inf_nan=False)]
    person: str = ""
    node: str = ""
    state: Annotated[State, Field(strict=False)] = State.QUEUED
    done: _Count = 0
    decoded: _Count = 0
    failed: _Count = 0
    message: str = ""

    @property
    def work(self) -> tuple[object, ...]:
        """What is to be decoded."""
        return (
            self.file,
            self.dataset,
            *self.fingerprint,
            *self.fixed,
            self.start,
            self.stop,
            *self.at,
        )


class WarmQueue:
    """The jobs of all processes, in the order in which they were asked for; `clock` gives Unix time (s).

    Jobs that are added here are for the worker of this machine, which is called `node` where there are others.
    """

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time, node: str = "") -> None:
        self._rows = rows
        self._clock = clock
        self._node = node

    def own_jobs(self) -> list[WarmJob]:
        """The jobs of this machine."""
        return [job for job in self.jobs() if job.node == self._node]

    def jobs(self) -> list[WarmJob]:
        """All jobs, those that were finished of late as well; empty while the store is unavailable."""
        try:
            keys = self._rows.keys_with_prefix(JOB)
        except RowsUnavailable as error:
            log.warning("the warm queue cannot be read: %s", error)
            return []
        found = (_read(self._rows.get(key)) for key in keys)
        return sorted((job for job in found if job is not None), key=lambda job: job.asked_at)

    def add(
        self, job: WarmJob, limit_bytes: int, charge: Callable[[], object] = lambda: None
    ) -> WarmJob:
        """Queue a job, or return the one that does the same; `limit_bytes` is the size of the cache.

        `charge` is called for a job that can be queued, before it is, and may raise. Raises `TooManyRequests` when
        too many are queued, `TooLarge` when the cache does not hold all of them, and `Busy`.
        """
        job = job.model_copy(update={"node": self._node})
        waiting = [one for one in self.jobs() if not one.state.is_final]
        same = next((one for one in waiting if one.work == job.work), None)
        if same is not None:
            return same
        if job.nbytes > limit_bytes:
            raise errors.TooLarge(
                f"That takes {_size(job.nbytes)}, and the brick cache holds {_size(limit_bytes)}; name a range."
            )
        fault = _fault(job, waiting, limit_bytes)
        if fault is not None:
            error = errors.TooManyRequests(fault)
            error.retry_after_s = RETRY_S
            raise error
        charge()
        if not self._rows.set(JOB + job.id, _row(job), expire=WAIT_S):
            raise errors.Busy("The job could not be stored; try again.")
        return job

    def cancel(self, job: str) -> bool:
        """Remove a job; returns whether there was one. A brick that is being decoded is completed."""
        return self._rows.delete(JOB + job)

    def update(self, old: WarmJob, new: WarmJob) -> bool:
        """Replace a job's row; returns whether that was possible, else it was cancelled."""
        expire = FINISHED_S if new.state.is_final else WAIT_S
        try:
            return self._rows.compare_and_set(JOB + old.id, _row(old), _row(new), expire)
        except RowsUnavailable as error:
            log.warning("the progress of warming was not stored: %s", error)
            return False

    def now(self) -> float:
        """Unix time (s)."""
        return self._clock()


def _fault(job: WarmJob, waiting: Sequence[WarmJob], limit_bytes: int) -> str | None:
    """Why a job cannot be queued behind those that wait."""
    here = [one for one in waiting if one.node == job.node]
    if len(here) >= MAX_JOBS:
        return f"{MAX_JOBS} volumes are queued to be warmed; wait, or cancel one."
    own = sum(one.person == job.person for one in waiting)
    if job.person and own >= MAX_OF_PERSON:
        return f"{MAX_OF_PERSON} volumes are queued to be warmed for you; wait, or cancel one."
    if sum(one.nbytes for one in here) + job.nbytes > limit_bytes:
        return "The cache does not hold more than what is queued to be warmed; wait, or cancel a part of it."
    return None


def new_id() -> str:
    """The id of a new job."""
    return secrets.token_hex(8)


def _row(job: WarmJob) -> bytes:
    return job.model_dump_json().encode()


def _read(value: bytes | None) -> WarmJob | None:
    """The job of a row; a row that is none counts as nothing."""
    if value is None:
        return None
    try:
        return WarmJob.model_validate_json(value)
    except ValidationError as error:
        log.warning("warm job skipped: %.200s", error.errors(include_url=False)[0]["msg"])
        return None


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e9:.1f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.1f} MB"
