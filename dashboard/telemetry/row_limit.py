"""Rate limit of report rows for each viewer: a sliding window of one second."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from cachetools import LRUCache

# Twice as many slices as a screen shows at 60 frames a second.
ROWS_PER_SECOND: Final = 120
WINDOW_S: Final = 1.0
# Viewer ids are chosen by clients; the least recently active one is forgotten first.
VIEWERS: Final = 4096


class RowLimit:
    """Admits at most `ROWS_PER_SECOND` rows of a viewer within any second; thread-safe.

    The limit is per process: with several web processes, a viewer that connects to all of them has it in each.
    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # (time, rows admitted then), oldest first.
        self._admitted: LRUCache[str, deque[tuple[float, int]]] = LRUCache(VIEWERS)

    def admit(self, viewer: str, rows: int) -> int:
        """The number of `rows` that are admitted now."""
        now = self._clock()
        with self._lock:
            recent = self._admitted.setdefault(viewer, deque())
            while recent and not 0.0 <= now - recent[0][0] < WINDOW_S:
                recent.popleft()
            count = min(rows, ROWS_PER_SECOND - sum(n for _, n in recent))
            if count > 0:
                recent.append((now, count))
            return max(count, 0)
