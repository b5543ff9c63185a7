"""Hit rates that the brick cache would have with other limits: caches of keys alone, fed with its accesses.

Each runs the eviction of the brick cache itself (`LruEvictor`), over the same accesses, in the same order. Volumes
have hundreds of bricks, not millions, so all keys are simulated and none are sampled
(unlike in RocksDB's `SimCache`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from dashboard.storage.access_trace import Access
from dashboard.storage.bytes_cache import CacheRow
from dashboard.storage.eviction import LruEvictor

# Multiples of the cache's limit, by the names of their counters.
FACTORS: Final = {"quarter": 0.25, "half": 0.5, "same": 1.0, "double": 2.0, "fourfold": 4.0}
# Time spans (s) of working sets; gauges are `working_set.sSECONDS`.
WORKING_SETS_S: Final = (60, 300, 900, 3600)
WORKING_SET: Final = "working_set"
# Counters: `simulated.hits_NAME`, beside `simulated.accesses` and `simulated.hits` of the cache itself.
SIMULATED: Final = "simulated"


class KeyCache:
    """What an evictor needs of a cache: keys and sizes, in the order of their last use."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, CacheRow] = OrderedDict()
        self._bytes = 0

    def totals(self) -> tuple[int, int]:
        """(bytes, entries)."""
        return self._bytes, len(self._rows)

    def rows_by_eviction_order(self) -> Iterator[CacheRow]:
        """All entries, least recently used first."""
        return iter(list(self._rows.values()))

    def bytes_since(self, t: float) -> int:
        """Bytes of the entries that were last used at `t` (Unix time, s) or later."""
        newest_first = reversed(list(self._rows.values()))
        return sum(row.size for row in takewhile(lambda row: row.used >= t, newest_first))

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def use(self, key: str, at: float) -> bool:
        """Move an entry to the end; returns whether there is one."""
        row = self._rows.pop(key, None)
        if row is None:
            return False
        self._rows[key] = CacheRow(key, row.size, at)
        return True

    def add(self, key: str, size: int, at: float) -> None:
        """Add a new entry."""
        self._rows[key] = CacheRow(key, size, at)
        self._bytes += size

    def delete(self, key: str) -> bool:
        """Remove an entry; returns whether there was one."""
        row = self._rows.pop(key, None)
        if row is not None:
            self._bytes -= row.size
        return row is not None


@dataclass(slots=True)
class _Clock:
    """The time of the access that is simulated (Unix time, s)."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


class SimulatedCaches:
    """Caches with multiples of the limit of a real one.

    `limit` returns the real limit now (bytes), `protected` the keys that are evicted last, `count` adds to a
    counter. `entries` are those of the real cache, least recently used first, which the simulation starts with.
    """

    def __init__(
        self,
        limit: Callable[[], int],
        protected: Callable[[], Collection[str]],
        count: Callable[[str, float], None],
        entries: Iterable[CacheRow] = (),
    ) -> None:
        self._limit = limit
        self._protected = protected
        self._count = count
        self._planned: Collection[str] | None = None
        self._clock = _Clock(time.time())
        self._caches = {name: KeyCache() for name in FACTORS}
        self._evictors = {
            name: LruEvictor(cache, 0, None, clock=self._clock)
            for name, cache in self._caches.items()
        }
        for row in entries:
            for cache in self._caches.values():
                cache.add(row.key, row.size, row.used)

    def follow(self, accesses: Iterable[Access]) -> None:
        """Simulate accesses and removals, in order, and count accesses and their hits."""
        limit = self._limit()
        # Planning takes a millisecond, and nothing when no simulated cache is full.
        self._planned = None
        for name, evictor in self._evictors.items():
            evictor.limit = round(limit * FACTORS[name])
        counted: dict[str, int] = {}
        for access in accesses:
            self._clock.now = access.at
            if access.removed:
                for cache in self._caches.values():
                    cache.delete(access.key)
            elif access.demands:
                again = access.demands - 1
                hits = {"accesses": access.demands, "hits": again + access.hit}
                for name, cache in self._caches.items():
                    hit = self._access(name, access)
                    # All but the first of several accesses in a row are hits, if the entry fits at all.
                    hits[f"hits_{name}"] = hit + (again if access.key in cache else 0)
                for name, amount in hits.items():
                    counted[name] = counted.get(name, 0) + amount
            else:
                for name in FACTORS:
                    self._access(name, access)
        for name, amount in counted.items():
            if amount:
                self._count(f"{SIMULATED}.{name}", amount)

    def working_set(self, seconds: float, now: float | None = None) -> int:
        """Bytes of the bricks that were accessed, or decoded, in the last seconds, up to four times the limit."""
        since = (time.time() if now is None else now) - seconds
        return max(cache.bytes_since(since) for cache in self._caches.values())

    def _protected_keys(self) -> Collection[str]:
        if self._planned is None:
            self._planned = self._protected()
        return self._planned

    def _access(self, name: str, access: Access) -> bool:
        """Access a simulated cache; returns whether the key was there."""
        cache, evictor = self._caches[name], self._evictors[name]
        if cache.use(access.key, access.at):
            return True
        if not access.demands and access.hit:
            return False  # used in the real cache, by a viewer that already had the slice
        evicted = evictor.evict_for(
            access.size,
            protected=self._protected_keys,
            # What is decoded ahead pushes nothing out that others are about to see.
            evict_protected_last=access.demands > 0,
        )
        if evicted is not None:
            cache.add(access.key, access.size, access.at)
        return False
