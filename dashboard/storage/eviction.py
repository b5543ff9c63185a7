"""Keeping a cache within its bytes: what was used longest ago leaves first."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import diskcache

from dashboard.storage.bytes_cache import BytesCache, CacheRow
from dashboard.storage.file_lock import LockTimeout, file_lock

log = logging.getLogger(__name__)

# What was used this lately is on somebody's screen; taking it would only have it decoded again.
IN_USE_S = 2.0

# What an entry takes beside its bytes: two folders (4 KiB each), its last block, its row and the indexes over it.
# The first few MiB of it are not counted, so that few large entries may fill a limit to the byte.
ENTRY_BYTES = 12 * 1024
UNCOUNTED_BYTES = 16 * 2**20


class AccessLog:
    """When entries were last used, noted in memory and written once a second in one transaction.

    LRU inside diskcache turns each read into a write. `flush` is called by whoever has a clock
    running; what a killed process had not flushed costs a little order, never data.
    """

    def __init__(self, cache: BytesCache, clock: Callable[[], float] = time.time) -> None:
        self._cache = cache
        self._clock = clock
        self._uses: dict[str, float] = {}
        self._lock = threading.Lock()

    def touch(self, key: str) -> None:
        """The entry was used now."""
        with self._lock:
            self._uses[key] = self._clock()

    def flush(self) -> None:
        """Write down what was noted since the last time."""
        with self._lock:
            uses, self._uses = self._uses, {}
        self._cache.update_access_times(uses)


class LruEvictor:
    """The byte limit of a cache that several processes fill.

    `limit` may be changed at any time. `beside` gives the bytes of files that are to be in the cache soon and
    count already.
    """

    def __init__(
        self,
        cache: BytesCache,
        limit: int,
        lock: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.cache = cache
        self.limit = limit
        self.beside: Callable[[], int] = int
        self._lock = lock
        self._clock = clock

    def used(self) -> int:
        """Bytes that the cache takes on the disk; raises what the database raises."""
        nbytes, entries = self.cache.totals()
        return nbytes + max(entries * ENTRY_BYTES - UNCOUNTED_BYTES, 0) + self.beside()

    def evict_for(
        self,
        need: int,
        *,
        protected: Callable[[], Collection[str]] = tuple,
        may_take_protected: bool = False,
        leaving: Callable[[str], None] | None = None,
    ) -> int | None:
        """Let entries leave until `need` bytes fit; returns how many left, or None if they cannot.

        What `protected` names (asked only when something has to leave), and what was used within the
        last seconds, stays; with `may_take_protected` it goes when nothing else is left. `leaving`
        hears of each key before it goes.
        """
        if need > self.limit:
            return None
        try:
            used = self.used()
        except (sqlite3.Error, diskcache.Timeout, OSError) as error:
            log.warning("no room made in a cache: %s", error)
            return None
        if used + need <= self.limit:
            return 0
        with self.reserve(
            need, protected=protected, may_take_protected=may_take_protected, leaving=leaving
        ) as gone:
            return gone

    @contextmanager
    def reserve(
        self,
        need: int,
        *,
        protected: Callable[[], Collection[str]] = tuple,
        may_take_protected: bool = False,
        leaving: Callable[[str], None] | None = None,
    ) -> Iterator[int | None]:
        """As `make`; and nobody else makes room or stores before the block ends, in which the caller does."""
        with ExitStack() as stack:
            gone = None
            try:
                stack.enter_context(file_lock(self._lock, timeout_s=5.0))
                gone = self._evict(need, protected, may_take_protected, leaving)
            except (LockTimeout, sqlite3.Error, diskcache.Timeout, OSError) as error:
                log.warning("no room made in a cache: %s", error)
            yield gone

    def _evict(
        self,
        need: int,
        protected: Callable[[], Collection[str]],
        may_take_protected: bool,
        leaving: Callable[[str], None] | None,
    ) -> int | None:
        used = self.used()
        over = used + need - self.limit
        if over <= 0:
            return 0
        if need > self.limit:
            return None
        gone = 0
        stuck: set[str] = set()
        spared = protected()
        while over > 0:
            chosen = self._chosen(over, spared, may_take_protected, stuck)
            if chosen is None:
                return gone if stuck else None
            for row in chosen:
                if leaving is not None:
                    leaving(row.key)
                if self.cache.delete(row.key):
                    over -= row.size
                    gone += 1
                else:
                    stuck.add(row.key)
        return gone

    def _chosen(
        self,
        over: int,
        protected: Collection[str],
        may_take_protected: bool,
        stuck: Collection[str],
    ) -> list[CacheRow] | None:
        """Entries that have `over` bytes together, or None where not so much may leave."""
        fresh = self._clock() - IN_USE_S
        chosen: list[CacheRow] = []
        spared: list[CacheRow] = []
        for row in self.cache.lru_rows():
            if over <= 0 or (row.used >= fresh and not may_take_protected):
                break
            if row.key in stuck:
                continue
            if row.used >= fresh or row.key in protected:
                spared.append(row)
                continue
            chosen.append(row)
            over -= row.size
        for row in spared if may_take_protected else ():
            if over <= 0:
                break
            chosen.append(row)
            over -= row.size
        return chosen if over <= 0 else None
