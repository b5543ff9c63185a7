"""One lock for each key, for as long as a thread needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.addressing.outcomes import Stage
from dashboard.blocking import about_to_queue
from dashboard.disconnects import POLL_S, ClientLeft, check_client
from dashboard.errors import Busy
from dashboard.meter import meter


class KeyedLocks:
    """Mutual exclusion by key: one thread computes a value, the others wait and then find it cached."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    def __len__(self) -> int:
        """Number of keys that threads have or wait for."""
        return len(self._locks)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Acquire the lock of `key`, within this process."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            with meter(Stage.WAIT):
                lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = lock, users - 1


class _Work:
    """Work of one thread under a key: when it started (s), and the shortage that it ended with."""

    def __init__(self, since: float) -> None:
        self.since = since
        self.shortage: Busy | None = None


class ImpatientLocks:
    """Locks by key for work that may take very long, with a bound on the threads that wait for it.

    Each thread waits for `grace_s`, for one work or for several one after the other; beyond that `most` threads
    may wait, over all keys, and the others get `Busy` with `message`. So slow work occupies any number of threads
    for `grace_s` at most, and `most` + 1 of them after that. Who waits for a client that has left gets
    `ClientLeft`. Work that ends with `Busy` ends with it for its waiters as well, which would meet the same
    shortage one after the other; not so where only its client has left. `clock` gives seconds.
    """

    def __init__(
        self,
        grace_s: float,
        message: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        most: int = 0,
    ) -> None:
        self._grace_s = grace_s
        self._message = message
        self._clock = clock
        self._most = most
        self.waiting = 0  # threads that wait beyond the grace period
        self._changed = threading.Condition()
        self._works: dict[str, _Work] = {}

    def __len__(self) -> int:
        """Number of keys with work in progress."""
        return len(self._works)

    @contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Acquire the lock of `key`; raises `Busy` when its holder takes too long or met a shortage."""
        with self._changed:
            until = self._clock() + self._grace_s
            while (before := self._works.get(key)) is not None:
                with meter(Stage.WAIT):
                    self._await_end(key, before, min(until, before.since + self._grace_s))
                if before.shortage is not None:
                    raise Busy(before.shortage.message)
            work = self._works[key] = _Work(self._clock())
        try:
            yield
        except ClientLeft:
            raise
        except Busy as shortage:
            work.shortage = shortage
            raise
        finally:
            with self._changed:
                del self._works[key]
                self._changed.notify_all()

    def _await_end(self, key: str, work: _Work, until: float) -> None:
        """Wait until work has ended, without a place among `most` until the time `until`."""
        about_to_queue()
        has_place = False
        try:
            while self._works.get(key) is work:
                check_client()
                left = until - self._clock()
                if left <= 0.0 and not has_place:
                    if self.waiting >= self._most:
                        raise Busy(self._message)
                    self.waiting += 1
                    has_place = True
                self._changed.wait(POLL_S if has_place else min(left, POLL_S))
        finally:
            self.waiting -= has_place
