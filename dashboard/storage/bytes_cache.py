"""diskcache holding bytes under string keys, and nothing else.

diskcache pickles values that SQLite cannot store, and unpickles what a row declares a pickle (CVE-2025-69872), so
write access to the cache directory allows code execution. Both directions are closed here. A planted row, or one
whose file name points outside the directory, reads as a miss and is logged.
"""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import DBNAME, MODE_BINARY, MODE_RAW, MODE_TEXT, UNKNOWN

from dashboard.storage.checksum import SEAL_BYTES, seal, unseal
from dashboard.storage.database import RepairingCache, open_repairing
from dashboard.storage.private_directory import make_private

log = logging.getLogger(__name__)

# What says how long the head of `HeadedBytes` is.
LENGTH_BYTES = 4

# Values up to this size are stored in SQLite itself, which saves a system call on each read.
INLINE_BYTES = 32 * 1024


# The mode of `HeadedBytes`: diskcache's for text, of which there is none here.
MODE_HEADED = MODE_TEXT

# File names of diskcache: two directories and a name.
FILE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}\.val", re.ASCII)

# Size to which the write-ahead log is truncated.
WAL_BYTES = 4 * 2**20

# Page size of eviction's queries.
PAGE_ROWS = 64


class InvalidRow(OSError):
    """A row that Lamella cannot have written; diskcache treats an OSError as a miss."""


@dataclass(frozen=True, slots=True)
class FileToAdopt:
    """A finished file that the cache adopts by renaming it, with a small header for its row."""

    path: Path
    header: bytes


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An adopted file as read back: its path and its header."""

    path: Path
    header: bytes


@dataclass(frozen=True, slots=True)
class HeadedBytes:
    """Bytes with a small head, which lies in the row, so that they are written and read without being copied."""

    head: bytes
    body: bytes

    def __len__(self) -> int:
        return len(self.head) + len(self.body)


def _as_written(value: bytes | None) -> bytes:
    if value is None:
        log.warning("cache row refused: its checksum does not match")
        raise InvalidRow("a row whose checksum does not match")
    return value


def _read_sealed(path: Path) -> bytes | None:
    """The content of a file without its checksum; None when that does not match. Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        # Two reads: cutting the checksum off would copy the value.
        value = os.read(fd, max(os.fstat(fd).st_size - SEAL_BYTES, 0))
        return value if os.read(fd, SEAL_BYTES + 1) == seal(value) else None
    finally:
        os.close(fd)


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return os.read(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


class BytesDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache ships no types
    """Keys are strings, values are bytes, with or without a head, or adopted files; each row's size is counted.

    A checksum follows each value and the header of an adopted file; a mismatch reads as a miss.
    """

    def put(self, key: Any) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"a cache key is a string, not {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: bool) -> str:
        if not raw or type(key) is not str:
            raise InvalidRow("a key that is no string")
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, str | None, Any]:
        if isinstance(value, FileToAdopt):
            name, full = self.filename(key, value)
            make_private(Path(full).parent)
            size = value.path.stat().st_size
            value.path.rename(full)
            return size, MODE_BINARY, name, value.header + seal(value.header)
        if isinstance(value, HeadedBytes):
            return self._store_headed(value, key)
        if type(value) is not bytes:
            raise TypeError(f"a cached value is bytes, not {type(value).__name__}")
        if len(value) <= INLINE_BYTES:
            return len(value), MODE_RAW, None, value + seal(value)
        name = self._write(key, value, seal(value))
        return len(value) + SEAL_BYTES, MODE_BINARY, name, None

    def _store_headed(self, value: HeadedBytes, key: Any) -> tuple[int, int, str | None, bytes]:
        head, body = value.head, value.body
        front = len(head).to_bytes(LENGTH_BYTES, "little") + head
        if len(body) <= INLINE_BYTES:
            row = front + body
            return len(row), MODE_HEADED, None, row + seal(row)
        # The checksum of the file is in the row, so that the file of another row in its place is noticed.
        row = front + seal(body)
        return len(row) + len(body), MODE_HEADED, self._write(key, body), row + seal(row)

    def _write(self, key: Any, *parts: bytes) -> str:
        """Write a new file; returns its name. Raises `OSError`."""
        name, full = self.filename(key, parts)
        path = Path(full)
        make_private(path.parent)
        try:
            with path.open("xb", buffering=0) as stream:
                for part in parts:
                    _write_all(stream.fileno(), part)
        except OSError:
            # A partial file would keep a full disk full.
            path.unlink(missing_ok=True)
            raise
        return str(name)

    def fetch(
        self, mode: int, filename: str | None, value: Any, read: bool
    ) -> bytes | StoredFile | HeadedBytes:
        if mode == MODE_RAW and filename is None and isinstance(value, bytes):
            return _as_written(unseal(value))
        if mode == MODE_BINARY and filename is not None:
            path = self._inside(filename)
            if value is None:
                return _as_written(_read_sealed(path))
            if isinstance(value, bytes):
                return StoredFile(path, _as_written(unseal(value)))
        if mode == MODE_HEADED and isinstance(value, bytes):
            return self._fetch_headed(_as_written(unseal(value)), filename)
        log.warning("cache row refused: mode %r, file %r", mode, filename)
        raise InvalidRow("a row that was not written here")

    def _fetch_headed(self, row: bytes, filename: str | None) -> HeadedBytes:
        end = LENGTH_BYTES + int.from_bytes(row[:LENGTH_BYTES], "little")
        head, rest = row[LENGTH_BYTES:end], row[end:]
        if filename is None:
            return HeadedBytes(head, rest)
        body = _read(self._inside(filename))
        return HeadedBytes(head, _as_written(body if rest == seal(body) else None))

    def remove(self, file_path: str) -> None:
        # A planted name must not make the cache delete files outside.
        with suppress(InvalidRow):
            path = self._inside(file_path)
            with suppress(OSError):
                path.unlink()
            with suppress(OSError):
                os.removedirs(path.parent)

    def _inside(self, filename: Any) -> Path:
        if type(filename) is str and FILE.fullmatch(filename):
            # Three system calls instead of two for each directory from the root of the file system.
            parts = [os.path.join(self._directory, filename[:end]) for end in (2, 5, None)]
            if not any(map(os.path.islink, parts)):
                return Path(parts[-1])
        root = os.path.realpath(self._directory)
        full = os.path.realpath(os.path.join(root, str(filename)))
        if not full.startswith(root + os.sep):
            log.warning("cache row refused: its file name leads outside: %r", filename)
            raise InvalidRow("a file name that leads outside the cache")
        return Path(full)


