"""Serves the warm queue: one brick at a time, in the prefetch worker, when there is nothing else to decode."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Final, Protocol

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


class WarmLoader(Protocol):
    """The part of `dashboard.bricks.loader.BrickLoader` that is needed here."""

    def has(self, address: BrickAddress) -> bool:
        """Whether the brick is in the cache."""

    def load(self, volume: Volume, address: BrickAddress, requester: Requester) -> LoadedBrick:
        """Ensure that the brick is in the cache."""


class Warmer:
    """Works on the first job of the queue; `step` does one brick of it.

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
        self._stored_at = -math.inf
        self._paused_until = -math.inf
        self._pauses = 0
        self._stored: WarmJob | None = None
        self._job: WarmJob | None = None
        self._course: tuple[Volume, Iterator[BrickAddress]] | None = None
        self._next: BrickAddress | None = None

    def step(self) -> bool:
        """Decode one missing brick; returns whether there was anything to do. Only one thread works at a time."""
        if not self.lock.acquire(blocking=False):
            return False
        try:
            now = self._queue.now()
            if now < self._paused_until or not self._has_job(now):
                return False
            try:
                self._work()
            except errors.LamellaError as error:
                self._end(State.FAILED, error.message)
            except Exception:
                log.exception("warming failed")
                self._end(State.FAILED, "Something went wrong in the server; see its log.")
            return True
        finally:
            self.lock.release()

    def _has_job(self, now: float) -> bool:
        """Whether there is a job, found now where there was none."""
        if self._job is not None:
            return True
        if 0.0 <= now - self._polled_at < POLL_S:
            return False
        self._polled_at = now
        waiting = (job for job in self._queue.jobs() if not job.state.is_final)
        self._job = self._stored = next(waiting, None)
        self._course = self._next = None
        if self._job is None:
            return False
        self._change(state=State.RUNNING, done=0, decoded=0, failed=0, message="")
        return self._store()

    def _work(self) -> None:
        job = self._job
        assert job is not None
        if self._course is None:
            volume = self._volume(job.file, job.dataset)
            if volume.address.fingerprint.as_list() != job.fingerprint:
                raise errors.Changed("The file has changed since this was asked for.")
            covered = Coverage(volume, tuple(job.fixed), job.start, job.stop)
            self._course = volume, iter(covered)
        volume, bricks = self._course
        for _ in range(MOST_CACHED):
            brick = self._next or next(bricks, None)
            if brick is None:
                self._finish(volume)
                self._end(State.DONE)
                return
            if not self._loader.has(brick):
                self._next = brick
                self._load(volume, brick)
                break
            self._passed()
        if self._queue.now() - self._stored_at >= self.store_s:
            self._store()

    def _load(self, volume: Volume, brick: BrickAddress) -> None:
        assert self._job is not None
        self._plans.mark_in_flight(brick.key)
        try:
            loaded = self._loader.load(volume, brick, WARMUP)
        except errors.Busy as error:
            self._pauses += 1
            if self._pauses > MOST_PAUSES:
                raise
            self._paused_until = self._queue.now() + FULL_PAUSE_S
            self._change(message=error.message)
            return
        except errors.CannotShow as error:
            # Other bricks may be readable.
            self._change(failed=self._job.failed + 1, message=error.message)
            self._next = None
            return
        finally:
            self._plans.clear_in_flight(brick.key)
        self._passed(loaded.outcome is Outcome.MISS)

    def _passed(self, decoded: bool = False) -> None:
        assert self._job is not None
        self._next, self._pauses = None, 0
        self._change(done=self._job.done + 1, decoded=self._job.decoded + decoded)

    def _change(self, **changes: object) -> None:
        assert self._job is not None
        self._job = self._job.model_copy(update=changes)

    def _store(self) -> bool:
        """Store how far the job is; returns whether it goes on."""
        assert self._job is not None
        assert self._stored is not None
        self._stored_at = self._queue.now()
        if self._queue.update(self._stored, self._job):
            self._stored = self._job
            return True
        # Cancelled; where the store is unavailable, the job is found again when it is available.
        self._job = None
        return False

    def _end(self, state: State, message: str | None = None) -> None:
        changes: dict[str, object] = {"state": state}
        if message is not None:
            changes["message"] = message
        self._change(**changes)
        self._store()
        self._job = None
        self._polled_at = -math.inf
