"""The metadata cache: values computed once for all processes and validated whenever they are read."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from dashboard.storage.keyed_locks import KeyedLocks
from dashboard.storage.rows import Rows

log = logging.getLogger(__name__)

T = TypeVar("T")


class MetadataCache:
    """Values in `rows`, as JSON; a row that is not of the expected type is computed again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._locks = KeyedLocks()

    def get(self, key: str, kind: TypeAdapter[T]) -> T | None:
        """The value under `key`; None without one."""
        raw = self._rows.get(key)
        if raw is None:
            return None
        try:
            return kind.validate_json(raw, strict=True)
        except ValidationError:
            log.warning("a metadata cache row is unreadable; computed again")
            return None

    def set(self, key: str, kind: TypeAdapter[T], value: T, expire: float | None = None) -> None:
        """Store a value for `expire` seconds, or until it is evicted."""
        self._rows.set(key, kind.dump_json(value), expire)

    def delete(self, key: str) -> None:
        """Remove a value."""
        self._rows.delete(key)

    def get_or_make(
        self,
        key: str,
        kind: TypeAdapter[T],
        make: Callable[[], T],
        expires: Callable[[T], float | None] = lambda _: None,
    ) -> T:
        """The value under `key`, made by one thread of this process if there is none.

        `expires` of a new value is its lifetime (s).
        """
        known = self.get(key, kind)
        if known is not None:
            return known
        with self._locks.locked(key):
            known = self.get(key, kind)
            if known is None:
                known = make()
                self.set(key, kind, known, expires(known))
            return known