@dataclass(frozen=True, slots=True)
class CacheRow:
    """An entry as eviction sees it; `used` is the Unix time of the last access (s)."""

    key: str
    size: int
    used: float


class BytesCache(RepairingCache):
    """A `diskcache.Cache` of bytes that treats errors as misses, with the queries that eviction needs.

    `cull_limit` is 0, because diskcache's own culling drops ten rows at a time, the newest included, which
    empties a cache of a few large entries.
    """

    def __init__(self, directory: str, **settings: Any) -> None:
        super().__init__(directory, **settings)
        # Without the index, each store into a full cache would sort all rows.
        with suppress(sqlite3.OperationalError):
            self._sql("CREATE INDEX IF NOT EXISTS Cache_by_use ON Cache (access_time)")

    def get(self, key: str, default: Any = None, **kwargs: Any) -> Any:
        get = super().get
        try:
            return self._retry_once(lambda: get(key, default, **kwargs))
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("cache read failed, taken for a miss: %s", error)
            return default

    def set(self, key: str, value: Any, expire: float | None = None, **kwargs: Any) -> bool:
        """Store a value; returns whether that worked, as a full disk is no error of the caller."""
        store = super().set
        try:
            # Before the value's file is written or adopted, so that a deleted database is recreated first.
            self._retry_once(lambda: self._con)
            return bool(self._retry_once(lambda: store(key, value, expire=expire, **kwargs)))
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("cache write failed: %s", error)
            return False

    def delete(self, key: str, retry: bool = False) -> bool:
        delete = super().delete
        try:
            return bool(self._retry_once(lambda: delete(key, retry=retry)))
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("cache delete failed: %s", error)
            return False

    def __contains__(self, key: object) -> bool:
        contains = super().__contains__
        try:
            return bool(self._retry_once(lambda: contains(key)))
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("cache read failed, taken for a miss: %s", error)
            return False

    def expire(self, now: float | None = None, retry: bool = False) -> int:
        """Remove expired rows; raises database errors."""
        expire = super().expire
        return int(self._retry_once(lambda: expire(now, retry)))

    def select(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Result of a query; raises database errors."""
        return self._retry_once(lambda: self._sql(query, values).fetchall())

    def existing(self, keys: Sequence[str]) -> frozenset[str]:
        """Those of `keys` that are in the cache."""
        found = frozenset[str]()
        for at in range(0, len(keys), 500):
            part = keys[at : at + 500]
            marks = ",".join("?" * len(part))
            query = f"SELECT key FROM Cache WHERE raw = 1 AND key IN ({marks})"  # noqa: S608
            try:
                found |= {key for (key,) in self.select(query, tuple(part))}
            except (sqlite3.Error, diskcache.Timeout, OSError) as error:
                log.warning("cache read failed, taken for a miss: %s", error)
        return found

    def rows_by_eviction_order(self) -> Iterator[CacheRow]:
        """All entries, least recently used first; paged, so that reading only the first ones is cheap.

        Entries may be deleted during the iteration.
        """
        after: tuple[float, int] = (-1.0, -1)
        while True:
            rows = self.select(
                "SELECT rowid, key, size, access_time FROM Cache"
                " WHERE raw = 1 AND (access_time, rowid) > (?, ?)"
                " ORDER BY access_time, rowid LIMIT ?",
                (*after, PAGE_ROWS),
            )
            for rowid, key, size, used in rows:
                after = (used, rowid)
                if isinstance(key, str):
                    yield CacheRow(key, int(size), float(used))
            if len(rows) < PAGE_ROWS:
                return

    def update_access_times(self, uses: Mapping[str, float]) -> None:
        """Write access times by key (Unix time, s) in one transaction."""
        if not uses:
            return
        with suppress(sqlite3.Error, diskcache.Timeout), self.transact():
            for key, used in uses.items():
                self._sql(
                    "UPDATE Cache SET access_time = MAX(access_time, ?) WHERE key = ? AND raw = 1",
                    (used, key),
                )

    def totals(self) -> tuple[int, int]:
        """(bytes, entries) of all rows, as the triggers in the database count them."""
        rows = self.select("SELECT key, value FROM Settings WHERE key IN ('size', 'count')")
        known = dict(rows)
        return int(known.get("size", 0)), int(known.get("count", 0))

    def remove_orphans(self, older_than_s: float) -> int:
        """Delete files without a row that are older than `older_than_s`; returns how many.

        A process killed between renaming a file and committing its row leaves such an orphan. The age protects
        files whose row is being committed now.
        """
        named = {
            os.path.join(self.directory, name)
            for (name,) in self.select("SELECT filename FROM Cache WHERE filename IS NOT NULL")
        }
        limit = time.time() - older_than_s
        removed = 0
        for folder, _, files in os.walk(self.directory, topdown=False):
            for name in files:
                path = os.path.join(folder, name)
                if DBNAME in name or path in named:
                    continue
                with suppress(OSError):
                    # ctime: renaming sets it, while mtime is when the last byte was written.
                    if os.stat(path).st_ctime <= limit:
                        os.unlink(path)
                        removed += 1
            if folder != self.directory:
                with suppress(OSError):
                    os.rmdir(folder)  # Fails for directories that are not empty.
        return removed


def open_cache(directory: Path, *, timeout_s: float = 2.0) -> BytesCache:
    """Open or make the cache in `directory` (mode 0700); `timeout_s` bounds the wait for a writer."""
    return open_repairing(
        BytesCache,
        directory,
        timeout=timeout_s,
        disk=BytesDisk,
        eviction_policy="none",
        cull_limit=0,
        statistics=0,
        tag_index=0,
        size_limit=2**62,
        disk_min_file_size=INLINE_BYTES,
        # With memory-mapped I/O, a database truncated by another process would raise SIGBUS.
        sqlite_mmap_size=0,
        # Truncates the write-ahead log after a large transaction.
        sqlite_journal_size_limit=WAL_BYTES,
    )
