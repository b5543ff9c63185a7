"""The database of a cache, read and changed as another process could."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dashboard.storage.bytes_cache import BytesCache


def execute(cache: BytesCache, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of an SQL statement, committed at once."""
    path = Path(cache.directory) / "cache.db"
    with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def touch(cache: BytesCache, at: float, key: str = "") -> None:
    """Set the access time (Unix time, s) of one entry, or of all."""
    execute(cache, "UPDATE Cache SET access_time = ? WHERE ? IN (key, '')", at, key)


@contextmanager
def unreachable(cache: BytesCache) -> Iterator[None]:
    """The disk of the database fails meanwhile, for this thread and for those that have not used the cache yet."""

    def fail(*_: Any, **__: Any) -> NoReturn:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    cache.close()  # the next use connects again
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", fail)
        yield
