"""The free space on the disk of the cache directory.

A full disk must not stop the server: below a floor of free space nothing is written, and slices are served
uncached.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

PROBE_INTERVAL_S = 0.5
REST_AFTER_FULL_S = 10.0


def free_bytes(path: Path) -> int:
    """Bytes that this user can still write to the disk of `path`, which need not exist; 0 if unknown."""
    try:
        info = os.statvfs(path)
    except FileNotFoundError:
        # It is recreated by the next write.
        return free_bytes(path.parent)
    except OSError:
        return 0
    return info.f_bavail * info.f_frsize


class DiskSpace:
    """Free space on the disk of the cache, probed at most twice a second; thread-safe."""

    def __init__(
        self,
        path: Path,
        floor_bytes: int,
        clock: Callable[[], float] = time.monotonic,
        probe: Callable[[Path], int] = free_bytes,
    ) -> None:
        self._path = path
        self._floor = floor_bytes
        self._clock = clock
        self._probe = probe
        self._lock = threading.Lock()
        self._free = 0
        self._probed_at: float | None = None
        self._rests_until: float | None = None

    def free(self) -> int:
        """Free bytes, less what has been reserved since the last probe."""
        with self._lock:
            return self._seen()

    def reserve(self, nbytes: int) -> bool:
        """Reserve `nbytes`; whether they can be written without going below the floor."""
        with self._lock:
            if self._resting() or self._seen() - nbytes < self._floor:
                return False
            self._free -= nbytes
            return True

    def report_full(self) -> None:
        """Record a write that failed for lack of space or by quota, which statvfs does not show."""
        with self._lock:
            self._rests_until = self._clock() + REST_AFTER_FULL_S
            self._probed_at = None

    @property
    def degraded_message(self) -> str | None:
        """One sentence for the page while nothing can be written, else None."""
        with self._lock:
            if not self._resting() and self._seen() >= self._floor:
                return None
            free = self._seen() / 2**20
            return (
                f"The disk of the cache is full ({free:.0f} MiB free, {self._floor / 2**20:.0f} MiB are"
                " to stay free): slices are shown, but no longer kept."
            )

    def _resting(self) -> bool:
        return self._rests_until is not None and self._clock() < self._rests_until

    def _seen(self) -> int:
        now = self._clock()
        if self._probed_at is None or now - self._probed_at >= PROBE_INTERVAL_S:
            self._free = self._probe(self._path)
            self._probed_at = now
        return self._free
