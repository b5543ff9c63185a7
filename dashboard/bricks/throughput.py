"""How fast each volume is decoded on this machine, measured by all processes and shared by them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from cachetools import FIFOCache

from dashboard.addressing.addresses import digest
from dashboard.storage.bytes_cache import BytesCache

# Until a volume's own decoding has been timed: gzip on two cores.
DEFAULT_BYTES_PER_S = 4e8
MAX_CACHED = 256
# How long this process goes by what it read or measured last.
READ_TTL_S = 5.0
# How often it tells the others at most: a small brick takes less time than a row in a database.
PUBLISH_INTERVAL_S = 1.0


class DecodeThroughput:
    """Seconds per decoded byte, by volume; each new measurement counts for a third."""

    def __init__(self, cache: BytesCache, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._clock = clock
        self._known: FIFOCache[str, tuple[float, float | None]] = FIFOCache(MAX_CACHED)
        self._published_at: FIFOCache[str, float] = FIFOCache(MAX_CACHED)
        self._lock = threading.Lock()

    def estimate_s(self, volume_key: str, nbytes: int) -> float:
        """How long decoding so many bytes of the volume will probably take."""
        pace = self._bytes_per_s(volume_key)
        return nbytes / DEFAULT_BYTES_PER_S if pace is None else nbytes * pace

    def record(self, volume_key: str, nbytes: int, seconds: float) -> None:
        """Decoding so many bytes of the volume took so long."""
        measured = seconds / nbytes
        pace = self._bytes_per_s(volume_key)
        pace = measured if pace is None else pace + (measured - pace) / 3
        self._remember(volume_key, pace)
        if self._should_publish(volume_key):
            self._cache.set(_key(volume_key), json.dumps(pace).encode())

    def _should_publish(self, volume_key: str) -> bool:
        """Whether the others were not told of this volume lately; says that they are now."""
        now = self._clock()
        with self._lock:
            if now - self._published_at.get(volume_key, -PUBLISH_INTERVAL_S) < PUBLISH_INTERVAL_S:
                return False
            self._published_at[volume_key] = now
        return True

    def _bytes_per_s(self, volume_key: str) -> float | None:
        with self._lock:
            read_at, pace = self._known.get(volume_key, (-READ_TTL_S, None))
        if self._clock() - read_at < READ_TTL_S:
            return pace
        pace = None
        try:
            stored = float(json.loads(self._cache.get(_key(volume_key), b"null")))
            # One second a byte is no measurement of anything.
            pace = stored if 0.0 < stored < 1.0 else None
        except (ValueError, TypeError):
            pace = None
        self._remember(volume_key, pace)
        return pace

    def _remember(self, volume_key: str, pace: float | None) -> None:
        with self._lock:
            self._known[volume_key] = self._clock(), pace


def _key(volume_key: str) -> str:
    return digest("pace", volume_key)
