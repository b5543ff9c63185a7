"""Which slices along an axis are cached, prefetched or planned."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from dashboard import errors
from dashboard.addressing.addresses import BrickAddress
from dashboard.addressing.selection import Selection
from dashboard.bricks.store import BrickStore
from dashboard.catalog.volume import Volume

MAX_STEPS = 20_000
# Usage records are read from the bricks' files, one by one.
MAX_USAGE_READS = 1_000

Ranges = list[list[int]]


class Residency:
    """Ranges for the slider's marks; `coming` returns the keys of planned and in-flight bricks."""

    def __init__(self, store: BrickStore, coming: Callable[[], Collection[str]]) -> None:
        self._store = store
        self._coming = coming

    def missing(self, keys: Collection[str]) -> set[str]:
        """The keys of bricks that are not in the cache."""
        return set(keys) - set(self._store.existing(list(keys)))

    def ranges(self, volume: Volume, selection: Selection, axis: int) -> dict[str, Ranges]:
        """Half-open ranges of indices along `axis`, the selection's other indices fixed.

        `cached` has everything in the cache, `ahead` the prefetched part that was not accessed yet, `coming`
        what is planned or in flight.
        """
        length = volume.shape[axis]
        if volume.reads_planes_directly(selection):
            return {"cached": [[0, length]], "ahead": [], "coming": []}
        step = volume.grid.brick_shape(*selection.plane)[axis]
        starts = range(0, length, step)
        if len(starts) * len(volume.bricks(selection)) > MAX_STEPS:
            raise errors.TooLarge(f"The axis has more than {MAX_STEPS:,} bricks.")
        planes = [self._bricks(volume, selection, axis, at) for at in starts]
        present = self._store.existing([brick.key for bricks in planes for brick in bricks])
        cached = [all(brick.key in present for brick in bricks) for bricks in planes]
        ahead = [False] * len(planes)
        for number in [n for n, whole in enumerate(cached) if whole][:MAX_USAGE_READS]:
            ahead[number] = all(self._store.is_unused_prefetch(brick) for brick in planes[number])
        planned = self._coming()
        coming = [
            not whole and any(brick.key in planned for brick in bricks)
            for whole, bricks in zip(cached, planes, strict=True)
        ]
        return {
            "cached": _merged(cached, step, length),
            "ahead": _merged(ahead, step, length),
            "coming": _merged(coming, step, length),
        }

    def _bricks(
        self, volume: Volume, selection: Selection, axis: int, at: int
    ) -> list[BrickAddress]:
        items = tuple(at if d == axis else item for d, item in enumerate(selection.items))
        return volume.bricks(replace(selection, items=items))


def _merged(flags: list[bool], step: int, length: int) -> Ranges:
    """Runs of True as ranges of indices."""
    ranges: Ranges = []
    for number, flag in enumerate(flags):
        if not flag:
            continue
        low, high = number * step, min((number + 1) * step, length)
        if ranges and ranges[-1][1] == low:
            ranges[-1][1] = high
        else:
            ranges.append([low, high])
    return ranges
