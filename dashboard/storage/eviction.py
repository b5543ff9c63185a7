"""Byte limit of a cache with LRU eviction."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import diskcache

from dashboard.storage.bytes_cache import CacheRow
from dashboard.storage.file_lock import LockTimeout, file_lock

log = logging.getLogger(__name__)

# Entries used within this time are on a screen; evicting them would only have them decoded again.
IN_USE_S = 2.0

# Overhead of an entry: two directories (4 KiB each), its last block, its row and the indexes over it. The first
# few MiB of it are not counted, so that few large entries may fill a limit to the byte.
ENTRY_BYTES = 12 * 1024
UNCOUNTED_BYTES = 16 * 2**20


OnEvict = Callable[[CacheRow], Callable[[], None] | None]


class EvictableCache(Protocol):
    """The part of `BytesCache` that eviction needs."""

    def totals(self) -> tuple[int, int]:
        """(bytes, entries)."""

    def rows_by_eviction_order(self) -> Iterator[CacheRow]:
        """All entries, least recently used first; they may be deleted meanwhile."""

    def delete(self, key: str) -> bool:
        """Remove an entry; returns whether that worked."""


class LruEvictor:
    """The byte limit of a cache that several processes fill.

    `limit` may be changed at any time. `beside` returns the size of pending files, which count already. `lock` is
    None for a cache of one thread.
    """

    def __init__(
        self,
        cache: EvictableCache,
        limit: int,
        lock: Path | None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cache = cache
        self.limit = limit
        self.beside: Callable[[], int] = int
        self._lock = lock
        self.clock = clock

    def used(self) -> int:
        """Size of the cache on the disk (bytes); raises database errors."""
        nbytes, entries = self.cache.totals()
        return nbytes + max(entries * ENTRY_BYTES - UNCOUNTED_BYTES, 0) + self.beside()

    def evict_for(
        self,
        need: int,
        *,
        protected: Callable[[], Collection[str]] = tuple,
        evict_protected_last: bool = False,
        exempt: Callable[[CacheRow], bool] | None = None,
        on_evict: OnEvict | None = None,
    ) -> int | None:
        """Evict least recently used entries until `need` bytes fit.

        Returns the number evicted, or None if that is not possible. Entries that `protected` names (called only if
        something has to be evicted) or that were used within the last seconds are spared; with
        `evict_protected_last` they are evicted last. Those for which `exempt` holds are never evicted. `on_evict`
        is called with each entry before its eviction, and what it returns afterwards, unless somebody else has
        removed the entry meanwhile.
        """
        if need > self.limit:
            return None
        try:
            used = self.used()
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("nothing could be evicted: %s", error)
            return None
        if used + need <= self.limit:
            return 0
        with self.reserve(
            need,
            protected=protected,
            evict_protected_last=evict_protected_last,
            exempt=exempt,
            on_evict=on_evict,
        ) as evicted:
            return evicted

    @contextmanager
    def reserve(
        self,
        need: int,
        *,
        protected: Callable[[], Collection[str]] = tuple,
        evict_protected_last: bool = False,
        exempt: Callable[[CacheRow], bool] | None = None,
        on_evict: OnEvict | None = None,
    ) -> Iterator[int | None]:
        """As `evict_for`, under the cache's lock: the caller stores its entry within the block."""
        with ExitStack() as stack:
            evicted = None
            try:
                if self._lock is not None:
                    stack.enter_context(file_lock(self._lock, timeout_s=5.0))
                evicted = self._evict(need, protected, evict_protected_last, exempt, on_evict)
            except (LockTimeout, sqlite3.Error, diskcache.Timeout, OSError) as error:
                log.warning("nothing could be evicted: %s", error)
            yield evicted

    def _evict(
        self,
        need: int,
        protected: Callable[[], Collection[str]],
        evict_protected_last: bool,
        exempt: Callable[[CacheRow], bool] | None,
        on_evict: OnEvict | None,
    ) -> int | None:
        used = self.used()
        over = used + need - self.limit
        if over <= 0:
            return 0
        if need > self.limit:
            return None
        evicted = 0
        undeletable: set[str] = set()
        protected_keys = protected()
        while over > 0:
            chosen = self._chosen(over, protected_keys, evict_protected_last, exempt, undeletable)
            if chosen is None:
                return evicted if undeletable else None
            for row in chosen:
                evicted_now = None if on_evict is None else on_evict(row)
                if self.cache.delete(row.key):
                    over -= row.size
                    evicted += 1
                    if evicted_now is not None:
                        evicted_now()
                else:
                    undeletable.add(row.key)
        return evicted

    def _chosen(
        self,
        over: int,
        protected: Collection[str],
        evict_protected_last: bool,
        exempt: Callable[[CacheRow], bool] | None,
        undeletable: Collection[str],
    ) -> list[CacheRow] | None:
        """Entries of at least `over` bytes together, or None where not enough may be evicted."""
        fresh = self.clock() - IN_USE_S
        chosen: list[CacheRow] = []
        last: list[CacheRow] = []
        for row in self.cache.rows_by_eviction_order():
            if over <= 0 or (row.used >= fresh and not evict_protected_last):
                break
            if row.key in undeletable or (exempt is not None and exempt(row)):
                continue
            if row.used >= fresh or row.key in protected:
                last.append(row)
                continue
            chosen.append(row)
            over -= row.size
        for row in last if evict_protected_last else ():
            if over <= 0:
                break
            chosen.append(row)
            over -= row.size
        return chosen if over <= 0 else None
