"""Rate limit of log lines of one kind.

Requests that anybody can send a thousand times a second must not fill the disk or hide other lines.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

LINES_PER_SECOND = 5
WINDOW_S = 1.0

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
