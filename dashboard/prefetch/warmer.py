"""Serves the warm queue: a brick of each person in turn, in the prefetch worker when nothing else is to decode."""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from cachetools import LRUCache

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.outcomes import Outcome
from dashboard.addressing.requester import WARMUP, Requester
from dashboard.bricks.coverage import Coverage
from dashboard.bricks.loader import LoadedBrick
from dashboard.catalog.volume import Volume
from dashboard.prefetch.plan_store import PlanStore
from dashboard.prefetch.warm_queue import State, WarmJob, WarmQueue

log = logging.getLogger(__name__)

# How often the queue is read while it is empty, and progress is stored.
POLL_S: Final = 1.0
# Bricks that are cached already are passed over; the plans are read in between.
MOST_CACHED: Final = 200
# A cache that is full may have room when bricks that were viewed a moment ago are not any more.
FULL_PAUSE_S: Final = 5.0
MOST_PAUSES: Final = 24
# More than there are jobs in the queue.
PEOPLE: Final = 64


class WarmLoader(Protocol):
    """The part of `dashboard.bricks.loader.BrickLoader` that is needed here."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def load(self, volume: Volume, address: BrickAddress, requester: Requester) -> LoadedBrick:
        """Ensure that the brick is in the cache."""


@dataclass(slots=True)
class _Progress:
    """A job that is worked on, and how far it is. Times are those of the queue's clock (s)."""

    job: WarmJob
    # As it is in the queue.
    stored: WarmJob
    stored_at: float
    course: tuple[Volume, Iterator[BrickAddress]] | None = None
    next: BrickAddress | None = None
    paused_until: float = -math.inf
    pauses: int = 0

    def change(self, **changes: object) -> None:
        self.job = self.job.model_copy(update=changes)

    def passed(self, *, decoded: bool = False) -> None:
        self.next, self.pauses = None, 0
        self.change(done=self.job.done + 1, decoded=self.job.decoded + decoded)


class Warmer:
    """Works on the first job of each person in turn, one brick at a time: `step` does one.

    `volume(file, dataset)` is the volume as it is now; `finish` is called with the volume of a job that is done.
    A job is begun anew when the worker is: bricks that are cached are passed over.
    """

    def __init__(
        self,
        queue: WarmQueue,
        plans: PlanStore,
        loader: WarmLoader,
        volume: Callable[[str, str], Volume],
        finish: Callable[[Volume], object] = lambda _: None,
    ) -> None:
        self._queue = queue
        self._plans = plans
        self._loader = loader
        self._volume = volume
        self._finish = finish
        self.store_s = POLL_S
        self.lock = threading.Lock()
        self._polled_at = -math.inf
        # By person: no one's long job keeps another one's waiting.
        self._begun: dict[str, _Progress] = {}
        self._steps = itertools.count()
        # By person: the last step.
        self._served: LRUCache[str, int] = LRUCache(PEOPLE)

    def step(self) -> bool:
        """Decode one missing brick; returns whether there was anything to do. Only one thread works at a time."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            now = self._queue.now()
            self._begin_jobs(now)
            ready = [one for one in self._begun.values() if now >= one.paused_until]
            if not ready:
                return False
            progress = min(ready, key=lambda one: self._served.get(one.job.person, -1))
            self._served[progress.job.person] = next(self._steps)
            try:
                self._work(progress)
            except errors.LamellaError as error:
                self._end(progress, State.FAILED, error.message)
            except Exception:
                log.exception("warming failed")
                self._end(
                    progress, State.FAILED, "Something went wrong in the server; see its log."
                )
            return True
        finally:
            self.lock.release()

    def _begin_jobs(self, now: float) -> None:
        """Begin the first job of each person who has none begun, if the queue was not read of late."""
        if 0.0 <= now - self._polled_at < POLL_S:
            return
        self._polled_at = now
        for job in self._queue.own_jobs():
            if job.state.is_final or job.person in self._begun:
                continue
            progress = _Progress(job, job, now)
            progress.change(state=State.RUNNING, done=0, decoded=0, failed=0, message="")
            self._begun[job.person] = progress
            self._store(progress)

    def _work(self, progress: _Progress) -> None:
        job = progress.job
        if progress.course is None:
            volume = self._volume(job.file, job.dataset)
            if volume.address.fingerprint.as_list() != job.fingerprint:
                raise errors.Changed("The file has changed since this was asked for.")
            covered = Coverage(volume, tuple(job.fixed), job.start, job.stop, tuple(job.at))
            progress.course = volume, iter(covered)
        volume, bricks = progress.course
        for _ in range(MOST_CACHED):
            brick = progress.next or next(bricks, None)
            if brick is None:
                self._finish(volume)
                self._end(progress, State.DONE)
                return
            if not self._loader.has(brick):
                progress.next = brick
                self._load(progress, volume, brick)
                break
            progress.passed()
        if self._queue.now() - progress.stored_at >= self.store_s:
            self._store(progress)

    def _load(self, progress: _Progress, volume: Volume, brick: BrickAddress) -> None:
        self._plans.mark_in_flight(brick.key)
        try:
            loaded = self._loader.load(volume, brick, WARMUP)
        except errors.Busy as error:
            progress.pauses += 1
            if progress.pauses > MOST_PAUSES:
                raise
            progress.paused_until = self._queue.now() + FULL_PAUSE_S
            progress.change(message=error.message)
            return
        except errors.CannotShow as error:
            # Other bricks may be readable.
            progress.change(failed=progress.job.failed + 1, message=error.message)
            progress.next = None
            return
        finally:
            self._plans.clear_in_flight(brick.key)
        progress.passed(decoded=loaded.outcome is Outcome.MISS)

    def _store(self, progress: _Progress) -> None:
        """Store how far a job is; one that was cancelled is given up."""
        progress.stored_at = self._queue.now()
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
        self._begun.pop(progress.job.person, None)
        self._polled_at = -math.inf
