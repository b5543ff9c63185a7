"""Bulkheads: a failure of one owner's work affects neither the loop that it is part of nor the work of others.

The pattern is the bulkhead of M. Nygard, "Release It!", with an exponential back-off for each compartment. Log
lines are limited for each compartment and in total, since compartments are named after files and viewers, whose
names are chosen by clients.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from cachetools import LRUCache

from dashboard.errors import Busy, LamellaError
from dashboard.log_limit import REMEMBERED, NameLogLimit

T = TypeVar("T")


class Bulkhead:
    """Runs the work of many owners so that each fails for itself alone; thread-safe.

    After a failure the owner's work is skipped for `pause_s`, doubled with each further failure in a row, up to
    `longest_s`. With a pause of 0 it is tried each time. `clock` gives seconds.
    """

    def __init__(
        self,
        log: logging.Logger,
        *,
        pause_s: float = 1.0,
        longest_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._pause = pause_s
        self._longest = longest_s
        self._clock = clock
        self._limit = NameLogLimit(clock)
        self._lock = threading.Lock()
        # Compartment: (failures in a row, time of the last one, pause after it).
        self._failed: LRUCache[str, tuple[int, float, float]] = LRUCache(REMEMBERED)

    def run(self, compartment: str, work: Callable[[], T], otherwise: T) -> T:
        """Result of `work`; `otherwise` when it raises, and while it is skipped after a failure."""
        if self.closed(compartment):
            return otherwise
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this owner's alone
            self.failed(compartment, error)
            return otherwise
        self.succeeded(compartment)
        return result

    def closed(self, compartment: str) -> bool:
        """Whether the compartment's work is skipped at this time."""
        with self._lock:
            _, at, pause = self._failed.get(compartment, (0, 0.0, 0.0))
        # A clock that was set back must not skip the work for ever.
        return 0.0 <= self._clock() - at < pause

    def failed(self, compartment: str, error: Exception) -> None:
        """Record a failure, and log it within the limits, with a traceback if it is unexpected."""
        with self._lock:
            failures = self._failed.get(compartment, (0, 0.0, 0.0))[0] + 1
            # A shortage of the machine says nothing about the next attempt.
            doublings = 0 if isinstance(error, Busy) else min(failures - 1, 16)
            pause = min(self._pause * 2.0**doublings, self._longest)
            self._failed[compartment] = failures, self._clock(), pause
        left_out = self._limit.admits(compartment)
        if left_out is None:
            return
        more = f" ({left_out} more lines of this kind were left out)" if left_out else ""
        # Errors of the disk are no bugs either and need no traceback.
        foreseen = isinstance(error, (LamellaError, OSError, sqlite3.Error))
        self._log.warning(
            "%.200s failed: %.300s%s",
            compartment,
            error if isinstance(error, LamellaError) else repr(error),
            more,
            exc_info=None if foreseen else error,
        )

    def succeeded(self, compartment: str) -> None:
        """Reset the failures of a compartment."""
        if self._failed:
            with self._lock:
                self._failed.pop(compartment, None)
