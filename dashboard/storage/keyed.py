"""One lock for each key, for as long as somebody needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.errors import Busy


class KeyedLocks:
    """Lets one thread at a time make the thing called `key`; others wait and then find it made."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Hold the lock of `key` (within this process; threads of others are not kept out)."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = lock, users - 1


class ImpatientLocks:
    """Locks by key for work that may take very long: a thread waits only while its holder is young.

    Once a lock has been held for `patience_s`, all who wait for it give up, and others do not begin to
    wait. So the work on one key takes all threads of a server for `patience_s` at most, and one of them
    after that. `clock` gives seconds.
    """

    def __init__(
        self, patience_s: float, message: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._patience = patience_s
        self._message = message
        self._clock = clock
        self._changed = threading.Condition()
        self._since: dict[str, float] = {}

    @contextmanager
    def held(self, key: str) -> Iterator[None]:
        """Hold the lock of `key`; raises `Busy` with the message when its holder takes too long."""
        with self._changed:
            while (since := self._since.get(key)) is not None:
                left = since + self._patience - self._clock()
                if left <= 0.0:
                    raise Busy(self._message)
                self._changed.wait(left)
            self._since[key] = self._clock()
        try:
            yield
        finally:
            with self._changed:
                del self._since[key]
                self._changed.notify_all()
