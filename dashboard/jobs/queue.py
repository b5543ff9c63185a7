"""The queue of jobs: what people have asked for, until the prefetch worker has done it.

A job is one row of the plan store, which says how far it is as well. The worker replaces it by comparison, so
that a job whose row is gone is cancelled.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import ValidationError

from dashboard import errors
from dashboard.jobs.job import Job, Warm
from dashboard.storage.rows import Rows, RowsUnavailable

log = logging.getLogger(__name__)

JOB: Final = "job:"
# Jobs of a machine that are not finished.
MAX_JOBS: Final = 16
# Those of one person, so that others have a place.
MAX_OF_PERSON: Final = 4
# Jobs wait for a day, and finished ones are listed for an hour.
WAIT_S: Final = 86_400.0
FINISHED_S: Final = 3_600.0
# The queue may be short again after a brick or a volume; that is not known.
RETRY_S: Final = 30


class JobQueue:
    """The jobs of all processes, in the order in which they were asked for; `clock` gives Unix time (s).

    Jobs that are added here are for the worker of this machine, which is called `node` where there are others.
    """

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time, node: str = "") -> None:
        self._rows = rows
        self._clock = clock
        self._node = node

    def own_jobs(self) -> list[Job]:
        """The jobs of this machine."""
        return [job for job in self.jobs() if job.node == self._node]

    def get(self, job: str) -> Job | None:
        """The job with this id."""
        return _read(self._rows.get(JOB + job))

    def ids(self) -> frozenset[str]:
        """The ids of all jobs; raises `RowsUnavailable`."""
        return frozenset(key.removeprefix(JOB) for key in self._rows.keys_with_prefix(JOB))

    def jobs(self) -> list[Job]:
        """All jobs, those that were finished of late as well; empty while the store is unavailable."""
        try:
            keys = self._rows.keys_with_prefix(JOB)
        except RowsUnavailable as error:
            log.warning("the queue of jobs cannot be read: %s", error)
            return []
        found = (_read(self._rows.get(key)) for key in keys)
        return sorted((job for job in found if job is not None), key=lambda job: job.asked_at)

    def add(self, job: Job, limit_bytes: int, charge: Callable[[], object] = lambda: None) -> Job:
        """Queue a job, or return the one that does the same; `limit_bytes` is the size of the cache.

        `charge` is called for a job that can be queued, before it is, and may raise. Raises `TooManyRequests` when
        too many are queued, `TooLarge` when the cache does not hold all that is to be warmed, and `Busy`.
        """
        job = job.model_copy(update={"node": self._node})
        waiting = [one for one in self.jobs() if not one.state.is_final]
        same = next((one for one in waiting if one.work == job.work), None)
        if same is not None:
            return same
        if _in_cache(job) > limit_bytes:
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

    def update(self, old: Job, new: Job) -> bool:
        """Replace a job's row; returns whether that was possible, else it was cancelled."""
        expire = FINISHED_S if new.state.is_final else WAIT_S
        try:
            return self._rows.compare_and_set(JOB + old.id, _row(old), _row(new), expire)
        except RowsUnavailable as error:
            log.warning("the progress of a job was not stored: %s", error)
            return False

    def now(self) -> float:
        """Unix time (s)."""
        return self._clock()


def _fault(job: Job, waiting: Sequence[Job], limit_bytes: int) -> str | None:
    """Why a job cannot be queued behind those that wait."""
    here = [one for one in waiting if one.node == job.node]
    if len(here) >= MAX_JOBS:
        return f"{MAX_JOBS} jobs are queued; wait, or cancel one."
    own = sum(one.person == job.person for one in waiting)
    if job.person and own >= MAX_OF_PERSON:
        return f"{MAX_OF_PERSON} jobs are queued for you; wait, or cancel one."
    warmed = _in_cache(job)
    if warmed and sum(map(_in_cache, here)) + warmed > limit_bytes:
        return "The cache does not hold more than what is queued to be warmed; wait, or cancel a part of it."
    return None


def _in_cache(job: Job) -> int:
    """Bytes that a job is to have in the brick cache."""
    return job.nbytes if isinstance(job.what, Warm) else 0


def _row(job: Job) -> bytes:
    return job.model_dump_json().encode()


def _read(value: bytes | None) -> Job | None:
    """The job of a row; a row that is none counts as nothing."""
    if value is None:
        return None
    try:
        return Job.model_validate_json(value)
    except ValidationError as error:
        log.warning("job skipped: %.200s", error.errors(include_url=False)[0]["msg"])
        return None


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e9:.1f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:.1f} MB"
