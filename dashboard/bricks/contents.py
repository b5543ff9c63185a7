"""What is in the brick cache, by volume and axis, and how it is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dashboard.bricks.store import BrickStore
from dashboard.storage.access_trace import AccessTrace
from dashboard.storage.bytes_cache import CacheRow
from dashboard.telemetry.aggregates import OTHER


class Contents(NamedTuple):
    """Bricks of one volume across one axis, all versions of its file together, and the bytes of their files.

    `file` and `dataset` are None where all bricks are of a former version, which does not say them.
    """

    volume: str
    axis: str
    bricks: int
    bytes: int
    file: str | None = None
    dataset: str | None = None


def contents(store: BrickStore) -> list[Contents]:
    """The groups, the largest first; bricks of earlier versions of Lamella are in `other`."""
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    names: dict[tuple[str, str], tuple[str | None, str | None]] = {}
    for row, owner, name in owned(store):
        bricks, nbytes = sums.get(owner, (0, 0))
        sums[owner] = bricks + 1, nbytes + row.size
        if names.get(owner, (None, None))[0] is None:
            names[owner] = name
    found = [Contents(*owner, *counted, *names[owner]) for owner, counted in sums.items()]
    return sorted(found, key=lambda group: (-group.bytes, group.volume, group.axis))


def drop(store: BrickStore, trace: AccessTrace, volume: str, axis: str | None = None) -> Contents:
    """Remove the bricks of a volume, or of one of its axes, from the cache; returns what this call removed.

    They are counted as dropped, not as evicted, and are forgotten: simulated caches lose them too. Bricks that are
    mapped stay readable for those who have them.
    """
    bricks = nbytes = 0
    for row, owner, _ in owned(store):
        if owner[0] == volume and axis in (None, owner[1]) and store.drop(row):
            trace.record_removal(row.key)
            bricks, nbytes = bricks + 1, nbytes + row.size
    return Contents(volume, axis or "", bricks, nbytes)


def owned(
    store: BrickStore,
) -> Iterator[tuple[CacheRow, tuple[str, str], tuple[str | None, str | None]]]:
    """Each brick with its volume and axis, and its file and dataset, least recently used first."""
    for row, head in store.headers():
        volume, axis = head.get("volume"), head.get("axis")
        file, dataset = head.get("file"), head.get("dataset")
        if isinstance(volume, str) and isinstance(axis, str):
            known = isinstance(file, str) and isinstance(dataset, str)
            yield row, (volume, axis), (file, dataset) if known else (None, None)
        else:
            yield row, (OTHER, OTHER), (None, None)
