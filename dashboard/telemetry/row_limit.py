"""How many rows of its reports count for each viewer: a sliding window of one second."""

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
# Ids are the callers' to choose; who sent nothing for the longest time is forgotten first.
VIEWERS: Final = 4096


class RowLimit:
    """Admits at most `ROWS_A_SECOND` rows of a viewer within any second; safe for threads.

    The window is that of this process: with several web processes, a viewer whose connections end in all of them
    may have as many rows counted in each. `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        # (time, rows admitted then), oldest first.
        self._admitted: LRUCache[str, deque[tuple[float, int]]] = LRUCache(VIEWERS)

    def admit(self, viewer: str, rows: int) -> int:
        """How many of so many rows count now."""
        now = self._clock()
        with self._lock:
            recent = self._admitted.setdefault(viewer, deque())
            while recent and not 0.0 <= now - recent[0][0] < WINDOW_S:
                recent.popleft()
            count = min(rows, ROWS_PER_SECOND - sum(n for _, n in recent))
            if count > 0:
                recent.append((now, count))
            return max(count, 0)
