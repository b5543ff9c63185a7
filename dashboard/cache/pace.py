"""How fast each volume is decoded on this machine, measured by all processes and shared by them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from dashboard.storage.disk import BytesCache
from dashboard.volumes.address import digest

# Until a volume's own decoding has been timed: gzip on two cores.
GUESSED_BYTES_PER_S = 4e8
REMEMBERED = 256
# How long this process goes by what it read or measured last.
BELIEVED_S = 5.0
# How often it tells the others at most: a small brick takes less time than a row in a database.
TOLD_EVERY_S = 1.0


class Paces:
    """Seconds per decoded byte, by volume; each new measurement counts for a third."""

    def __init__(self, cache: BytesCache, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache = cache
        self._clock = clock
        self._known: dict[str, tuple[float, float | None]] = {}
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def seconds(self, volume_key: str, nbytes: int) -> float:
        """How long decoding so many bytes of the volume will probably take."""
        pace = self._pace(volume_key)
        return nbytes / GUESSED_BYTES_PER_S if pace is None else nbytes * pace

    def timed(self, volume_key: str, nbytes: int, seconds: float) -> None:
        """Decoding so many bytes of the volume took so long."""
        measured = seconds / nbytes
        pace = self._pace(volume_key)
        pace = measured if pace is None else pace + (measured - pace) / 3
        self._remember(volume_key, pace)
        if self._due(volume_key):
            self._cache.set(_key(volume_key), json.dumps(pace).encode())

    def _due(self, volume_key: str) -> bool:
        """Whether the others were not told of this volume lately; says that they are now."""
        now = self._clock()
        with self._lock:
            if now - self._told.get(volume_key, -TOLD_EVERY_S) < TOLD_EVERY_S:
                return False
            self._told[volume_key] = now
            if len(self._told) > REMEMBERED:
                del self._told[next(iter(self._told))]
        return True

    def _pace(self, volume_key: str) -> float | None:
        with self._lock:
            read_at, pace = self._known.get(volume_key, (-BELIEVED_S, None))
        if self._clock() - read_at < BELIEVED_S:
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
            self._known.pop(volume_key, None)
            self._known[volume_key] = self._clock(), pace
            if len(self._known) > REMEMBERED:
                del self._known[next(iter(self._known))]


def _key(volume_key: str) -> str:
    return digest("pace", volume_key)
