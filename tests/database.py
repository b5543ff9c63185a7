"""The database of a cache, read and changed as another process could."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from dashboard.storage.bytes_cache import BytesCache


def execute(cache: BytesCache, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of an SQL statement, committed at once."""
    path = Path(cache.directory) / "cache.db"
    with closing(sqlite3.connect(path, timeout=30.0, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def touch(cache: BytesCache, at: float, key: str = "") -> None:
    """Set the access time (Unix time, s) of one entry, or of all."""
    execute(cache, "UPDATE Cache SET access_time = ? WHERE ? IN (key, '')", at, key)
