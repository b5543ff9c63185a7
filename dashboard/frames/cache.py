"""The frame cache: write-behind over a flask-caching backend on diskcache that stores bytes alone."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, Protocol

from flask_caching.backends.base import BaseCache

from dashboard.storage.access_log import AccessLog
from dashboard.storage.bytes_cache import BytesCache, HeadedBytes
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.eviction import LruEvictor
from dashboard.telemetry.ledger import Ledger
from dashboard.time_slice import compute_in_long_slices

log = logging.getLogger(__name__)

# Bounds of the write-behind queue, including the frame being written and those that wait to be verified, since no
# limit counts its memory: as many frames of screen size, but only one of the largest (half a gigabyte each).
MAX_PENDING, MAX_PENDING_BYTES = 16, 64 * 2**20
# Minimum delay of a write: storing at once competed with the response for the interpreter lock.
WRITE_DELAY_S = 0.005


class DiskcacheBackend(BaseCache):
    """A flask-caching backend on diskcache: bytes alone, with a head or without, bounded, shared by all processes.

    flask-caching's own backends pickle their values and bound a cache by the number of its entries.
    """

    def __init__(
        self,
        cache: BytesCache,
        evictor: LruEvictor,
        space: DiskSpace,
        ledger: Ledger,
    ) -> None:
        super().__init__(default_timeout=0)
        self._cache = cache
        self._evictor = evictor
        self._space = space
        self._ledger = ledger
        self.access_log = AccessLog(cache)

    @classmethod
    def factory(
        cls, app: Any, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> DiskcacheBackend:
        """The backend given as `backend` in `CACHE_OPTIONS`; called by flask-caching."""
        backend: DiskcacheBackend = kwargs["backend"]
        return backend

    def get(self, key: str) -> bytes | HeadedBytes | None:
        """The bytes under `key`, or None."""
        value = self._cache.get(key)
        if not isinstance(value, (bytes, HeadedBytes)):
            return None
        self.access_log.touch(key)
        return value

    def set(self, key: str, value: Any, timeout: Any = None) -> bool:
        """Store bytes, evicting least recently used entries for them."""
        if not isinstance(value, (bytes, HeadedBytes)):
            raise TypeError("a frame is bytes")
        if not self._space.reserve(len(value)):
            return False
        with self._evictor.reserve(len(value), evict_protected_last=True) as evicted:
            if evicted:
                self._ledger.count("frames.evictions", evicted)
            return evicted is not None and self._cache.set(key, value)

    def add(self, key: str, value: Any, timeout: Any = None) -> bool:
        """Store bytes unless the key exists."""
        return not self.has(key) and self.set(key, value, timeout)

    def delete(self, key: str) -> bool:
        """Remove an entry."""
        return self._cache.delete(key)

    def has(self, key: str) -> bool:
        """Whether the key exists."""
        return key in self._cache

    def clear(self) -> bool:
        """Remove all entries."""
        self._cache.clear()
        return True


class PendingFrame(NamedTuple):
    """A frame in the write-behind queue: the function that packs it, its approximate size, its earliest write."""

    make: Callable[[], HeadedBytes]
    nbytes: int
    due: float


class FrameStore(Protocol):
    """Where frames are stored: `DiskcacheBackend`, or `flask_caching.Cache` over it."""

    def get(self, key: str) -> Any:
        """The value under `key`, or None."""

    def set(self, key: str, value: HeadedBytes) -> Any:
        """Store a value."""


class FrameCache:
    """The frame cache as the renderer sees it: frames are written after the response (write-behind).

    Writing 1.85 MB takes about 4 ms, which no response should include. Until a frame is on the disk it is returned
    from the queue. `store` may be replaced by another one over the same backend.
    """

    def __init__(self, store: FrameStore) -> None:
        self.store = store
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._pending: dict[str, PendingFrame] = {}
        # Frames whose chunks' checksums are not verified yet.
        self._unverified: dict[str, PendingFrame] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def get(self, key: str) -> HeadedBytes | None:
        """The packed frame, or None."""
        with self._lock:
            pending = self._pending.get(key)
        if pending is not None:
            return pending.make()
        value = self.store.get(key)
        return value if isinstance(value, HeadedBytes) else None

    def put(
        self,
        key: str,
        make: Callable[[], HeadedBytes],
        nbytes: int,
        checks: Sequence[Future[bool]] = (),
    ) -> None:
        """Queue a frame of about `nbytes`, once all `checks` have passed; it is dropped when the queue is full.

        A frame larger than the queue's bound is accepted when the queue is empty.
        """
        with self._lock:
            if not self._fits(key, nbytes):
                return
            if not checks:
                self._enqueue(key, make, nbytes)
                return
            self._unverified[key] = PendingFrame(make, nbytes, 0.0)

        def checked(_: Future[bool]) -> None:
            # The checks keep this function, which must not keep the frame.
            if all(check.done() for check in checks):
                passed = all(not check.cancelled() and check.result() for check in checks)
                with self._lock:
                    frame = self._unverified.pop(key, None)
                    if frame is not None and passed:
                        self._enqueue(key, frame.make, frame.nbytes)

        for check in checks:
            check.add_done_callback(checked)

    def _enqueue(self, key: str, make: Callable[[], HeadedBytes], nbytes: int) -> None:
        """Queue a frame, under the lock."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._store, name="frames", daemon=True)
            self._thread.start()
        self._pending[key] = PendingFrame(make, nbytes, time.monotonic() + WRITE_DELAY_S)
        self._waiting.put_nowait(key)

    def _fits(self, key: str, nbytes: int) -> bool:
        """Whether a frame may be queued, under the lock."""
        queued = [*self._pending.values(), *self._unverified.values()]
        if key in self._pending or key in self._unverified or len(queued) >= MAX_PENDING:
            return False
        return not queued or sum(one.nbytes for one in queued) + nbytes <= MAX_PENDING_BYTES

    def flush(self) -> None:
        """Wait until the queue is written."""
        self._waiting.join()

    def _store(self) -> None:
        compute_in_long_slices()
        while True:
            key = self._waiting.get()
            try:
                if key is None:
                    return
                with self._lock:
                    pending = self._pending[key]
                # The response that the frame was rendered for may still be sent. Frames that have been queued
                # for longer are written at once.
                time.sleep(max(0.0, pending.due - time.monotonic()))
                self.store.set(key, pending.make())
            except Exception:
                # If this thread ended, no frame would be stored until the next start.
                log.exception("a frame was not stored")
            finally:
                if key is not None:
                    with self._lock:
                        del self._pending[key]
                self._waiting.task_done()

    def close(self) -> None:
        """Write the queue and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=5.0)
