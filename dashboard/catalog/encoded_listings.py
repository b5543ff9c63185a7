"""Lists of datasets as they are sent: encoding a long one again takes longer than sending it."""

from __future__ import annotations

import threading

from cachetools import LRUCache

MAX_BYTES = 64 * 2**20


class EncodedListings:
    """(JSON, version of the file) by key, at most `MAX_BYTES` in all (LRU)."""

    def __init__(self) -> None:
        self._kept: LRUCache[str, tuple[bytes, str]] = LRUCache(MAX_BYTES, lambda one: len(one[0]))
        self._lock = threading.Lock()

    def get(self, key: str) -> tuple[bytes, str] | None:
        """What is kept under `key`; None without it."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: str, body: bytes, version: str) -> None:
        """Keep a listing, unless it is too large."""
        if len(body) <= MAX_BYTES:
            with self._lock:
                self._kept[key] = body, version
