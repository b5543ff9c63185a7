"""The byte limits of all that lies in the cache directory, brought up to date once a second.

`du` of the cache directory stays below the brick limit, the frame limit and `BESIDE_BYTES`, and where bricks may
take more than 1 GiB, below a sixteenth of that more (448 MiB at most): unfinished bricks count as bricks, and
everything else has a limit of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dashboard.settings import Settings
from dashboard.storage.bytes_cache import WAL_BYTES
from dashboard.storage.database import SET_ASIDE_BYTES
from dashboard.storage.disk_space import free_bytes
from dashboard.storage.eviction import UNCOUNTED_BYTES, LruEvictor

MIB, GIB = 2**20, 2**30

# Datasets' descriptions and chunk indexes (a million chunks: 20 MB) may take this share of what bricks may.
FACTS_SHARE = 1 / 16
MIN_FACTS_BYTES, MAX_FACTS_BYTES = 64 * MIB, 512 * MIB
# Plans, notes on contiguous planes.
PLANS_BYTES = 16 * MIB
NOTES_BYTES = 8 * MIB
# 15 minutes of rows of three processes; a row is some 2 kB, and 20 at most.
LEDGER_BYTES = 54 * MIB
DATABASES = 5
# The logs may grow to twice what they are cut back to, while a large transaction is written.
BESIDE_BYTES = (
    MIN_FACTS_BYTES
    + PLANS_BYTES
    + NOTES_BYTES
    + LEDGER_BYTES
    + DATABASES * (2 * WAL_BYTES + SET_ASIDE_BYTES)
    + 2 * UNCOUNTED_BYTES
)

# A limit that shrinks does so by this share of itself in a second, and this much at least: what was decoded does
# not all go because somebody else fills the disk for a moment.
SHRINK_SHARE = 1 / 16
SHRINK_LEAST = 256 * MIB


def brick_limit(settings: Settings, folder: Path, used: int) -> int:
    """Bytes that bricks may take: as set, else a quarter of what is free or theirs, at most 32 GiB."""
    if settings.brick_cache_bytes is not None:
        return int(settings.brick_cache_bytes)
    return min((free_bytes(folder) + used) // 4, 32 * GIB)


def frame_limit(settings: Settings, folder: Path, used: int) -> int:
    """Bytes that frames may take: as set, but at most an eighth of what is free."""
    return min(int(settings.frame_cache_bytes), (free_bytes(folder) + used) // 8)


def facts_limit(bricks: int) -> int:
    """Bytes that descriptions and chunk indexes may take beside `bricks` bytes of bricks."""
    return min(max(int(bricks * FACTS_SHARE), MIN_FACTS_BYTES), MAX_FACTS_BYTES)


def next_limit(limit: int, target: int) -> int:
    """The limit a second later: up to its target at once, down step by step."""
    if target >= limit:
        return target
    return max(target, limit - max(int(limit * SHRINK_SHARE), SHRINK_LEAST))


@dataclass(frozen=True)
class LimitFollower:
    """Brings a cache's limit up to date and evicts what is over it.

    `target` gives the limit for the bytes that the cache uses now; `evict` evicts down to the limit.
    """

    evictor: LruEvictor
    target: Callable[[int], int]
    evict: Callable[[], object]

    def follow(self) -> None:
        """One second's step; raises what the database raises."""
        used = self.evictor.used()
        self.evictor.limit = next_limit(self.evictor.limit, self.target(used))
        if used > self.evictor.limit:
            self.evict()
