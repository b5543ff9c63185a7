"""What is in the brick cache, by volume and axis, and how it is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dashboard.bricks.store import BrickStore
from dashboard.storage.access_trace import AccessTrace
from dashboard.storage.bytes_cache import CacheRow
from dashboard.telemetry.aggregates import OTHER


class Contents(NamedTuple):
    """Bricks of one volume across one axis, all versions of its file together, and the bytes of their files."""

    volume: str
    axis: str
    bricks: int
    bytes: int


def contents(store: BrickStore) -> list[Contents]:
    """The groups, the largest first; bricks of earlier versions of Lamella are in `other`."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row, owner in _owned(store):
        bricks, nbytes = sums.get(owner, (0, 0))
        sums[owner] = bricks + 1, nbytes + row.size
    found = [Contents(*owner, *counted) for owner, counted in sums.items()]
    return sorted(found, key=lambda group: (-group.bytes, group.volume, group.axis))


def drop(store: BrickStore, trace: AccessTrace, volume: str, axis: str | None = None) -> Contents:
    """Remove the bricks of a volume, or of one of its axes, from the cache; returns what this call removed.

    They are counted as dropped, not as evicted, and are forgotten: simulated caches lose them too. Bricks that are
    mapped stay readable for those who have them.
    """
    bricks = nbytes = 0
    for row, owner in _owned(store):
        if owner[0] == volume and axis in (None, owner[1]) and store.drop(row):
            trace.record_removal(row.key)
            bricks, nbytes = bricks + 1, nbytes + row.size
    return Contents(volume, axis or "", bricks, nbytes)


def _owned(store: BrickStore) -> Iterator[tuple[CacheRow, tuple[str, str]]]:
    """Each brick with its volume and axis."""
    for row, head in store.headers():
        volume, axis = head.get("volume"), head.get("axis")
        if isinstance(volume, str) and isinstance(axis, str):
            yield row, (volume, axis)
        else:
            yield row, (OTHER, OTHER)
