"""Rate limits by name over a sliding window."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from cachetools import LRUCache


class RateLimit:
    """Admits at most `most` events of a name within any `window_s` seconds; thread-safe.

    The limit is per process: with several web processes, a client that connects to all of them has it in each.
    Names are chosen by clients, so `names` of them are remembered (LRU). `clock` gives seconds.
    """

    def __init__(
        self, most: int, window_s: float, names: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        # (time, events admitted then), oldest first.
        self._admitted: LRUCache[str, deque[tuple[float, int]]] = LRUCache(names)

    def admit(self, name: str, events: int = 1) -> int:
        """The number of `events` that are admitted now."""
        now = self._clock()
        with self._lock:
            recent = self._admitted.setdefault(name, deque())
            self._forget_old(recent, now)
            count = min(events, self._most - sum(n for _, n in recent))
            if count > 0:
                recent.append((now, count))
            return max(count, 0)

    def wait_s(self, name: str) -> float:
        """Seconds until the next event would be admitted, 0 if it would be now; nothing is counted."""
        now = self._clock()
        with self._lock:
            # A name that is only asked about does not push out one with events.
            recent = self._admitted.get(name)
            if recent is None:
                return 0.0
            self._forget_old(recent, now)
            if sum(n for _, n in recent) < self._most:
                return 0.0
            return self._window_s - (now - recent[0][0])

    def _forget_old(self, recent: deque[tuple[float, int]], now: float) -> None:
        while recent and not 0.0 <= now - recent[0][0] < self._window_s:
            recent.popleft()
