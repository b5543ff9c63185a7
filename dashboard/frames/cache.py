"""Frames through flask-caching, on a diskcache backend of ours that holds bytes alone."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask
from flask_caching import Cache
from flask_caching.backends.base import BaseCache

from dashboard.storage.bytes_cache import BytesCache
from dashboard.storage.disk_space import DiskSpace
from dashboard.storage.eviction import AccessLog, LruEvictor
from dashboard.telemetry.ledger import Ledger

log = logging.getLogger(__name__)

# Frames that wait to be stored, with the one that is being stored: memory that nobody else counts. As many as
# this of a screen's size, but of the largest (half a gigabyte each) no more than one.
MAX_PENDING, MAX_PENDING_BYTES = 16, 64 * 2**20
# How long a frame waits at least. Storing begun at once took the interpreter's lock from its own answer.
WRITE_DELAY_S = 0.005


class DiskcacheBackend(BaseCache):
    """A flask-caching backend on diskcache: bytes only, bounded in bytes, shared by all processes.

    flask-caching's own backends pickle their values and bound a cache by the number of its entries.
    """

    def __init__(
        self,
        cache: BytesCache,
        room: LruEvictor,
        space: DiskSpace,
        ledger: Ledger,
        default_timeout: int = 0,
    ) -> None:
        super().__init__(default_timeout=default_timeout)
        self._cache = cache
        self._evictor = room
        self._space = space
        self._ledger = ledger
        self.access_log = AccessLog(cache)

    @classmethod
    def factory(
        cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
    ) -> DiskcacheBackend:
        """Called by flask-caching with `CACHE_OPTIONS` as `kwargs`."""
        timeout = kwargs.get("default_timeout", 0)
        return cls(kwargs["cache"], kwargs["room"], kwargs["space"], kwargs["ledger"], timeout)

    def get(self, key: str) -> bytes | None:
        """The bytes under `key`, or None."""
        value = self._cache.get(key)
        if not isinstance(value, bytes):
            return None
        self.access_log.touch(key)
        return value

    def set(self, key: str, value: Any, timeout: Any = None) -> bool:
        """Keep bytes; what was used longest ago leaves for them."""
        if not isinstance(value, bytes):
            raise TypeError("a frame is bytes")
        if not self._space.reserve(len(value)):
            return False
        with self._evictor.reserve(len(value), may_take_protected=True) as gone:
            if gone:
                self._ledger.count("frames.evictions", gone)
            return gone is not None and self._cache.set(key, value)

    def add(self, key: str, value: Any, timeout: Any = None) -> bool:
        """Keep bytes unless the key is there."""
        return not self.has(key) and self.set(key, value, timeout)

    def delete(self, key: str) -> bool:
        """Remove an entry."""
        return self._cache.delete(key)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._cache

    def clear(self) -> bool:
        """Remove all entries."""
        self._cache.clear()
        return True


class PendingFrame(NamedTuple):
    """A frame that waits to be stored: what makes it, about how long it is, and from when on it may be."""

    make: Callable[[], bytes]
    nbytes: int
    due: float


class FrameCache:
    """The frame cache as the reader sees it: frames are stored after the answer has gone out.

    Storing 1.85 MB takes some 4 ms that nobody should wait for. Until a frame is on the disk it is
    found here.
    """

    def __init__(
        self,
        cache: Cache,
        ledger: Ledger,
        totals: Callable[[], tuple[int, int]],
        limit: Callable[[], int],
    ) -> None:
        self._cache = cache
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_PENDING)
        self._pending: dict[str, PendingFrame] = {}
        self._pending_bytes = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        ledger.gauge("frames.bytes", lambda: totals()[0])
        ledger.gauge("frames.entries", lambda: totals()[1])
        ledger.gauge("frames.limit", limit)

    def get(self, key: str) -> bytes | None:
        """The packed frame, or None."""
        with self._lock:
            fresh = self._pending.get(key)
        if fresh is not None:
            return fresh.make()
        value = self._cache.get(key)
        return value if isinstance(value, bytes) else None

    def put(self, key: str, make: Callable[[], bytes], nbytes: int) -> None:
        """Keep a frame of about `nbytes` soon; when too much waits already it is not kept at all.

        A frame that is larger than all that may wait is kept when nothing else waits.
        """
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._store, name="frames", daemon=True)
                self._thread.start()
            if key in self._pending or self._waiting.full():
                return
            if self._pending and self._pending_bytes + nbytes > MAX_PENDING_BYTES:
                return
            self._pending[key] = PendingFrame(make, nbytes, time.monotonic() + WRITE_DELAY_S)
            self._pending_bytes += nbytes
            self._waiting.put_nowait(key)

    def flush(self) -> None:
        """Wait until all that was put is stored."""
        self._waiting.join()

    def _store(self) -> None:
        while True:
            key = self._waiting.get()
            try:
                if key is None:
                    return
                with self._lock:
                    fresh = self._pending[key]
                # The answer that it was made for may still be going out. One that waited in the
                # queue has waited long enough.
                time.sleep(max(0.0, fresh.due - time.monotonic()))
                self._cache.set(key, fresh.make())
            except Exception:
                # Without this thread no frame would be kept until the next start.
                log.exception("a frame was not stored")
            finally:
                if key is not None:
                    with self._lock:
                        self._pending_bytes -= self._pending.pop(key).nbytes
                self._waiting.task_done()

    def close(self) -> None:
        """Store what waits and end the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=5.0)


def make_cache(
    app: Flask, cache: BytesCache, room: LruEvictor, space: DiskSpace, ledger: Ledger
) -> Cache:
    """flask-caching on our backend; entries do not expire, they are evicted."""
    return Cache(
        app,
        with_jinja2_ext=False,
        config={
            "CACHE_TYPE": "dashboard.frames.cache.DiskcacheBackend",
            "CACHE_DEFAULT_TIMEOUT": 0,
            "CACHE_OPTIONS": {"cache": cache, "room": room, "space": space, "ledger": ledger},
        },
    )
