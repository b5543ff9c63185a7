"""Works on jobs: a slab of each person in turn, in the prefetch worker when nothing else is to decode.

Slabs of portable jobs are sent elsewhere where there is somebody to compute them (`Pool`), and merged here. Where
that fails, the slabs are computed here.
"""

from __future__ import annotations

import itertools
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from cachetools import LRUCache

from dashboard import errors
from dashboard.jobs.job import Job, State
from dashboard.jobs.queue import JobQueue
from dashboard.jobs.work import Plain, Work

log = logging.getLogger(__name__)

# How often the queue is read while it is empty, and progress is stored.
POLL_S: Final = 1.0
# Slabs that were done before are passed over; the plans are read in between.
MOST_DONE: Final = 200
# A cache that is full may have room when bricks that were viewed a moment ago are not any more.
FULL_PAUSE_S: Final = 5.0
MOST_PAUSES: Final = 24
# More than there are jobs in the queue.
PEOPLE: Final = 64


class PoolLost(Exception):
    """What was sent elsewhere does not come back."""


class Flight(Protocol):
    """A slab that is computed elsewhere."""

    def result(self) -> Plain | None:
        """The result, None while there is none; `PoolLost` where there will be none."""

    def cancel(self) -> None:
        """Give it up."""


class Pool(Protocol):
    """Computes slabs elsewhere."""

    def capacity(self) -> int:
        """How many slabs of a job may be there at a time; 0 where it cannot be used."""

    def send(self, job: str, slab: Plain) -> Flight:
        """Have a slab of a job (JSON) computed; `PoolLost` where that is not possible."""


@dataclass(slots=True)
class _Progress:
    """A job that is worked on, and how far it is. Times are those of the queue's clock (s)."""

    job: Job
    # As it is in the queue, and as it was begun.
    stored: Job
    begun: Job
    stored_at: float
    began: float
    work: Work | None = None
    slabs: Iterator[Plain | None] = field(default_factory=lambda: iter(()))
    again: deque[Plain] = field(default_factory=deque)
    away: deque[tuple[Plain, Flight]] = field(default_factory=deque)
    paused_until: float = -math.inf
    pauses: int = 0
    is_sent: bool = False

    def change(self, **changes: object) -> None:
        self.job = self.job.model_copy(update=changes)

    def passed(self, *, decoded: bool = False, failed: bool = False) -> None:
        self.pauses = 0
        job = self.job
        self.change(
            done=job.done + (not failed),
            decoded=job.decoded + decoded,
            failed=job.failed + failed,
        )

    def recall(self) -> None:
        """Have the slabs that are elsewhere computed here."""
        for slab, flight in self.away:
            flight.cancel()
            self.again.append(slab)
        self.away.clear()


