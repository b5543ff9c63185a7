"""A rate limit that holds over the processes of a server: its counts are in memory that they share.

A sliding window in constant space: a row has a name's newest counts with their times, oldest overwritten; counts
within a sixteenth of the window are added up and expire together, at most that much early. The row of a name is
one of the eight of its bucket, of which a new name gets the least recently used; finding it takes no search.

    bucket = hash of the name → 8 rows: name's digest | time of the last use | 18 × (time, count)

The hash has a key, so that nobody can choose names which push the row of another one out.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import secrets
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum, auto
from typing import Final

BUCKETS: Final = 512
ROWS: Final = 8
ENTRIES: Final = 18
# The variable with the descriptor of the memory.
DESCRIPTOR: Final = "_LAMELLA_COUNTS"
# Counts of a window are at most so many, and two that are in the way of being added up.
PARTS: Final = ENTRIES - 2

_DIGEST_BYTES: Final = 16
_ROW: Final = struct.Struct(f"={_DIGEST_BYTES}sd{'dq' * ENTRIES}")
_BUCKET_BYTES: Final = _ROW.size * ROWS
_KEY_BYTES: Final = 32
# Of one limit. Names that are never used take no memory.
TABLE_BYTES: Final = _BUCKET_BYTES * BUCKETS

# A process that is stopped while it has the lock holds the others up so long, for each of their requests.
_TRIES: Final = 20
_TRY_S: Final = 0.0005


class Table(IntEnum):
    """The counts that the processes of a server share."""

    REQUESTS = 0
    COLD_BYTES = auto()
    FAILURES = auto()
    ALL_FAILURES = auto()
    WRONG_SECRETS = auto()
    KNOWN_CLIENTS = auto()
    AUDIT_LINES = auto()


def new_memory() -> int:
    """A new descriptor of memory for all tables, which is freed with its last user."""
    descriptor = os.memfd_create("lamella-counts", os.MFD_CLOEXEC)
    end = TABLE_BYTES * len(Table)
    os.pwrite(descriptor, secrets.token_bytes(_KEY_BYTES), end)
    return descriptor


def shared_counts() -> int:
    """The descriptor for this process and all that it starts, made unless a parent did that."""
    if DESCRIPTOR not in os.environ:
        number = new_memory()
        os.set_inheritable(number, True)
        os.environ[DESCRIPTOR] = str(number)
    return int(os.environ[DESCRIPTOR])


class SharedMemory:
    """The counts of all limits, for all processes that inherit the descriptor; of this one alone without.

    `key` (32 random bytes) is the same in all of them.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = new_memory() if descriptor is None else descriptor
        end = TABLE_BYTES * len(Table)
        self._map = mmap.mmap(self.descriptor, end + _KEY_BYTES)
        self.key = self._map[end:]
        if descriptor is None:
            weakref.finalize(self, os.close, self.descriptor)

    def table(self, number: Table) -> memoryview:
        """The counts of a limit."""
        return memoryview(self._map)[number * TABLE_BYTES : (number + 1) * TABLE_BYTES]


class SharedLimit:
    """Admits at most `most` events of a name within any `window_s` seconds; thread-safe, and over processes.

    `clock` gives seconds and is the same in all processes, as that of the machine since its start is. Of names, at
    least the last eight are remembered, and 4,096 where they fall evenly.
    """

    def __init__(
        self,
        most: int,
        window_s: float,
        memory: SharedMemory,
        table: Table,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = most
        self._window_s = window_s
        self._memory = memory
        self._table = memory.table(table)
        self._offset = table * TABLE_BYTES
        self._clock = clock
        self._lock = threading.Lock()

    def admit(self, name: str, events: int = 1) -> int:
        """The number of `events` that are admitted now."""
        digest, bucket = self._place(name)
        with self._locked(bucket):
            now = self._clock()
            at, row = self._row(digest, bucket)
            counts = self._counts(row, now)
            count = min(events, self._most - sum(n for _, n in counts))
            if count <= 0:
                return 0
            if counts and now - counts[-1][0] < self._window_s / PARTS:
                counts[-1] = (counts[-1][0], counts[-1][1] + count)
            else:
                counts.append((now, count))
            kept = counts[-ENTRIES:] + [(0.0, 0)] * (ENTRIES - len(counts))
            _ROW.pack_into(
                self._table, at, digest, now, *(value for entry in kept for value in entry)
            )
            return count

    def wait_s(self, name: str) -> float:
        """Seconds until the next event would be admitted, 0 if it would be now; nothing is counted."""
        digest, bucket = self._place(name)
        with self._locked(bucket):
            now = self._clock()
            _, row = self._row(digest, bucket)
            counts = self._counts(row, now)
        if sum(n for _, n in counts) < self._most:
            return 0.0
        return self._window_s - (now - counts[0][0])

    def _place(self, name: str) -> tuple[bytes, int]:
        """What a name is recognised by, and its bucket."""
        found = hashlib.blake2b(
            name.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES, key=self._memory.key
        ).digest()
        return found, int.from_bytes(found[:4], "little") % BUCKETS

    def _row(self, digest: bytes, bucket: int) -> tuple[int, tuple[float, ...]]:
        """Where a name's row is or may be written, and its values; empty ones for a new name."""
        first, oldest, oldest_used = bucket * _BUCKET_BYTES, 0, float("inf")
        for at in range(first, first + _BUCKET_BYTES, _ROW.size):
            if self._table[at : at + _DIGEST_BYTES] == digest:
                return at, _ROW.unpack_from(self._table, at)[2:]
            (used,) = _USED.unpack_from(self._table, at + _DIGEST_BYTES)
            if used < oldest_used:
                oldest, oldest_used = at, used
        return oldest, ()

    def _counts(self, row: tuple[float, ...], now: float) -> list[tuple[float, int]]:
        """The counts of a row that are within the window, by time."""
        entries = zip(row[::2], row[1::2], strict=True)
        return [(t, int(n)) for t, n in entries if n > 0 and 0.0 <= now - t < self._window_s]

    @contextmanager
    def _locked(self, bucket: int) -> Iterator[None]:
        with self._lock:
            place = self._offset + bucket
            locked = self._try_lock(place)
            try:
                yield
            finally:
                if locked:
                    fcntl.lockf(self._memory.descriptor, fcntl.LOCK_UN, 1, place)

    def _try_lock(self, place: int) -> bool:
        """Whether other processes are kept out; if not, a count of theirs may be lost, and no request waits."""
        for _ in range(_TRIES):
            with suppress(BlockingIOError, PermissionError):
                fcntl.lockf(self._memory.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                return True
            time.sleep(_TRY_S)
        return False


_USED: Final = struct.Struct("=d")
