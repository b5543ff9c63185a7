"""Rows in memory, for tests of what keeps its values in them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import count
from math import inf

from dashboard.storage.rows import Changes, NumberedRow


@dataclass
class _Entry:
    number: int
    stored: int
    value: bytes
    until: float


class MemoryRows:
    """Rows of one process; `clock` gives Unix time (s)."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._numbers, self._order = count(1), count(1)
        self._lock = threading.RLock()

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self._live()[key].value if key in self._live() else None

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        until = inf if expire is None else self._clock() + expire
        with self._lock:
            old = self._entries.get(key)
            number = next(self._numbers) if old is None else old.number
            self._entries[key] = _Entry(number, next(self._order), value, until)
        return True

    def delete(self, key: str) -> bool:
        with self._lock:
            return key in self._live() and bool(self._entries.pop(key))

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        with self._lock:
            return self.get(key) == expected and self.set(key, value, expire)

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        with self._lock:
            if not self._live().keys() >= set(removed):
                return False
            for key, value in stored.items():
                self.set(key, value, (expire or {}).get(key))
            return all(self.delete(key) for key in removed)

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        with self._lock:
            found = {k: e.stored for k, e in self._live().items() if k.startswith(prefix)}
        return sorted(sorted(found, key=lambda key: -found[key])[:newest])

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        with self._lock:
            rows = [NumberedRow(e.number, key, e.value) for key, e in self._live().items()]
        return sorted(
            row for row in rows if row.number > number and row.key.startswith(prefixes or "")
        )

    def changes(self, mark: float, newest: int, *prefixes: str) -> Changes:
        with self._lock:
            live = sorted(self._live().items(), key=lambda one: one[1].stored)
            rows = [
                row
                for prefix in prefixes
                for row in [
                    (key, e.value) for key, e in live if key.startswith(prefix) and e.stored > mark
                ][-newest:]
            ]
            return Changes(max((e.stored for _, e in live), default=mark), mark == 0, rows)

    def keys_between(self, *ranges: tuple[str, str]) -> list[str]:
        return [row.key for row in self.rows_between(*ranges)]

    def rows_between(self, *ranges: tuple[str, str]) -> list[NumberedRow]:
        return [r for r in self.rows_after(0) if any(low <= r.key < high for low, high in ranges)]

    def close(self) -> None:
        pass

    def _live(self) -> dict[str, _Entry]:
        now = self._clock()
        return {key: entry for key, entry in self._entries.items() if entry.until > now}
