"""The databases of a cache directory and the limits of the two large ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dashboard.storage.bytes_cache import BytesCache, open_cache
from dashboard.storage.eviction import LruEvictor
from dashboard.storage.private_directory import ensure_private_directory
from dashboard.storage.rows import DiskRows, open_rows


@dataclass(frozen=True)
class Caches:
    """What processes share in the cache directory `home`; the evictors' limits are set by their users."""

    home: Path
    locks: Path
    bricks: BytesCache
    frames: BytesCache
    metadata: DiskRows
    plans: DiskRows
    ledger: DiskRows
    brick_evictor: LruEvictor
    frame_evictor: LruEvictor


def open_caches(folder: Path) -> Caches:
    """Open or make the caches below `folder`; `SetupError` where that is not possible."""
    home = ensure_private_directory(folder)
    locks = home / "locks"
    locks.mkdir(exist_ok=True, mode=0o700)
    bricks, frames = open_cache(home / "bricks"), open_cache(home / "frames")
    return Caches(
        home=home,
        locks=locks,
        bricks=bricks,
        frames=frames,
        metadata=open_rows(home / "facts"),
        plans=open_rows(home / "board"),
        ledger=open_rows(home / "ledger"),
        brick_evictor=LruEvictor(bricks, 0, locks / "bricks.room"),
        frame_evictor=LruEvictor(frames, 0, locks / "frames.room"),
    )
