"""Access times of cache entries, which decide what is evicted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from dashboard.storage.bytes_cache import BytesCache


class AccessLog:
    """Access times of entries, collected in memory and written once a second in one transaction.

    LRU inside diskcache turns each read into a write. Maintenance calls `flush`, as does the brick cache before it
    evicts; access times that a killed process had not flushed cost a little order, never data.
    """

    def __init__(self, cache: BytesCache, clock: Callable[[], float] = time.time) -> None:
        self._cache = cache
        self._clock = clock
        self._uses: dict[str, float] = {}
        self._lock = threading.Lock()

    def touch(self, key: str) -> None:
        """Record an access now."""
        with self._lock:
            self._uses[key] = self._clock()

    def flush(self) -> None:
        """Write the access times recorded since the last flush."""
        with self._lock:
            uses, self._uses = self._uses, {}
        self._cache.update_access_times(uses)
