"""Rows in a store of several machines with copies on a disk of this one, for what is looked up with every slice.

A row that was looked up or written is taken from the disk for `FRESH_S`, and whenever the store does not answer.
Rows above `MOST_BYTES` stay on the disk alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final, Protocol

from cachetools import TTLCache

from dashboard.storage.rows import Changes, NumberedRow, Rows, RowsUnavailable

FRESH_S: Final = 5.0
MOST_BYTES: Final = 4 * 2**20
# Nothing in the store lasts for ever, since nobody limits it from here.
MOST_S: Final = 14 * 86_400.0
# Keys whose look-up is remembered.
KEPT: Final = 8192


class SharedRows(Rows, Protocol):
    """Rows that say for how long they last."""

    def read(self, key: str) -> tuple[bytes, float | None] | None:
        """The value and for how long it lasts (s, None: without end); raises `RowsUnavailable`."""
        ...


class LocalCopies:
    """Rows of `shared`, with copies in `local`; see `Rows`. `clock` gives monotonic seconds."""

    def __init__(
        self, shared: SharedRows, local: Rows, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shared = shared
        self._local = local
        self._fresh: TTLCache[str, None] = TTLCache(KEPT, FRESH_S, clock)
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            fresh = key in self._fresh
        if fresh:
            return self._local.get(key)
        try:
            found = self._shared.read(key)
        except RowsUnavailable:
            return self._local.get(key)
        if found is None:
            value = self._local.get(key)
        else:
            value, lasts_s = found
            if value != self._local.get(key):
                self._local.set(key, value, lasts_s)
        self._mark_fresh(key)
        return value

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        stored = self._local.set(key, value, expire)
        if len(value) <= MOST_BYTES:
            stored = self._shared.set(key, value, _lifetime(expire)) or stored
        self._mark_fresh(key)
        return stored

    def delete(self, key: str) -> bool:
        gone = [rows.delete(key) for rows in (self._shared, self._local)]
        self._mark_fresh(key)
        return any(gone)

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        try:
            done = self._shared.compare_and_set(key, expected, value, _lifetime(expire))
            if not done and expected is not None and self._is_local(key, expected):
                done = self._shared.compare_and_set(key, None, value, _lifetime(expire))
            if done:
                self._local.set(key, value, expire)
        except RowsUnavailable:
            done = self._local.compare_and_set(key, expected, value, expire)
        self._forget([key])
        return done

    def _is_local(self, key: str, value: bytes) -> bool:
        """Whether a value is on the disk alone, as when the store was emptied."""
        return self._local.get(key) == value and self._shared.read(key) is None

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        done = self._shared.replace(removed, stored, expire)
        if done:
            for key, value in stored.items():
                self._local.set(key, value, (expire or {}).get(key))
            for key in removed:
                self._local.delete(key)
            self._forget([*removed, *stored])
        return done

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        return self._shared.keys_with_prefix(prefix, newest)

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        return self._shared.rows_after(number, *prefixes)

    def changes(self, mark: float, newest: int, *prefixes: str) -> Changes:
        return self._shared.changes(mark, newest, *prefixes)

    def keys_between(self, *ranges: tuple[str, str]) -> list[str]:
        return self._shared.keys_between(*ranges)

    def rows_between(self, *ranges: tuple[str, str]) -> list[NumberedRow]:
        return self._shared.rows_between(*ranges)

    def close(self) -> None:
        for rows in (self._shared, self._local):
            rows.close()

    def _mark_fresh(self, key: str) -> None:
        with self._lock:
            self._fresh[key] = None

    def _forget(self, keys: Collection[str]) -> None:
        with self._lock:
            for key in keys:
                self._fresh.pop(key, None)


def _lifetime(expire: float | None) -> float:
    return MOST_S if expire is None else min(expire, MOST_S)