class Runner:
    """Works on the first job of each person in turn, one slab at a time: `step` does one.

    `begin` begins the work of a job. One that is begun anew, as the worker is, goes on with what was kept. `count`
    counts slabs, those that were computed elsewhere by another name.
    """

    def __init__(
        self,
        queue: JobQueue,
        begin: Callable[[Job], Work],
        pool: Pool | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        count: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._queue = queue
        self._begin = begin
        self._pool = pool
        self._monotonic = monotonic
        self._count = count
        self.store_s = POLL_S
        self.lock = threading.Lock()
        self._polled_at = -math.inf
        # By person: no one's long job keeps another one's waiting.
        self._begun: dict[str, _Progress] = {}
        self._steps = itertools.count()
        # By person: the last step.
        self._served: LRUCache[str, int] = LRUCache(PEOPLE)

    def step(self) -> bool:
        """Compute one slab; returns whether there was anything to do. Only one thread works at a time."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            return self._step()
        finally:
            self.lock.release()

    def exchange(self) -> None:
        """Send slabs elsewhere, and merge what has come back; computes nothing."""
        with self.lock:
            self._begin_jobs(self._queue.now())
            for progress in list(self._begun.values()):
                self._guarded(progress, self._exchange)

    def _step(self) -> bool:
        now = self._queue.now()
        self._begin_jobs(now)
        ready = [one for one in self._begun.values() if now >= one.paused_until and not one.is_sent]
        if not ready:
            return False
        progress = min(ready, key=lambda one: self._served.get(one.job.person, -1))
        self._served[progress.job.person] = next(self._steps)
        self._guarded(progress, self._work)
        return True

    def _guarded(self, progress: _Progress, work: Callable[[_Progress], None]) -> None:
        """Work on a job, which ends with whatever is raised."""
        try:
            work(progress)
        except errors.LamellaError as error:
            self._end(progress, State.FAILED, error.message)
        except Exception:
            log.exception("a job failed")
            self._end(progress, State.FAILED, "Something went wrong in the server; see its log.")

    def _begin_jobs(self, now: float) -> None:
        """Begin the first job of each person who has none begun, if the queue was not read of late."""
        if 0.0 <= now - self._polled_at < POLL_S:
            return
        self._polled_at = now
        for job in self._queue.own_jobs():
            if job.state.is_final or job.person in self._begun:
                continue
            anew = {"state": State.RUNNING, "done": 0, "decoded": 0, "failed": 0, "message": ""}
            begun = job.model_copy(update=anew)
            progress = _Progress(begun, job, begun, now, self._monotonic())
            # Where others can compute it, `exchange` sees first whether it may be sent to them.
            progress.is_sent = self._pool is not None and self._pool.capacity() > 0
            self._begun[job.person] = progress
            self._store(progress)

    def _opened(self, progress: _Progress) -> Work:
        if progress.work is None:
            progress.work = self._begin(progress.job)
            progress.slabs = progress.work.slabs()
        return progress.work

    def _work(self, progress: _Progress) -> None:
        work = self._opened(progress)
        for _ in range(MOST_DONE):
            slab = self._next(progress)
            if slab is None:
                self._finish(progress, work)
                return
            if slab:
                self._compute(progress, work, slab)
                break
        self._store_now_and_then(progress)

    def _next(self, progress: _Progress) -> Plain | None:
        """The next slab, an empty one where that was done before; None after the last one."""
        if progress.again:
            return progress.again.popleft()
        for slab in progress.slabs:
            if slab is not None:
                return slab
            progress.passed()
            return {}
        return None

    def _compute(self, progress: _Progress, work: Work, slab: Plain) -> None:
        try:
            result = work.compute(slab)
        except errors.Busy as error:
            progress.pauses += 1
            progress.again.appendleft(slab)
            if progress.pauses > MOST_PAUSES:
                raise
            progress.paused_until = self._queue.now() + FULL_PAUSE_S
            progress.change(message=error.message)
            return
        except errors.CannotShow as error:
            # Other slabs may be readable.
            progress.passed(failed=True)
            progress.change(message=error.message)
            return
        self._merge(progress, work, result, "jobs.slabs")

    def _merge(self, progress: _Progress, work: Work, result: Plain, counter: str) -> None:
        work.merge(result)
        self._count(counter)
        progress.passed(decoded=result.get("decoded", False), failed=result.get("failed", False))
        if "message" in result:
            progress.change(message=result["message"])

    def _exchange(self, progress: _Progress) -> None:
        """Send and fetch slabs of a portable job, where there is somebody to compute them."""
        capacity = 0 if self._pool is None else self._pool.capacity()
        if not capacity and not progress.away:
            progress.is_sent = False
            return
        work = self._opened(progress)
        if self._pool is None or not work.is_portable:
            progress.is_sent = False
            return
        progress.is_sent, is_last = True, False
        try:
            while progress.away and (result := progress.away[0][1].result()) is not None:
                progress.away.popleft()
                self._merge(progress, work, result, "jobs.slabs_away")
            named = progress.begun.model_dump_json()
            while len(progress.away) < capacity and not is_last:
                slab = self._next(progress)
                is_last = slab is None
                if slab:
                    # It is not lost where it cannot be sent.
                    progress.again.appendleft(slab)
                    flight = self._pool.send(named, slab)
                    progress.away.append((progress.again.popleft(), flight))
        except PoolLost as error:
            log.warning("slabs of a job are computed here again: %s", error)
            progress.recall()
            progress.is_sent = False
            return
        if is_last and not progress.away:
            self._finish(progress, work)
        else:
            self._store_now_and_then(progress)

    def _finish(self, progress: _Progress, work: Work) -> None:
        work.keep()
        result = work.finish()
        progress.change(result=result)
        self._end(progress, State.DONE)

    def _store_now_and_then(self, progress: _Progress) -> None:
        if self._queue.now() - progress.stored_at >= self.store_s:
            if progress.work is not None:
                progress.work.keep()
            self._store(progress)

    def _store(self, progress: _Progress) -> None:
        """Store how far a job is; one that was cancelled is given up."""
        progress.stored_at = self._queue.now()
        took_s = self._monotonic() - progress.began
        progress.change(seconds=round(progress.begun.seconds + took_s, 3))
        if self._queue.update(progress.stored, progress.job):
            progress.stored = progress.job
        else:
            # Where the store is unavailable, the job is found again when it is available.
            self._give_up(progress)

    def _end(self, progress: _Progress, state: State, message: str | None = None) -> None:
        progress.change(state=state, **({} if message is None else {"message": message}))
        self._store(progress)
        self._give_up(progress)

    def _give_up(self, progress: _Progress) -> None:
        progress.recall()
        if progress.work is not None:
            progress.work.close()
            progress.work = None
        self._begun.pop(progress.job.person, None)
        self._polled_at = -math.inf
