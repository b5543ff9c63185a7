"""Decode throughput of each volume on this machine, measured by all processes and shared between them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from cachetools import FIFOCache

from dashboard.addressing.addresses import digest
from dashboard.storage.rows import Rows

# Before a volume has been measured: gzip on two cores.
DEFAULT_BYTES_PER_S = 4e8
MAX_CACHED = 256
# How long a value that was read or measured is used before the row is read again.
READ_TTL_S = 5.0
# Shortest time between two writes of the row: decoding a small brick takes less time than writing a row.
PUBLISH_INTERVAL_S = 1.0


class DecodeThroughput:
    """Seconds per decoded byte, by volume: an exponential moving average with weight 1/3."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.monotonic) -> None:
        self._rows = rows
        self._clock = clock
        self._known: FIFOCache[str, tuple[float, float | None]] = FIFOCache(MAX_CACHED)
        self._published_at: FIFOCache[str, float] = FIFOCache(MAX_CACHED)
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Number of volumes that are remembered in this process."""
        return len(self._known.keys() | self._published_at.keys())

    def estimate_s(self, volume_key: str, nbytes: int) -> float:
        """Estimated time to decode `nbytes` of the volume (s)."""
        s_per_byte = self._s_per_byte(volume_key)
        return nbytes / DEFAULT_BYTES_PER_S if s_per_byte is None else nbytes * s_per_byte

    def record(self, volume_key: str, nbytes: int, seconds: float) -> None:
        """Record that decoding `nbytes` of the volume took `seconds`."""
        measured = seconds / nbytes
        s_per_byte = self._s_per_byte(volume_key)
        s_per_byte = measured if s_per_byte is None else s_per_byte + (measured - s_per_byte) / 3
        self._remember(volume_key, s_per_byte)
        if self._should_publish(volume_key):
            self._rows.set(_key(volume_key), json.dumps(s_per_byte).encode())

    def _should_publish(self, volume_key: str) -> bool:
        """Whether the volume's value is due to be published; marks it as published."""
        now = self._clock()
        with self._lock:
            if now - self._published_at.get(volume_key, -PUBLISH_INTERVAL_S) < PUBLISH_INTERVAL_S:
                return False
            self._published_at[volume_key] = now
        return True

    def _s_per_byte(self, volume_key: str) -> float | None:
        with self._lock:
            read_at, s_per_byte = self._known.get(volume_key, (-READ_TTL_S, None))
        if self._clock() - read_at < READ_TTL_S:
            return s_per_byte
        s_per_byte = None
        try:
            stored = float(json.loads(self._rows.get(_key(volume_key)) or b"null"))
            # Values of one second a byte and more are corrupt rows.
            s_per_byte = stored if 0.0 < stored < 1.0 else None
        except (ValueError, TypeError):
            s_per_byte = None
        self._remember(volume_key, s_per_byte)
        return s_per_byte

    def _remember(self, volume_key: str, s_per_byte: float | None) -> None:
        with self._lock:
            self._known[volume_key] = self._clock(), s_per_byte


def _key(volume_key: str) -> str:
    return digest("pace", volume_key)
