"""Rate limits of log lines: those that anybody can cause a thousand times a second must not fill the disk.

`LogRateFilter` is on the handler and counts by source location, for every line of a process. `NameLogLimit` is
asked by the caller and counts by name, for loops that work for many files or viewers and whose faults last.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cachetools import LRUCache

LINES_PER_SECOND = 5
WINDOW_S = 1.0

# One line per name, and `LINES` of all names together, in that time (s). As many names are remembered (LRU).
LOG_EVERY_S = 60.0
LINES = 12
REMEMBERED = 1024

# Source location, level, and type of the exception.
Kind = tuple[str, int, int, str]


def later(seconds: float, call: Callable[[], None]) -> None:
    """Call `call` in a thread of its own after `seconds`."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


class LogRateFilter(logging.Filter):
    """Passes `LINES_PER_SECOND` lines of a kind, then one with the number of suppressed lines.

    Kinds are source locations, so their number is bounded whatever is sent.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        schedule: Callable[[float, Callable[[], None]], None] = later,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._schedule = schedule
        self._windows: dict[Kind, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record may pass."""
        if getattr(record, "summary", False):
            return True
        error = record.exc_info[0] if record.exc_info else None
        kind = (record.pathname, record.lineno, record.levelno, error.__name__ if error else "")
        now = self._clock()
        with self._lock:
            begun, count = self._windows.get(kind, (now, 0))
            if now - begun >= WINDOW_S and count <= LINES_PER_SECOND:
                begun, count = now, 0
            self._windows[kind] = (begun, count + 1)
        if count == LINES_PER_SECOND:
            self._schedule(WINDOW_S, lambda: self._summarize(kind, record.name))
        return count < LINES_PER_SECOND

    def _summarize(self, kind: Kind, name: str) -> None:
        with self._lock:
            _, count = self._windows.pop(kind)
        logging.getLogger(name).log(
            kind[2],
            "%d more lines like the last were left out within a second",
            count - LINES_PER_SECOND,
            extra={"summary": True},
        )


class NameLogLimit:
    """Limits log lines to one per name and `LINES` in all per `LOG_EVERY_S`; thread-safe.

    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._written: LRUCache[str, float] = LRUCache(REMEMBERED)
        self._since = clock()
        self._lines = 0
        self._left_out = 0

    def __len__(self) -> int:
        """Number of names that are remembered."""
        return len(self._written)

    def admits(self, name: str) -> int | None:
        """None, or the number of lines suppressed since the last admitted one."""
        now = self._clock()
        with self._lock:
            if not 0.0 <= now - self._since < LOG_EVERY_S:
                self._since, self._lines = now, 0
            last = self._written.get(name)
            if self._lines >= LINES or (last is not None and 0.0 <= now - last < LOG_EVERY_S):
                self._left_out += 1
                return None
            self._lines += 1
            self._written[name] = now
            left_out, self._left_out = self._left_out, 0
            return left_out
