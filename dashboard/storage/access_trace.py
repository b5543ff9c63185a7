"""Trace of the accesses to a cache by all processes, for a simulation of other cache sizes.

Accesses are collected in memory and written once a second, by key: what happens to one key within a second hardly
changes the order of use. One process reads the trace and removes what it has read; unread rows expire.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from dashboard.storage.rows import Rows, RowsUnavailable

log = logging.getLogger(__name__)

TRACE: Final = "trace:"
EXPIRE_S: Final = 60.0
# A row holds this many accesses, of some 100 bytes each.
ACCESSES_A_ROW: Final = 200


@dataclass(slots=True)
class Access:
    """Accesses to one key within a second.

    `size` in bytes, `demands` the number of accesses that count (0: the entry was only stored), `hit` whether the
    first of them found the entry in the cache, `at` the time of the last one (Unix time, s).
    """

    key: str
    size: int
    demands: int
    hit: bool
    at: float


class AccessTrace:
    """Records accesses of this process, and reads those of all; `clock` gives Unix time (s)."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock
        self._lock = threading.Lock()
        self._accesses: dict[str, Access] = {}

    def record(self, key: str, size: int, *, demand: bool, hit: bool) -> None:
        """Record an access, or with `demand=False` that an entry was stored."""
        now = self._clock()
        with self._lock:
            access = self._accesses.get(key)
            if access is None:
                self._accesses[key] = Access(key, size, int(demand), hit, now)
                return
            if demand and not access.demands:
                access.hit = hit
            access.demands += demand
            access.at = now

    def flush(self) -> None:
        """Write the accesses since the last flush."""
        with self._lock:
            accesses, self._accesses = list(self._accesses.values()), {}
        for at in range(0, len(accesses), ACCESSES_A_ROW):
            part = accesses[at : at + ACCESSES_A_ROW]
            row = json.dumps([[a.key, a.size, a.demands, a.hit, round(a.at, 3)] for a in part])
            self._rows.set(TRACE + uuid.uuid4().hex, row.encode(), expire=EXPIRE_S)

    def take(self) -> list[Access]:
        """The accesses that were written since the last call, in the order of their times; they are removed."""
        found: list[Access] = []
        try:
            keys = self._rows.keys_with_prefix(TRACE)
        except RowsUnavailable as error:
            log.debug("the trace of accesses cannot be read: %s", error)
            return []
        for key in keys:
            row = self._rows.get(key)
            if row is not None and self._rows.delete(key):
                found.extend(_accesses(row))
        return sorted(found, key=lambda access: access.at)


def _accesses(row: bytes) -> Iterator[Access]:
    try:
        for key, size, demands, hit, at in json.loads(row):
            yield Access(str(key), max(int(size), 0), max(int(demands), 0), bool(hit), float(at))
    except (ValueError, TypeError, OverflowError, RecursionError):
        log.warning("a row of the trace of accesses was skipped")
