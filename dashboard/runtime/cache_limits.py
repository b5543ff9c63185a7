"""Byte limits of everything in the cache directory, updated once a second.

`du` of the cache directory stays below the sum of the brick limit, the frame limit and `BESIDE_BYTES`, plus a
sixteenth of the brick limit where that exceeds 1 GiB (448 MiB at most). Pending bricks count as bricks, and
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

# Limit of descriptions and chunk indexes (a million chunks: 20 MB), as a share of the brick limit.
METADATA_SHARE = 1 / 16
MIN_METADATA_BYTES, MAX_METADATA_BYTES = 64 * MIB, 512 * MIB
# Plans, notes on contiguous planes.
PLANS_BYTES = 16 * MIB
ACCESS_RECORD_BYTES = 8 * MIB
# 15 minutes of rows of three processes; a row has about 2 kB, at most 20. The history of 90 days has up to 26 MiB.
LEDGER_BYTES = (54 + 28) * MIB
DATABASES = 5
# Write-ahead logs may grow to twice the size to which they are truncated, during a large transaction.
BESIDE_BYTES = (
    MIN_METADATA_BYTES
    + PLANS_BYTES
    + ACCESS_RECORD_BYTES
    + LEDGER_BYTES
    + DATABASES * (2 * WAL_BYTES + SET_ASIDE_BYTES)
    + 2 * UNCOUNTED_BYTES
)

# A shrinking limit decreases by this share of itself each second, and at least by this much, so that bricks are
# not all evicted because another process fills the disk for a moment.
SHRINK_SHARE = 1 / 16
SHRINK_LEAST = 256 * MIB


def brick_limit(settings: Settings, folder: Path, used: int) -> int:
    """Brick limit (bytes): as configured, else a quarter of the free space and the bricks' own, at most 32 GiB."""
    if settings.brick_cache_bytes is not None:
        return int(settings.brick_cache_bytes)
    return min((free_bytes(folder) + used) // 4, 32 * GIB)


def frame_limit(settings: Settings, folder: Path, used: int) -> int:
    """Frame limit (bytes): as configured, but at most an eighth of the free space."""
    return min(int(settings.frame_cache_bytes), (free_bytes(folder) + used) // 8)


def metadata_limit(bricks: int) -> int:
    """Limit of the metadata cache (bytes) for a brick limit of `bricks` bytes."""
    return min(max(int(bricks * METADATA_SHARE), MIN_METADATA_BYTES), MAX_METADATA_BYTES)


def next_limit(limit: int, target: int) -> int:
    """The limit of the next second: up to its target at once, down step by step."""
    if target >= limit:
        return target
    return max(target, limit - max(int(limit * SHRINK_SHARE), SHRINK_LEAST))


@dataclass(frozen=True)
class LimitFollower:
    """Updates a cache's limit and evicts down to it.

    `target` returns the limit for the bytes that the cache uses now; `evict` evicts down to the limit.
    """

    evictor: LruEvictor
    target: Callable[[int], int]
    evict: Callable[[], object]

    def follow(self) -> None:
        """Update the limit once; raises database errors."""
        used = self.evictor.used()
        self.evictor.limit = next_limit(self.evictor.limit, self.target(used))
        if used > self.evictor.limit:
            self.evict()
