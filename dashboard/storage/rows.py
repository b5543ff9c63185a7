"""Rows: small values under string keys that processes share, and their implementation on diskcache.

Plans, statistics, descriptions of files and throughputs are such rows. Nothing else of a process is shared except
files, so another implementation of `Rows` is all that sharing between machines takes.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import diskcache

from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.checksum import unseal

log = logging.getLogger(__name__)

# No key has a character above, so this ends the range of a prefix.
_LAST = "\U0010ffff"
# Rows have the time at which their writers began to wait for the database: others see them a little later.
WRITTEN_WITHIN_S = 5.0
# Between a read and a write of `update`, all other threads of all processes may write the row.
_ATTEMPTS = 64


class RowsUnavailable(Exception):
    """The store cannot be used now; nothing was changed."""


class NumberedRow(NamedTuple):
    """A row with its number, which grows in the order in which keys were first stored."""

    number: int
    key: str
    value: bytes


class Changes(NamedTuple):
    """What was stored since a mark, in the order of writing, and the mark of the next call.

    `are_all` says that all rows are there, as for the mark 0 and after the store was emptied.
    """

    mark: float
    are_all: bool
    rows: list[tuple[str, bytes]]


class Rows(Protocol):
    """Values of bytes under string keys, shared by processes.

    `get`, `set` and `delete` never raise: an unavailable store reads as empty and stores nothing. All others
    raise `RowsUnavailable`. A row may expire; it is gone then for every method.
    """

    def get(self, key: str) -> bytes | None:
        """The value, None without one."""
        ...

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        """Store a value for `expire` seconds, or until it is evicted; returns whether it was stored."""
        ...

    def delete(self, key: str) -> bool:
        """Remove a row; returns whether there was one."""
        ...

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        """Store a value if the present one is `expected` (None: if there is none); returns whether it was."""
        ...

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        """Remove rows and store others in one step, or neither when one of `removed` does not exist.

        `expire` has the lifetimes of those that are stored for a time (s). Returns whether it was done. The values
        have to be small enough to be listed by `rows_after`.
        """
        ...

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        """Keys with this prefix, sorted; with `newest`, those of that many most recently stored rows."""
        ...

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        """The rows with a higher number, in order, without values above 32 kB; of all keys, or of these prefixes.

        A row that is overwritten keeps its number. The number of a removed last row may be given to the next one.
        """
        ...

    def changes(self, mark: float, newest: int, *prefixes: str) -> Changes:
        """The rows of these prefixes that were stored since `mark`, which is 0 or from the call before.

        Of each prefix, the `newest` ones; rows that are older than the mark may be among them, and values above
        32 kB are not. Rows that were removed are not listed.
        """
        ...

    def keys_between(self, *ranges: tuple[str, str]) -> list[str]:
        """The keys in any of these half-open ranges, as of one moment."""
        ...

    def rows_between(self, *ranges: tuple[str, str]) -> list[NumberedRow]:
        """The rows with keys in any of these half-open ranges, as of one moment; otherwise as `rows_after`."""
        ...

    def close(self) -> None:
        """Release what this thread has open; later calls open it again."""
        ...


def update(
    rows: Rows,
    key: str,
    change: Callable[[bytes | None], bytes],
    expire: float | None = None,
    *,
    likely: bytes | None = None,
) -> None:
    """Store what `change` makes of a row's value, again while other writers come in between.

    The row is not read first where its value is `likely` known. Raises `RowsUnavailable`.
    """
    if likely is not None and rows.compare_and_set(key, likely, change(likely), expire):
        return
    for _ in range(_ATTEMPTS):
        before = rows.get(key)
        if rows.compare_and_set(key, before, change(before), expire):
            return
    raise RowsUnavailable("too many processes write one row")


class _Conflict(Exception):
    """A row is gone; rolls the transaction back."""


def _within(column: str, ranges: int) -> str:
    """The condition that a column lies in one of so many half-open ranges; that it is anything, for none."""
    return " OR ".join([f"({column} >= ? AND {column} < ?)"] * ranges) or "1"


class DiskRows:
    """Rows in a `BytesCache`: a SQLite database on a local disk."""

    def __init__(self, cache: BytesCache) -> None:
        self.cache = cache

    def get(self, key: str) -> bytes | None:
        value = self.cache.get(key)
        # A planted row could name a file.
        return value if isinstance(value, bytes) else None

    def set(self, key: str, value: bytes, expire: float | None = None) -> bool:
        return self.cache.set(key, value, expire=expire)

    def delete(self, key: str) -> bool:
        return self.cache.delete(key)

    def compare_and_set(
        self, key: str, expected: bytes | None, value: bytes, expire: float | None = None
    ) -> bool:
        with self._transaction():
            if self.get(key) != expected:
                return False
            self._store(key, value, expire)
        return True

    def replace(
        self,
        removed: Collection[str],
        stored: Mapping[str, bytes],
        expire: Mapping[str, float] | None = None,
    ) -> bool:
        lifetimes = expire or {}
        try:
            with self._transaction():
                # Stored before others are removed: SQLite reuses the highest number after its row is deleted,
                # and a reader would take the new row for one that it has read.
                for key, value in stored.items():
                    self._store(key, value, lifetimes.get(key))
                for key in removed:
                    self._remove(key)
        except _Conflict:
            return False
        return True

    def keys_with_prefix(self, prefix: str, newest: int | None = None) -> list[str]:
        rows = self._select(
            "SELECT key FROM Cache WHERE raw = 1 AND key >= ? AND key < ?"
            " AND (expire_time IS NULL OR expire_time > ?) ORDER BY store_time DESC LIMIT ?",
            (prefix, prefix + _LAST, time.time(), -1 if newest is None else newest),
        )
        return sorted(key for (key,) in rows if isinstance(key, str))

    def rows_after(self, number: int, *prefixes: str) -> list[NumberedRow]:
        # The sign keeps SQLite from searching by key where few numbers are higher.
        column = "+key" if number > 0 else "key"
        return self._listed(column, number, [(p, p + _LAST) for p in prefixes])

    def changes(self, mark: float, newest: int, *prefixes: str) -> Changes:
        now = time.time()
        # The clock may have been set back.
        since = mark - WRITTEN_WITHIN_S if mark <= now else 0.0
        rows: list[tuple[str, bytes]] = []
        for prefix in prefixes:
            found = self._select(
                "SELECT rowid, key, value FROM Cache WHERE key >= ? AND key < ? AND store_time > ? AND raw = 1"
                " AND mode = ? AND filename IS NULL AND (expire_time IS NULL OR expire_time > ?)"
                " ORDER BY store_time DESC LIMIT ?",
                (prefix, prefix + _LAST, since, diskcache.core.MODE_RAW, now, newest),
            )
            rows += [(key, value) for _, key, value in _unsealed(reversed(found))]
        return Changes(now, since <= 0.0, rows)

    def keys_between(self, *ranges: tuple[str, str]) -> list[str]:
        rows = self._select(
            f"SELECT key FROM Cache WHERE ({_within('key', len(ranges))}) AND raw = 1"  # noqa: S608  # no values
            " AND (expire_time IS NULL OR expire_time > ?)",
            (*chain.from_iterable(ranges), time.time()),
        )
        return [key for (key,) in rows if isinstance(key, str)]

    def rows_between(self, *ranges: tuple[str, str]) -> list[NumberedRow]:
        return self._listed("key", 0, ranges) if ranges else []

    def _listed(
        self, column: str, number: int, ranges: Sequence[tuple[str, str]]
    ) -> list[NumberedRow]:
        within = _within(column, len(ranges))
        rows = self._select(
            f"SELECT rowid, key, value FROM Cache WHERE ({within}) AND rowid > ? AND raw = 1"  # noqa: S608  # no values
            " AND mode = ? AND filename IS NULL AND (expire_time IS NULL OR expire_time > ?)"
            " ORDER BY rowid",
            (*chain.from_iterable(ranges), number, diskcache.core.MODE_RAW, time.time()),
        )
        return list(_unsealed(rows))

    def remove_expired(self) -> None:
        """Remove the rows that have expired; raises `RowsUnavailable`."""
        with self._translated():
            self.cache.expire()

    def close(self) -> None:
        self.cache.close()

    def _store(self, key: str, value: bytes, expire: float | None = None) -> None:
        if not self.cache.set(key, value, expire=expire):
            raise RowsUnavailable("a row was not stored")

    def _remove(self, key: str) -> None:
        if not self.cache.delete(key):
            raise _Conflict

    def _select(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._translated():
            return self.cache.select(query, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All changes of the block, or none when it raises."""
        try:
            with self._translated(), self.cache.transact():
                yield
        except RowsUnavailable:
            self.cache.close()  # A failed COMMIT leaves the connection inside the transaction.
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            raise RowsUnavailable(str(error) or type(error).__name__) from error


def _unsealed(rows: Iterable[tuple[Any, ...]]) -> Iterator[NumberedRow]:
    """The rows of a table that match their checksums."""
    for rowid, key, sealed in rows:
        if isinstance(key, str) and isinstance(sealed, bytes):
            value = unseal(sealed)
            if value is None:
                log.warning("cache row refused: its checksum does not match")
            else:
                yield NumberedRow(int(rowid), key, value)


def open_rows(directory: Path, *, timeout_s: float = 2.0) -> DiskRows:
    """Open or make the rows in `directory`, as `open_cache` does."""
    return DiskRows(open_cache(directory, timeout_s=timeout_s))
