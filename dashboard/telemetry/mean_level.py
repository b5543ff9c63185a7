"""The mean of a level over the time between two readings."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class MeanLevel:
    """A level that goes up and down, such as the number of busy threads; `clock` gives seconds.

    A sample once a second would miss most requests, which take milliseconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._level = 0
        self._area = 0.0
        self._read_at = self._changed_at = clock()

    def add(self, change: int) -> None:
        """Change the level."""
        with self._lock:
            self._advance()
            self._level += change

    def read(self) -> float:
        """The mean since the last reading, to a tenth: smaller changes are not worth a row of the ledger."""
        with self._lock:
            self._advance()
            passed = self._changed_at - self._read_at
            mean = self._area / passed if passed > 0.0 else float(self._level)
            self._area, self._read_at = 0.0, self._changed_at
        return round(mean, 1)

    def _advance(self) -> None:
        now = self._clock()
        self._area += self._level * (now - self._changed_at)
        self._changed_at = now
