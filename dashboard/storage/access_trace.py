"""Trace of the accesses to a cache by all processes, and of removals by hand, to simulate other cache sizes.

Accesses are collected in memory and written once a second; those of one key in a row are one entry. One process
reads the trace and removes what it has read; unread rows expire.
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
# Within a second; more are not simulated.
MOST_ACCESSES: Final = 20_000


@dataclass(slots=True)
class Access:
    """Accesses to one key in a row.

    `size` in bytes, `demands` the number of accesses that count, `hit` whether the first of them found the entry,
    `at` the time of the last one (Unix time, s). Without demands the entry was stored, or with `hit` only used, or
    it was `removed` by hand.
    """

    key: str
    size: int
    demands: int
    hit: bool
    at: float
    removed: bool = False


class AccessTrace:
    """Records accesses of this process, and reads those of all; `clock` gives Unix time (s)."""

    def __init__(self, rows: Rows, clock: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._clock = clock
        self._lock = threading.Lock()
        self._accesses: list[Access] = []

    def record(self, key: str, size: int, *, demand: bool, hit: bool) -> None:
        """Record an access; with `demand=False` that an entry was stored, or (`hit`) only used."""
        now = self._clock()
        with self._lock:
            last = self._accesses[-1] if self._accesses else None
            if last is not None and last.key == key and last.demands and demand and hit:
                last.demands += 1
                last.at = now
            elif len(self._accesses) < MOST_ACCESSES:
                self._accesses.append(Access(key, size, int(demand), hit, now))

    def record_removal(self, key: str) -> None:
        """Record that an entry was removed by hand, which a cache of any size would have lost."""
        with self._lock:
            self._accesses.append(Access(key, 0, 0, False, self._clock(), removed=True))

    def flush(self) -> None:
        """Write the accesses since the last flush."""
        with self._lock:
            accesses, self._accesses = self._accesses, []
        for at in range(0, len(accesses), ACCESSES_A_ROW):
            part = accesses[at : at + ACCESSES_A_ROW]
            row = json.dumps(
                [[a.key, a.size, a.demands, a.hit, round(a.at, 3), a.removed] for a in part]
            )
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
        for key, size, demands, hit, at, removed in json.loads(row):
            counts = max(int(size), 0), max(int(demands), 0)
            yield Access(str(key), *counts, bool(hit), float(at), bool(removed))
    except (ValueError, TypeError, OverflowError, RecursionError):
        log.warning("a row of the trace of accesses was skipped")
